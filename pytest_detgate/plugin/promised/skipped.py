"""Why a test or a file of tests was skipped."""

from __future__ import annotations

import pytest


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the reason of a skip as the record shows it."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else "no reason was given"
    return f"skipped: {text.removeprefix('Skipped: ')}"
