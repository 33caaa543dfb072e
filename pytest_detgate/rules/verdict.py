"""From a rule's outcome to a verdict. The gate fails closed: whatever could not be computed is
*not evaluated*, and that is never a pass."""

from __future__ import annotations

import datetime
import time
import traceback
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pytest_detgate.config.schema import WaiverTable
from pytest_detgate.errors import DetgateError, TooLittleEvidenceError
from pytest_detgate.findings import Finding, Verdict, can_break
from pytest_detgate.gaps import ALL_GAPS, Extent, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.report import FINDINGS_CAP, RuleResult, sendable
from pytest_detgate.rules.documentation import how_to_fix, rule_page
from pytest_detgate.rules.extent import extent_of, not_looked_at, require_something
from pytest_detgate.rules.plain_outcome import plain_outcome
from pytest_detgate.rules.registry import BoundRule
from pytest_detgate.rules.rule import Outcome, Target


def judge(
    bound: BoundRule,
    target: Target,
    inputs: Inputs,
    waivers: Sequence[WaiverTable] = (),
    keep: Callable[[Finding], None] | None = None,
) -> RuleResult:
    """Evaluate one item; never raises for anything the rule, its data or its model did.

    The result has the first findings only; `keep` is called with each of them all.
    """
    started = time.perf_counter()
    item = bound.item_name(target)
    extent: Extent | None = None
    try:
        _require_an_item(target)
        extent = _extent(bound, target, inputs)
        _require_detector(target, inputs, extent)
        outcome = plain_outcome(bound.rule.check(target, inputs))
        findings = _first(outcome.findings, keep)
        failed = outcome.accepted is None and _failed(outcome)
        extents = [extent] if outcome.extent is None else [extent, outcome.extent]
        extent = next((one for one in extents if not one.is_complete), extents[-1])
        require_something(extent, target.datasets)
    except TooLittleEvidenceError as error:
        reason = f"too little evidence: {inputs.project.shorten(str(error))}"
        result = _not_evaluated(item, bound, reason, started, extent)
        looked = extent is not None and extent.is_complete
        if looked and getattr(bound.rule, "too_little", "fail") == "warn":
            return msgspec.structs.replace(result, verdict="warned", can_block=False)
        return result
    except NotLookedAtError as error:
        extent = error.extent or extent
        return _not_evaluated(item, bound, inputs.project.shorten(str(error)), started, extent)
    except DetgateError as error:
        return _not_evaluated(item, bound, inputs.project.shorten(str(error)), started, extent)
    except (Exception, SystemExit) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        reason = (
            f"the rule crashed: {type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
        )
        return _not_evaluated(item, bound, inputs.project.shorten(reason), started, extent)
    verdict: Verdict = "passed" if outcome.accepted is None else "waived"
    message = outcome.message
    waiver = outcome.accepted
    given = next((entry for entry in waivers if entry.item == item), None)
    is_waived = given is not None and given.until >= _today()
    if failed:
        verdict = "warned" if bound.rule.severity == "warning" else "failed"
        if given is not None and verdict == "failed":
            waiver = f"{given.reason} ({given.owner}, until {given.until.isoformat()})"
            if is_waived:
                verdict = "waived"
            else:
                message += f"; its waiver ended on {given.until.isoformat()}"
    measurements = list(outcome.measurements)
    if not extent.is_complete:
        left_out = not_looked_at(extent, target.datasets)
        if verdict == "failed":
            message += f"; {left_out}"
        else:
            verdict, waiver = "not-evaluated", None
            message = f"{left_out}; of the rest: {message}"
            measurements = [measured.without_limit() for measured in measurements]
    result = RuleResult(
        id=item,
        code=bound.rule.code,
        verdict=verdict,
        message=message,
        measurements=measurements,
        findings=findings,
        findings_total=(
            len(findings) if outcome.findings_total is None else outcome.findings_total
        ),
        duration_s=time.perf_counter() - started,
        can_block=_can_block(bound, outcome) and not is_waived,
        waiver=waiver,
        about=rule_page(type(bound.rule)).summary,
        advice=how_to_fix(type(bound.rule)),
        tables=dict(outcome.tables),
        evidence=outcome.evidence,
    )
    return sendable(_with_extent(result, extent))


def _can_block(bound: BoundRule, outcome: Outcome) -> bool:
    """Whether other values would have failed the run."""
    measured = outcome.measurements
    return (
        outcome.accepted is None
        and bound.rule.can_block()
        and any(can_break(one, measured) for one in measured)
    )


def _require_an_item(target: Target) -> None:
    if target.nothing:
        raise NotLookedAtError(
            "this rule makes no item here: it finds nothing to look at",
            Extent(unit="runs", to_look_at=0, looked_at=0),
        )


def _extent(bound: BoundRule, target: Target, inputs: Inputs) -> Extent:
    """How much of its splits and probes an item can look at; a rule on none looks at one run."""
    if not target.datasets:
        return Extent(unit="runs", to_look_at=1, looked_at=1)
    seen = [
        (
            inputs.tables(name),
            inputs.detections(name) if name in target.detections else None,
        )
        for name in target.datasets
    ]
    ignored, allowed = bound.rule.ignored_gaps, bound.rule.allowed_gaps()
    spoiled = extent_of(seen, ignored | (ALL_GAPS - bound.rule.spoiling_gaps), allowed)
    if spoiled.to_look_at and not spoiled.is_complete:
        raise NotLookedAtError(not_looked_at(spoiled, target.datasets), spoiled)
    return extent_of(seen, ignored, allowed)


def _require_detector(target: Target, inputs: Inputs, extent: Extent) -> None:
    """Raise where the detections of a target cannot say anything."""
    if target.detections and extent.to_look_at and not extent.looked_at:
        raise NotLookedAtError(not_looked_at(extent, target.datasets), extent)
    for name in target.detections:
        inputs.refuse_silent(name)


def _with_extent(result: RuleResult, extent: Extent | None) -> RuleResult:
    if extent is None:
        return result
    return msgspec.structs.replace(
        result,
        looked_at=extent.looked_at,
        to_look_at=extent.to_look_at,
        look_unit=extent.unit,
        left_out=list(extent.left_out),
        left_out_allowed=extent.allowed,
    )


def _first(findings: Iterable[Finding], keep: Callable[[Finding], None] | None) -> list[Finding]:
    first: list[Finding] = []
    for finding in findings:
        if len(first) < FINDINGS_CAP:
            first.append(finding)
        elif keep is None:
            break
        if keep is not None:
            keep(finding)
    return first


def _failed(outcome: Outcome) -> bool:
    held = [measured.passed for measured in outcome.measurements if measured.passed is not None]
    if not held:
        raise DetgateError("the rule held no value against a limit, so it says nothing")
    return not all(held)


def _not_evaluated(
    item: str, bound: BoundRule, reason: str, started: float, extent: Extent | None
) -> RuleResult:
    result = RuleResult(
        id=item,
        code=bound.rule.code,
        verdict="not-evaluated",
        message=reason,
        duration_s=time.perf_counter() - started,
        about=rule_page(type(bound.rule)).summary,
        advice=how_to_fix(type(bound.rule)),
    )
    return sendable(_with_extent(result, extent))


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date()
