"""What a test written by hand tells the gate: the object behind `detgate_record`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_detgate.errors import DetgateError

if TYPE_CHECKING:
    from pytest_detgate.findings import Finding, Measurement
    from pytest_detgate.report.coco_export import FindingsOnImages

T = TypeVar("T")
RECORD = pytest.StashKey["Record"]()
USED = pytest.StashKey[bool]()
"""Set on a test that has asked for a fixture of the gate."""
REQUEST = pytest.StashKey[pytest.FixtureRequest]()
"""What such a test asked with: it knows all fixtures of the test."""
ERRORS = pytest.StashKey[list[str]]()
"""Errors that the fixtures of the gate raised since the last report of a test. A test may catch
one and go on; it has no answer all the same."""


class NoLimitError(pytest.fail.Exception):  # type: ignore[name-defined, misc]
    """A test records and compares nothing with a limit."""


class Record:
    """Measured values and findings of one test. A value over its limit fails the test when its
    body has ended, so that everything it measures is in the record; one that a fixture measures
    while it is torn down fails it then.

    What makes no sense is a `DetgateError` where it is called. `require_image` raises one for
    a split, probe or image that does not exist; without it any is taken.
    """

    def __init__(
        self,
        require_image: Callable[[str, str | None], None] | None = None,
        errors: list[str] | None = None,
    ) -> None:
        """`errors` takes the text of every error that is raised here."""
        self.message = ""
        self.measurements: list[Measurement] = []
        self.findings: list[Finding] = []
        self._require_image = require_image
        self._errors = errors
        self._judged_count = 0
        self._is_closed = False

    def close(self) -> None:
        """Take nothing more: the test has ended, so a limit that broke now would fail nothing."""
        self._is_closed = True

    def at_most(self, name: str, value: float | int, limit: float | int) -> None:
        """Compare a value with an upper limit."""
        __tracebackhide__ = True
        self._take(self._measured, "at_most", name, value, limit)

    def at_least(self, name: str, value: float | int, limit: float | int) -> None:
        """Compare a value with a lower limit."""
        __tracebackhide__ = True
        self._take(self._measured, "at_least", name, value, limit)

    def shown(self, name: str, value: float | int) -> None:
        """Report a value without judging it."""
        __tracebackhide__ = True
        self._take(self._measured, "shown", name, value)

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
        __tracebackhide__ = True
        self._take(
            self._add_finding,
            {
                "text": text,
                "dataset": dataset,
                "image": image,
                "box": box,
                "label": label,
                "score": score,
            },
        )

    def say(self, message: str) -> None:
        """Set the sentence that the record has for this test."""
        __tracebackhide__ = True
        self._take(self._set_message, str(message))

    def on_images(self) -> FindingsOnImages:
        """The findings that are on images."""
        from pytest_detgate.report.coco_export import FindingsOnImages

        findings = FindingsOnImages()
        for finding in self.findings:
            findings.add(finding)
        return findings

    @property
    def limits(self) -> list[Measurement]:
        """The values that have limits."""
        return [measured for measured in self.measurements if measured.limit is not None]

    def broken(self, start: int = 0) -> list[Measurement]:
        """The values that are beyond their limits, from the `start`-th measurement on."""
        return [measured for measured in self.measurements[start:] if measured.passed is False]

    def hold(self, shown: Callable[[str], str] = str) -> None:
        """Fail the test if a limit was broken since this was called last; `shown` hides in the
        text what must not be seen."""
        broken = self.broken(self._judged_count)
        self._judged_count = len(self.measurements)
        if broken:
            from pytest_detgate.plugin.output.wording import broken_limits_text

            reason = broken_limits_text(self.message, broken, self.findings)
            pytest.fail(shown(reason), pytrace=False)

    def require_limit(self) -> None:
        """Fail a test that was evaluated and compares nothing with a limit."""
        if not self.limits:
            raise NoLimitError(
                "the test compared no value with a limit, so it says nothing; call "
                "detgate_record.at_most or at_least",
                pytrace=False,
            )

    def _take(self, take: Callable[..., None], *arguments: Any) -> None:
        __tracebackhide__ = True
        raise_here(self._open, errors=self._errors)
        raise_here(take, *arguments, errors=self._errors)

    def _open(self) -> None:
        if self._is_closed:
            raise DetgateError(
                "detgate_record was used after its test had ended; a test records with its own"
            )

    def _set_message(self, message: str) -> None:
        self.message = message

    def _measured(self, how: str, name: str, *values: Any) -> None:
        from pytest_detgate.findings import Measurement
        from pytest_detgate.plain import plain

        if how != "shown" and values[1] is None:
            raise DetgateError(f"{name} has no limit; to report it without one, call shown")
        measured: Measurement = getattr(Measurement, how)(name, *values)
        self.measurements.append(plain(measured, "the measurement"))

    def _add_finding(self, fields: dict[str, Any]) -> None:
        from pytest_detgate.findings import Finding
        from pytest_detgate.plain import plain

        finding = plain(Finding(**fields), "the finding", finite=False)
        if finding.dataset is None and finding.image is not None:
            raise DetgateError(
                f"a finding on the image {finding.image!r} needs dataset, the split or probe that "
                "the image is in"
            )
        if finding.dataset is not None and self._require_image is not None:
            self._require_image(finding.dataset, finding.image)
        self.findings.append(finding)


def raise_here(ask: Callable[..., T], *arguments: Any, errors: list[str] | None = None) -> T:
    """Call a function whose errors are to point at the line of the test, not into the gate;
    `errors` takes their texts."""
    __tracebackhide__ = True
    try:
        return ask(*arguments)
    except DetgateError as error:
        if errors is not None:
            errors.append(str(error))
        raise copy.copy(error) from None
