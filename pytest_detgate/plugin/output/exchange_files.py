"""Writing the files of `--detgate-sarif` and `--detgate-codequality`, from the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_detgate.plugin.output.exchange_paths import SARIF

if TYPE_CHECKING:
    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.record.report import Report


def write_exchange_files(
    gate: GateSession, report: Report, lines_of_items: Mapping[str, tuple[str, int | None]]
) -> list[str]:
    """Write the files that the command line names; a sentence for each that cannot be written.

    `report` is the record as it may be seen. pytest tells in `lines_of_items` in what file and
    line, from 0, each item that ran is.
    """
    named = gate.options.exchange
    if not named:
        return []
    from pytest_detgate.atomic_file import write_whole
    from pytest_detgate.plugin.output.github import lines_of, repository_of
    from pytest_detgate.report.exchange.code_quality import code_quality_report
    from pytest_detgate.report.exchange.finding_lines import FindingLines
    from pytest_detgate.report.exchange.issues import issues_of
    from pytest_detgate.report.exchange.sarif import sarif_log

    root = gate.project.root
    lines = FindingLines(report, root, repository_of(root))
    issues = issues_of(report, lines_of(gate, lines_of_items), lines.line_of)
    problems = []
    for option, path in named.items():
        text = sarif_log(report, issues) if option == SARIF else code_quality_report(issues)
        try:
            write_whole(path, text.encode("utf-8", "replace"))
        except OSError as error:
            problems.append(f"{option}: {path} could not be written: {error}")
    return problems
