"""The evaluation of expectations as bytes, for another process of the run."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from pytest_detgate.expectations.evaluation.results import Evaluation, ExpectationResult
from pytest_detgate.expectations.requested import Requested


class _Result(msgspec.Struct):
    source: str
    type: str
    arguments: dict[str, Any]
    name: str
    columns: tuple[str, ...]
    met: bool | None
    reason: str
    observed: str
    limit: str
    share: float | None
    mostly: float | None
    unexpected: int | None
    missing: int | None
    rows: bytes


class _Evaluation(msgspec.Struct):
    results: list[_Result]
    document: dict[str, Any] | None


def packed(evaluation: Evaluation) -> bytes:
    """Pack an evaluation."""
    results = [_packed(result) for result in evaluation.results]
    return msgspec.msgpack.encode(_Evaluation(results, evaluation.document), enc_hook=str)


def unpacked(data: bytes) -> Evaluation:
    """Unpack what `packed` made."""
    evaluation = msgspec.msgpack.decode(data, type=_Evaluation)
    return Evaluation(
        results=[_unpacked(result) for result in evaluation.results], document=evaluation.document
    )


def _packed(result: ExpectationResult) -> _Result:
    requested = result.requested
    return _Result(
        source=requested.source,
        type=requested.type,
        arguments=dict(requested.arguments),
        name=result.name,
        columns=result.columns,
        met=result.met,
        reason=result.reason,
        observed=result.observed,
        limit=result.limit,
        share=result.share,
        mostly=result.mostly,
        unexpected=result.unexpected,
        missing=result.missing,
        rows=result.rows.astype("<i8").tobytes(),
    )


def _unpacked(packed: _Result) -> ExpectationResult:
    return ExpectationResult(
        requested=Requested(source=packed.source, type=packed.type, arguments=packed.arguments),
        name=packed.name,
        columns=packed.columns,
        met=packed.met,
        reason=packed.reason,
        observed=packed.observed,
        limit=packed.limit,
        share=packed.share,
        mostly=packed.mostly,
        unexpected=packed.unexpected,
        missing=packed.missing,
        rows=np.frombuffer(packed.rows, dtype="<i8"),
    )
