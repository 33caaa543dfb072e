"""What a test written by hand tells the gate: the object behind `detgate_record`, and its verdict.

Such a test becomes an entry of the record like any rule, under its node id.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.regular_file import read_regular

if TYPE_CHECKING:
    from pytest_detgate.audit.mending import FindingsOnImages
    from pytest_detgate.audit.record import RuleResult
    from pytest_detgate.findings import Finding, Measurement, Verdict

RECORD = pytest.StashKey["Record"]()
FIXTURE = "detgate_record"
_ANNOUNCED = "recording-tests.json"


class Record:
    """Measured values and findings of one test. A value over its limit fails the test when its
    body has ended, so that everything it measures is in the record."""

    def __init__(self) -> None:
        self.message = ""
        self.measurements: list[Measurement] = []
        self.findings: list[Finding] = []

    def at_most(self, name: str, value: float | int, limit: float | int) -> None:
        """Hold a value against an upper limit."""
        from pytest_detgate.findings import Measurement

        self.measurements.append(Measurement.at_most(name, value, limit))

    def at_least(self, name: str, value: float | int, limit: float | int) -> None:
        """Hold a value against a lower limit."""
        from pytest_detgate.findings import Measurement

        self.measurements.append(Measurement.at_least(name, value, limit))

    def shown(self, name: str, value: float | int) -> None:
        """Report a value without judging it."""
        from pytest_detgate.findings import Measurement

        self.measurements.append(Measurement.shown(name, value))

    def finding(
        self,
        text: str,
        *,
        dataset: str | None = None,
        image: str | None = None,
        box: tuple[float, float, float, float] | None = None,
        label: str | None = None,
        score: float | None = None,
    ) -> None:
        """Name a place that a person should look at; the most telling first. `dataset` is the
        split or probe, `image` the `file_name` in it, `box` is `[x, y, width, height]`."""
        from pytest_detgate.findings import Finding
        from pytest_detgate.plain import plain

        found = Finding(text=text, dataset=dataset, image=image, box=box, label=label, score=score)
        self.findings.append(plain(found, "the finding", finite=False))

    def say(self, message: str) -> None:
        """Set the sentence that the record has for this test."""
        self.message = str(message)

    def on_images(self) -> FindingsOnImages:
        """The findings that lie on images."""
        from pytest_detgate.audit.mending import FindingsOnImages

        findings = FindingsOnImages()
        for finding in self.findings:
            findings.add(finding)
        return findings

    @property
    def broken(self) -> list[Measurement]:
        """The values that are beyond their limits."""
        return [measured for measured in self.measurements if measured.passed is False]

    def hold(self, shown: Callable[[str], str] = str) -> None:
        """Fail the test if a limit is broken; `shown` hides in the text what must not be seen."""
        if self.broken:
            from pytest_detgate.plugin.wording import broken_limits_text

            said = broken_limits_text(self.message, self.broken, self.findings)
            pytest.fail(shown(said), pytrace=False)


def recorded_result(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
) -> RuleResult | None:
    """What a test that used `detgate_record` says to the gate; None where it was skipped."""
    from pytest_detgate.audit.record import FINDINGS_CAP, RuleResult, sendable

    record = item.stash[RECORD]
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, pytest.skip.Exception):
        return None
    verdict, message = _verdict(record, error)
    waiver = None
    if report.failed and verdict == "passed":
        # Such as a test that is marked xfail(strict=True) and passes.
        verdict, message = "failed", _first_line(report.longreprtext) or "the test failed"
    if verdict == "failed" and report.skipped:
        verdict, waiver = "waived", f"expected to fail: {getattr(report, 'wasxfail', '')}"
    return sendable(
        RuleResult(
            id=item.nodeid,
            code=getattr(item, "originalname", None) or item.name,
            verdict=verdict,
            message=message,
            measurements=record.measurements,
            findings=record.findings[:FINDINGS_CAP],
            findings_total=len(record.findings),
            duration_s=call.duration,
            waiver=waiver,
            about=_first_line(getattr(getattr(item, "obj", None), "__doc__", None) or ""),
        )
    )


def announce(run: Path, items: list[pytest.Item]) -> None:
    """Leave the names of the tests that will record where the reporter finds them, so that one
    whose worker dies is not forgotten."""
    names = [item.nodeid for item in items if FIXTURE in getattr(item, "fixturenames", ())]
    if names:
        from pytest_detgate.audit.files import write_whole

        write_whole(run / _ANNOUNCED, json.dumps(names).encode())


def announced(run: Path) -> frozenset[str]:
    """The names that `announce` left."""
    try:
        return frozenset(json.loads(read_regular(run / _ANNOUNCED)))
    except FileNotFoundError:
        return frozenset()


def _verdict(record: Record, error: BaseException | None) -> tuple[Verdict, str]:
    from pytest_detgate.audit.one_line import held_against_limit

    if record.broken:
        said = ", ".join(held_against_limit(measured) for measured in record.broken)
        return "failed", record.message or said
    if error is None:
        held = [measured for measured in record.measurements if measured.limit is not None]
        return "passed", record.message or ", ".join(map(held_against_limit, held))
    if isinstance(error, DetgateError):
        return "not-evaluated", str(error)
    if isinstance(error, (AssertionError, pytest.fail.Exception)):
        return "failed", _first_line(str(error)) or "an assertion failed"
    said = _first_line(str(error))
    return "not-evaluated", f"the test crashed: {type(error).__name__}: {said}"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
