"""The section at the end of the terminal's output: one line a rule, and where the page lies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.audit.headline import counts, in_order
from pytest_detgate.audit.publishing import PAGE, SUMMARY
from pytest_detgate.findings import Verdict
from pytest_detgate.plugin.wording import summary_text

if TYPE_CHECKING:
    import pytest

    from pytest_detgate.audit.record import Report

_MARKUP: dict[Verdict, dict[str, bool]] = {
    "passed": {"green": True},
    "failed": {"red": True, "bold": True},
    "not-evaluated": {"red": True, "bold": True},
    "warned": {"yellow": True},
    "waived": {"yellow": True},
}


def write_summary(terminal: pytest.TerminalReporter, report: Report, folder: Path) -> None:
    """Write the section; `folder` is that of the report."""
    blocked = report.verdict == "failed"
    word = "BLOCKED" if blocked else "PASSED"
    terminal.write_sep("=", f"detgate: {word}", red=blocked, green=not blocked, bold=True)
    width = terminal._tw.fullwidth
    name_width = min(max(len(rule.id) for rule in report.rules), max(width // 2, 36))
    for rule in in_order(report.rules):
        terminal.write(f"{rule.verdict:<14}", **_MARKUP[rule.verdict])
        room = max(width - 14 - name_width - 2, 24)
        name = _cut_start(rule.id, name_width)
        terminal.write_line(f"{name:<{name_width}}  {_cut(summary_text(rule), room)}".rstrip())
    counted = ", ".join(f"{count} {verdict}" for verdict, count in counts(report.rules).items())
    terminal.write_line(f"{counted}; page: {_short(folder / PAGE)}")
    terminal.write_line(f"summary for a pull request: {_short(folder / SUMMARY)}")
    files = sum(len(rule.findings_files) for rule in report.rules)
    if files:
        what = "1 file" if files == 1 else f"{files} files"
        terminal.write_line(f"findings as COCO, to mend: {_short(folder / 'findings')} ({what})")


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."


def _cut_start(text: str, width: int) -> str:
    """The end of a node id is what tells it from its neighbours."""
    return text if len(text) <= width else "..." + text[3 - width :]


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
