"""The result of an item onto its test report: of a rule, or of a test that uses the gate.

Setup, call, teardown and subtests of such a test are its parts. The worst of them is its verdict,
which goes with the report of its teardown: that is the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.findings import Verdict
from pytest_detgate.plugin.collection import RuleItem
from pytest_detgate.plugin.promised.items import uses_gate
from pytest_detgate.plugin.results.recording import ERRORS, RECORD, USED, NoLimitError, Record
from pytest_detgate.plugin.results.transport import attach_result
from pytest_detgate.printable import printable
from pytest_detgate.record.report import FINDINGS_CAP, RuleResult
from pytest_detgate.record.report_file import sendable
from pytest_detgate.record.result_text import held_against_limit
from pytest_detgate.report.coco_export import FindingsOnImages
from pytest_detgate.report.headline import ORDER

if TYPE_CHECKING:
    from pytest_detgate.plugin.session import GateSession


@dataclass(frozen=True, slots=True)
class Part:
    """How one part of a test ended; `waiver` says why a failure was expected."""

    verdict: Verdict
    message: str = ""
    waiver: str | None = None


@dataclass(slots=True)
class Parts:
    """The parts of a test so far; `measured` are the values that belong to one of them."""

    parts: list[Part] = field(default_factory=list)
    measured: int = 0
    duration_s: float = 0.0

    @property
    def worst(self) -> Part:
        return min(self.parts, key=lambda part: ORDER.index(part.verdict))


PARTS = pytest.StashKey[Parts]()


def add_result(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, gate: GateSession
) -> None:
    """Put what an item says to the gate onto the report that is the last to know it."""
    if isinstance(item, RuleItem):
        if call.when == "call" and item.result is not None and item.findings is not None:
            attach_result(item, report, item.result, item.findings, gate, item.documents)
        return
    if call.when == "setup":
        item.stash[PARTS] = Parts()
    parts = item.stash.setdefault(PARTS, Parts())
    record = item.stash.get(RECORD, None)
    try:
        part = _part(call, report, record, parts.measured)
    except Exception as error:
        # Such as an error of the test that cannot say its own text.
        part = Part("not-evaluated", f"its {call.when} failed: {type(error).__name__}")
    parts.parts.append(part)
    errors = item.config.stash.get(ERRORS, [])
    if errors:
        # The test may have caught it, and may not have asked for a fixture itself.
        parts.parts.append(Part("not-evaluated", errors[0]))
        item.stash[USED] = True
        errors.clear()
    parts.measured = 0 if record is None else len(record.measurements)
    parts.duration_s = call.duration if call.when != "teardown" else parts.duration_s
    if call.when == "teardown" and (uses_gate(item) or USED in item.stash):
        findings = FindingsOnImages() if record is None else record.on_images()
        attach_result(item, report, _result(item, parts, record), findings, gate)


def may_lack_limit(item: pytest.Item) -> bool:
    """Whether nothing else says yet that a test did not pass."""
    parts = item.stash.get(PARTS, None)
    return parts is None or all(part.verdict == "passed" for part in parts.parts)


def _part(
    call: pytest.CallInfo[None], report: pytest.TestReport, record: Record | None, start: int
) -> Part:
    error = None if call.excinfo is None else call.excinfo.value
    verdict, message = _verdict(call, record, start)
    if report.failed and verdict == "passed":
        # Such as a test that is marked xfail(strict=True) and passes.
        return Part("failed", _first_line(report.longreprtext) or "the test failed")
    if verdict == "failed" and report.skipped and not isinstance(error, pytest.skip.Exception):
        return Part("waived", message, f"expected to fail: {getattr(report, 'wasxfail', '')}")
    return Part(verdict, message)


def _verdict(call: pytest.CallInfo[None], record: Record | None, start: int) -> tuple[Verdict, str]:
    broken = [] if record is None else record.broken(start)
    if record is not None and broken:
        return "failed", record.message or ", ".join(map(held_against_limit, broken))
    if call.excinfo is None:
        return "passed", ""
    error = call.excinfo.value
    reason = _first_line(str(error))
    if isinstance(error, pytest.skip.Exception):
        return "not-evaluated", f"skipped: {reason}"
    if call.when == "call" and isinstance(error, pytest.xfail.Exception):
        # Said in the middle of a test, so that what follows was not looked at.
        after = f": {reason}" if reason else "; the mark xfail tells more than expectedFailure"
        return "not-evaluated", f"the test gave up as an expected failure{after}"
    if isinstance(error, (DetgateError, NoLimitError)):
        return "not-evaluated", str(error)
    if call.when != "call":
        return "not-evaluated", f"its {call.when} failed: {type(error).__name__}: {reason}"
    if isinstance(error, (AssertionError, pytest.fail.Exception)):
        return "failed", reason or "an assertion failed"
    return "not-evaluated", f"the test crashed: {type(error).__name__}: {reason}"


def _result(item: pytest.Item, parts: Parts, record: Record | None) -> RuleResult:
    worst = parts.worst
    message = worst.message
    if worst.verdict == "passed" and record is not None:
        message = record.message or ", ".join(map(held_against_limit, record.limits))
    return sendable(
        RuleResult(
            id=printable(item.nodeid),
            code=printable(getattr(item, "originalname", None) or item.name),
            verdict=worst.verdict,
            message=message,
            measurements=[] if record is None else record.measurements,
            findings=[] if record is None else record.findings[:FINDINGS_CAP],
            findings_total=0 if record is None else len(record.findings),
            duration_s=parts.duration_s,
            can_block=worst.verdict != "waived",
            waiver=worst.waiver,
            about=_first_line(getattr(getattr(item, "obj", None), "__doc__", None) or ""),
        )
    )


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
