"""The files of `--detgate-sarif` and `--detgate-codequality`: one for each, made from the record."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.regular_file import open_regular, real_path

if TYPE_CHECKING:
    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.record.report import Report

SARIF, CODE_QUALITY = "--detgate-sarif", "--detgate-codequality"
_FIRST_BYTES = 100


def write_exchange_files(
    gate: GateSession, report: Report, places: Mapping[str, tuple[str, int | None]]
) -> list[str]:
    """Write the files that the command line names; a sentence for each that cannot be written.

    `report` is the record as it may be seen. pytest tells in `places` in what file and line, from
    0, each item that ran is.
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
    issues = issues_of(report, lines_of(gate, places), lines.line_of)
    problems = []
    for option, path in named.items():
        text = sarif_log(report, issues) if option == SARIF else code_quality_report(issues)
        try:
            write_whole(path, text.encode("utf-8", "replace"))
        except OSError as error:
            problems.append(f"{option}: {path} could not be written: {error}")
    return problems


def remove_earlier(paths: Mapping[str, Path]) -> None:
    """Remove the files of an earlier run, so that none of them outlives this one."""
    for option, path in paths.items():
        if is_ours(option, path):
            with contextlib.suppress(OSError):
                path.unlink()


def is_ours(option: str, path: Path) -> bool:
    """Whether a file is one that this option has written."""
    from pytest_detgate.report.exchange import code_quality, sarif

    try:
        with open_regular(path) as file:
            head = file.read(_FIRST_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    if option == SARIF:
        return head.startswith(sarif.HEAD)
    return head == code_quality.EMPTY or head.startswith(code_quality.HEAD)


def refusal(option: str, path: Path) -> str | None:
    """Say why a file may not be written there; None if it may."""
    if not os.path.lexists(path) or is_ours(option, path):
        return None
    if real_path(path).is_dir():
        return f"{option}: {path} is a folder; name a file"
    return f"{option}: {path} exists and is no file that this option wrote; it is not overwritten"
