"""Why a test or a file of tests was not run."""

from __future__ import annotations

import pytest


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the reason of a skip as the record shows it."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else "no reason was given"
    return f"skipped: {text.removeprefix('Skipped: ')}"


def not_collected(report: pytest.CollectReport) -> str | None:
    """Return why no test of a file is there; None if it was collected."""
    if report.passed:
        return None
    if report.skipped:
        return skip_reason(report)
    lines = [line.removeprefix("E ").strip() for line in report.longreprtext.splitlines()]
    last = next((line for line in reversed(lines) if line), "no reason was given")
    return f"it cannot be collected: {last}"
