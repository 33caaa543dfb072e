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
    results = [_packed(one) for one in evaluation.results]
    return msgspec.msgpack.encode(_Evaluation(results, evaluation.document), enc_hook=str)


def unpacked(data: bytes) -> Evaluation:
    """Unpack what `packed` made."""
    evaluation = msgspec.msgpack.decode(data, type=_Evaluation)
    return Evaluation(
        results=[_unpacked(one) for one in evaluation.results], document=evaluation.document
    )


def _packed(one: ExpectationResult) -> _Result:
    requested = one.requested
    return _Result(
        source=requested.source,
        type=requested.type,
        arguments=dict(requested.arguments),
        name=one.name,
        columns=one.columns,
        met=one.met,
        reason=one.reason,
        observed=one.observed,
        limit=one.limit,
        share=one.share,
        mostly=one.mostly,
        unexpected=one.unexpected,
        missing=one.missing,
        rows=one.rows.astype("<i8").tobytes(),
    )


def _unpacked(one: _Result) -> ExpectationResult:
    return ExpectationResult(
        requested=Requested(source=one.source, type=one.type, arguments=one.arguments),
        name=one.name,
        columns=one.columns,
        met=one.met,
        reason=one.reason,
        observed=one.observed,
        limit=one.limit,
        share=one.share,
        mostly=one.mostly,
        unexpected=one.unexpected,
        missing=one.missing,
        rows=np.frombuffer(one.rows, dtype="<i8"),
    )
