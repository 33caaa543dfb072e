"""Whether a record proves enough to mark a model as approved."""

from __future__ import annotations

from pytest_detgate.counts import with_count
from pytest_detgate.errors import DetgateError
from pytest_detgate.record.report import Report
from pytest_detgate.report.headline import BLOCKING, can_block


class ApprovalError(DetgateError):
    """An alias was asked for, and the record does not allow it; all else was published."""


def objection_to(report: Report) -> str | None:
    """Say why a record approves no model; None if it does.

    A passed run approves nothing if no value could have failed it, if rules were left out, or if no
    model was judged.
    """
    if report.verdict != "passed" or any(rule.verdict in BLOCKING for rule in report.rules):
        return "the gate blocked"
    if not report.rules or not can_block(report.rules):
        return "nothing in this run could have blocked"
    if report.not_selected:
        return with_count(len(report.not_selected), "rules were not selected")
    if report.model is None:
        return "the run judged no model file"
    return None
