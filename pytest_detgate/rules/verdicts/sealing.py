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


def sealed_result(result: RuleResult, reason: str | None, *, shows_extent: bool) -> RuleResult:
    """Return the verdict of a result and, if `shows_extent`, how much was looked at, without any
    value, finding, image or advice. `reason` is why there is no verdict on values, where it tells
    none."""
    return RuleResult(
        id=result.id,
        code=result.code,
        verdict=result.verdict,
        message=_MESSAGES[result.verdict] if reason is None else reason,
        duration_s=result.duration_s,
        looked_at=result.looked_at if shows_extent else None,
        to_look_at=result.to_look_at if shows_extent else None,
        look_unit=result.look_unit if shows_extent else None,
        left_out_allowed=result.left_out_allowed if shows_extent else 0,
        can_block=result.can_block,
        waiver=result.waiver,
        about=result.about,
        is_sealed=True,
    )


def hides_reason(result: RuleResult) -> bool:
    """Whether an item on a sealed probe was not evaluated for a reason that may hold values. That
    this is so tells something of the model, as every verdict does."""
    hidden = (_MESSAGES["not-evaluated"], TOO_LITTLE)
    return result.is_sealed and result.message in hidden
