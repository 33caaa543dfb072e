"""The verdict on an item, from the outcome of its rule.

The gate fails closed: what could not be computed is *not evaluated*, which is never a pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from pytest_detgate.config.tables.run_tables import WaiverTable
from pytest_detgate.errors import DetgateError, TooLittleEvidenceError
from pytest_detgate.findings import Finding, Measurement, Verdict
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.accepted_record import AcceptedRecord
from pytest_detgate.record.advice import MMDETECTION, fitting_advice
from pytest_detgate.record.project_files.known_findings import Acceptance
from pytest_detgate.record.report import FINDINGS_CAP, RuleResult
from pytest_detgate.record.report_file import sendable
from pytest_detgate.rules.binding import BoundRule, crash_text, today
from pytest_detgate.rules.documentation.rule_page import how_to_fix, rule_page
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.rules.verdicts.extent import not_looked_at, require_something
from pytest_detgate.rules.verdicts.known import KnownFindings, SeenFindings, acceptances_of
from pytest_detgate.rules.verdicts.limits import broken_limits, can_block
from pytest_detgate.rules.verdicts.plain_outcome import plain_outcome
from pytest_detgate.rules.verdicts.preconditions import (
    extent_to_look_at,
    require_an_item,
    require_detector,
    require_looks,
)
from pytest_detgate.rules.verdicts.sealing import TOO_LITTLE, sealed_result

CRASHED = "the rule crashed"
"""How the message of a rule begins that ended in an error."""


def judge(
    bound: BoundRule,
    target: Target,
    inputs: Inputs,
    waivers: Sequence[WaiverTable] = (),
    on_finding: Callable[[Finding], bool] | None = None,
    accepted: Sequence[Acceptance] = (),
    on_documents: Callable[[Mapping[str, bytes]], None] | None = None,
) -> RuleResult:
    """Evaluate one item; never raises for anything the rule, its data or its model did.

    The result has the first findings only; `on_finding` is called with each of them, as long as it
    returns true, and `on_documents` with the documents of the outcome. With the `accepted` findings
    of the project, an item whose findings are all known is waived.
    """
    seals = inputs.project.seals
    with seals.opened(target.datasets):
        if not seals.covers(target.datasets):
            case = _Case(bound, target, inputs, accepted)
            return _judge(case, waivers, on_finding, on_documents)
        # What was accepted of its findings before the probe was sealed is hidden, too.
        case = _Case(bound, target, inputs, ())
        result = _judge(case, waivers, None)
        return sealed_result(result, case.open_reason, shows_extent=case.shows_extent)


def _judge(
    case: _Case,
    waivers: Sequence[WaiverTable],
    on_finding: Callable[[Finding], bool] | None,
    on_documents: Callable[[Mapping[str, bytes]], None] | None = None,
) -> RuleResult:
    """The result of a case, as it is without a seal."""
    try:
        with np.errstate(over="ignore"):  # infinite products: a crash where warnings are errors
            evaluated = case.evaluate(on_finding)
        case.require_all_numbers(evaluated, waivers)
    except TooLittleEvidenceError as error:
        return case.too_little(error)
    except NotLookedAtError as error:
        case.extent = error.extent or case.extent
        return case.not_evaluated(str(error), of_data=error.of_data)
    except DetgateError as error:
        return case.not_evaluated(str(error), of_data=error.of_data)
    except (Exception, SystemExit) as error:
        return case.not_evaluated(f"{CRASHED}: {crash_text(error)}")
    if on_documents is not None:
        on_documents(evaluated.outcome.documents)
    return case.judged(evaluated, waivers)


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """What a rule returned, its findings, and whether a limit is broken."""

    outcome: Outcome
    findings: SeenFindings
    failed: bool
    only_warns: bool


class _Case:
    """One item on its way to a verdict."""

    def __init__(
        self, bound: BoundRule, target: Target, inputs: Inputs, accepted: Sequence[Acceptance]
    ) -> None:
        self.extent: Extent | None = None
        """How much the item has to look at and looked at, as soon as that is known."""
        self.open_reason: str | None = None
        """Why there is no verdict on values, where that tells none of them."""
        self._may_tell = False
        """Whether what a rule says may hold values of the model."""
        self._bound = bound
        self._target = target
        self._inputs = inputs
        self._accepted = acceptances_of(self._item, accepted)
        self._started = time.perf_counter()

    @property
    def shows_extent(self) -> bool:
        """Whether how much was looked at tells nothing of what a model detects."""
        return self.extent is None or self.extent.of_data

    def evaluate(self, on_finding: Callable[[Finding], bool] | None) -> _Evaluated:
        """Count what the item has to look at, then ask the rule."""
        target, inputs = self._target, self._inputs
        require_an_item(target)
        require_looks(self._bound.rule, target, inputs)
        extent = self.extent = extent_to_look_at(self._bound, target, inputs)
        require_detector(target, inputs, extent)
        self._may_tell = bool(target.detections)
        outcome = plain_outcome(self._bound.rule.check(target, inputs))
        findings = self._seen(outcome, on_finding)
        broken = [] if outcome.accepted is not None else broken_limits(outcome)
        extents = [extent] if outcome.extent is None else [extent, outcome.extent]
        self.extent = next((extent for extent in extents if not extent.is_complete), extents[-1])
        require_something(self.extent, target.datasets)
        only_warns = outcome.warns.issuperset(broken)
        return _Evaluated(outcome, findings, bool(broken), only_warns)

    def require_all_numbers(self, evaluated: _Evaluated, waivers: Sequence[WaiverTable]) -> None:
        """Raise the first reason why a number with a limit is missing, unless the item fails by
        those that are there."""
        missing = evaluated.outcome.missing
        if missing and self._verdict(evaluated, self._waiver(waivers))[0] != "failed":
            raise missing[0]

    def judged(self, evaluated: _Evaluated, waivers: Sequence[WaiverTable]) -> RuleResult:
        """The result of an item that could be measured."""
        outcome, measurements = evaluated.outcome, list(evaluated.outcome.measurements)
        given = self._waiver(waivers)
        is_waived = given is not None and given.until >= today()
        verdict, waiver, message = self._verdict(evaluated, given)
        for error in outcome.missing:
            message += f"; {self._inputs.project.shorten(str(error))}"
        if self.extent is not None and not self.extent.is_complete:
            left_out = not_looked_at(self.extent, self._target.datasets)
            if verdict == "failed":
                message += f"; {left_out}"
            else:
                verdict, waiver = "not-evaluated", None
                self.open_reason = left_out if self.extent.of_data else None
                message = f"{left_out}; of the rest: {message}"
                measurements = [measured.without_limit() for measured in measurements]
        findings_total = outcome.findings_total or 0
        is_open = verdict != "passed" and type(self._bound.rule).accepts_findings
        return self._result(
            verdict=verdict,
            message=message,
            measurements=measurements,
            findings=evaluated.findings.first,
            findings_total=max(findings_total, evaluated.findings.total),
            fingerprints=evaluated.findings.fingerprints if is_open else [],
            can_block=can_block(self._bound, outcome) and not is_waived,
            waiver=waiver,
            accepted=[_accepted_record(entry) for entry in self._accepted],
            tables=dict(outcome.tables),
            evidence=outcome.evidence,
            needs=outcome.needs,
        )

    def _waiver(self, waivers: Sequence[WaiverTable]) -> WaiverTable | None:
        return next((entry for entry in waivers if entry.item == self._item), None)

    def _verdict(
        self, evaluated: _Evaluated, given: WaiverTable | None
    ) -> tuple[Verdict, str | None, str]:
        """The verdict by the limits alone, the reason why it is waived, and the message."""
        accepted, message = evaluated.outcome.accepted, evaluated.outcome.message
        message += evaluated.findings.note
        if not evaluated.failed:
            return "passed" if accepted is None else "waived", accepted, message
        # A rule that says there are more findings than it lists may have new ones.
        is_whole = (evaluated.outcome.findings_total or 0) <= evaluated.findings.total
        if is_whole and evaluated.findings.reason is not None:
            return "waived", evaluated.findings.reason, message
        if self._bound.rule.severity == "warning" or evaluated.only_warns:
            return "warned", accepted, message
        if given is None:
            return "failed", accepted, message
        reason = f"{given.reason} ({given.owner}, until {given.until.isoformat()})"
        if given.until >= today():
            return "waived", reason, message
        return "failed", reason, f"{message}; its waiver ended on {given.until.isoformat()}"

    def too_little(self, error: TooLittleEvidenceError) -> RuleResult:
        """The result of an item with too little evidence, which a rule may allow."""
        result = self.not_evaluated(f"too little evidence: {error}", of_data=error.of_data)
        self.open_reason = self.open_reason or TOO_LITTLE
        result = msgspec.structs.replace(result, needs=error.needs or str(error))
        is_complete = self.extent is not None and self.extent.is_complete
        if is_complete and getattr(self._bound.rule, "too_little", "fail") == "warn":
            return msgspec.structs.replace(result, verdict="warned", can_block=False)
        return result

    def not_evaluated(self, reason: str, *, of_data: bool | None = None) -> RuleResult:
        """The result of an item that could not be evaluated; `of_data` is that of the error."""
        message = self._inputs.project.shorten(reason)
        is_open = not self._may_tell if of_data is None else of_data
        self.open_reason = message if is_open else None
        return self._result(verdict="not-evaluated", message=message)

    def _seen(self, outcome: Outcome, on_finding: Callable[[Finding], bool] | None) -> SeenFindings:
        """The findings; only the first are read where nobody wants the others."""
        rule = type(self._bound.rule)
        seen = SeenFindings(KnownFindings(self._accepted, rule.findings_move, today()))
        for finding in outcome.findings:
            seen.add(finding)
            is_wanted = on_finding is not None and on_finding(finding)
            # A rule that does not say how many there are has them counted.
            is_counted = on_finding is None or outcome.findings_total is not None
            needs_all = self._accepted or (on_finding is not None and rule.accepts_findings)
            if seen.total >= FINDINGS_CAP and is_counted and not (is_wanted or needs_all):
                break
        return seen

    @property
    def _item(self) -> str:
        return self._bound.item_name(self._target)

    def _result(self, *, verdict: Verdict, message: str, **parts: Any) -> RuleResult:
        """The result as it is sent, with what every result has."""
        kind, extent = type(self._bound.rule), self.extent
        if extent is not None:
            parts |= {
                "looked_at": extent.looked_at,
                "to_look_at": extent.to_look_at,
                "look_unit": extent.unit,
                "left_out": list(extent.left_out),
                "left_out_allowed": extent.allowed,
            }
        return sendable(
            RuleResult(
                id=self._item,
                code=kind.code,
                verdict=verdict,
                message=message,
                duration_s=time.perf_counter() - self._started,
                about=rule_page(kind).summary,
                # Advice is on values; what could not be evaluated says itself what is missing.
                advice=""
                if verdict == "not-evaluated"
                else self._advice(parts.get("measurements", ())),
                **parts,
            )
        )

    def _advice(self, measurements: Sequence[Measurement]) -> str:
        """What to try, as it fits what was measured and what the project trains with."""
        text = how_to_fix(type(self._bound.rule))
        if not measurements:
            return fitting_advice(text, ())
        model = self._inputs.source.model_record()
        framework = None if model is None else model.framework
        if self._inputs.project.training_config is not None:
            framework = MMDETECTION
        return fitting_advice(text, measurements, framework, self._target.label)


def _accepted_record(entry: Acceptance) -> AcceptedRecord:
    return AcceptedRecord(
        findings=len(entry.findings),
        owner=entry.owner,
        until=entry.until.isoformat(),
        why=entry.why,
    )
