"""The boundary behind a rule: its outcome as plain JSON types, or the reason why it has none."""

from __future__ import annotations

import dataclasses
from functools import partial

import msgspec

from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.gaps import Extent
from pytest_detgate.plain import plain
from pytest_detgate.rules.rule import Outcome

_NAME = "the rule's outcome"


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an outcome, findings excepted, with the types that the record gives them."""

    message: str
    measurements: list[Measurement]
    findings_total: int | None
    tables: dict[str, Table]
    evidence: Evidence
    accepted: str | None
    warns: frozenset[str]
    documents: dict[str, bytes]
    extent: Extent | None
    needs: str | None


def plain_outcome(outcome: Outcome) -> Outcome:
    """Return the outcome with nothing in it but what JSON can hold.

    Raise `DetgateError`, which names the field, where a part cannot be written. Findings may be
    many: each is made plain, and may raise, when it is read.
    """
    parts = plain(
        _Parts(
            message=outcome.message,
            measurements=list(outcome.measurements),
            findings_total=outcome.findings_total,
            tables=dict(outcome.tables),
            evidence=outcome.evidence,
            accepted=outcome.accepted,
            warns=outcome.warns,
            documents=dict(outcome.documents),
            extent=outcome.extent,
            needs=outcome.needs,
        ),
        _NAME,
    )
    # A box that is not finite is what some findings are about.
    findings = map(partial(plain, name=_NAME, finite=False), outcome.findings)
    return dataclasses.replace(outcome, **msgspec.structs.asdict(parts), findings=findings)
