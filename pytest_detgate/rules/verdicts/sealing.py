"""The result of an item on a sealed probe: its verdict, and nothing that was measured."""

from __future__ import annotations

from pytest_detgate.findings import Verdict
from pytest_detgate.record.report import RuleResult

_MESSAGES: dict[Verdict, str] = {
    "passed": "sealed: every limit holds",
    "failed": "sealed: a limit is broken",
    "warned": "sealed: a limit is broken",
    "waived": "sealed: waived",
    "not-evaluated": "sealed: not evaluated; the reason may hold values, so it is not shown",
}

TOO_LITTLE = "sealed: too little evidence; the reason may hold values, so it is not shown"


def sealed_result(result: RuleResult, reason: str | None) -> RuleResult:
    """Return the verdict of a result and how much was looked at, without any value, finding, image
    or advice. `reason` is why there is no verdict on values, where it tells none."""
    return RuleResult(
        id=result.id,
        code=result.code,
        verdict=result.verdict,
        message=_MESSAGES[result.verdict] if reason is None else reason,
        duration_s=result.duration_s,
        looked_at=result.looked_at,
        to_look_at=result.to_look_at,
        look_unit=result.look_unit,
        left_out_allowed=result.left_out_allowed,
        can_block=result.can_block,
        waiver=result.waiver,
        about=result.about,
        is_sealed=True,
    )
