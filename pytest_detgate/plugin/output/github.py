"""Lines of rules for a code host; for GitHub Actions a summary of the step and annotations."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_detgate.regular_file import real_path

if TYPE_CHECKING:
    import pytest

    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.record.report import Report
    from pytest_detgate.report.exchange.github_annotations import Line

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
# A larger one is not shown at all: docs.github.com, "Job summaries", isolation and limits.
STEP_SUMMARY_BYTES = 1024 * 1024


def append_step_summary(text: str, path: Path) -> str | None:
    """Add the summary to that of the step; a sentence where that cannot be done."""
    try:
        written = path.stat().st_size if path.exists() else 0
        data = (b"\n" if written else b"") + text.encode("utf-8", "replace")
        if written + len(data) > STEP_SUMMARY_BYTES:
            return f"${STEP_SUMMARY} is full: {path.name} would be over 1 MiB"
        with open(path, "ab", opener=_open_at_once) as file:
            file.write(data)
    except OSError as error:
        return f"${STEP_SUMMARY} could not be written: {error}"
    return None


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody reads from would wait for ever, and is an `OSError`."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def annotate(
    config: pytest.Config,
    gate: GateSession,
    report: Report,
    lines_of_items: Mapping[str, tuple[str, int | None]],
) -> None:
    """Annotate the rules of a run; pytest tells in `lines_of_items` in what file and line, from 0,
    each item that ran is."""
    from pytest_detgate.report.exchange.github_annotations import annotation_commands

    print_commands(config, annotation_commands(report, lines_of(gate, lines_of_items)))


def lines_of(
    gate: GateSession, lines_of_items: Mapping[str, tuple[str, int | None]]
) -> dict[str, Line]:
    """Where each rule is set, by its id as the record shows it: its table in `detgate.toml`, and
    for tests their own line, of which pytest tells in `lines_of_items`. A file outside the
    repository has no line that GitHub could show."""
    from pytest_detgate.report.exchange.github_annotations import Line

    config = gate.project.configuration
    location_of_item: dict[str, tuple[Path, int | None]] = {
        bound.item_name(target): (config.path, bound.location.line())
        for bound in gate.rules
        for target in bound.targets
    }
    for node_id, (file, line) in lines_of_items.items():
        location_of_item.setdefault(
            node_id, (gate.project.root / file, None if line is None else line + 1)
        )
    workspace = real_path(repository_of(gate.project.root))
    lines = {}
    for name, (path, number) in location_of_item.items():
        whole = real_path(path)
        if whole.is_relative_to(workspace):
            lines[gate.redaction.name(name)] = Line(whole.relative_to(workspace).as_posix(), number)
    return lines


def repository_of(root: Path) -> Path:
    """The folder that a code host shows paths relative to: that of the checkout."""
    for variable in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        if named := os.environ.get(variable):
            return Path(named)
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def print_commands(config: pytest.Config, commands: list[str]) -> None:
    """Print commands on separate lines, past the capturing of pytest."""
    if not commands:
        return
    text = "".join(f"{command}\n" for command in commands)
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend(in_=False)
    # GitHub reads UTF-8 in every locale.
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(text)
    else:
        binary.write(text.encode("utf-8", "replace"))
    sys.stdout.flush()
