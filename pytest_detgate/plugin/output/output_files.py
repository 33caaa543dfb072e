"""The files that a run writes: each is another one, and none of those that it reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.inputs.project import Project
from pytest_detgate.plugin.options import GateOptions
from pytest_detgate.record.folder import BESIDE, FINDINGS, PAGE, RECORD
from pytest_detgate.record.project_files.known_findings import KNOWN_FILE
from pytest_detgate.record.project_files.ledger import LEDGER_FILE
from pytest_detgate.regular_file import real_path

HISTORY = "[history] path"
Output = tuple[str, Path]


def refuse_outputs(
    config: pytest.Config, options: GateOptions, project: Project, history: Path | None
) -> None:
    """Raise `ConfigError` where the run would write over or among the files that it reads, or two
    of its outputs into one file; `history` is the file of earlier runs, if the project has one."""
    from pytest_detgate.inputs.input_paths import input_paths

    paths = input_paths(project)
    for split, files in options.predictions.items():
        for file in files:
            paths.add_file(file, f"the detections of {split}")
    for name in (RECORD, PAGE):
        paths.refuse(options.report / name, "--detgate-report", "folder")
    for option, path in options.exchange.items():
        paths.refuse(path, option)
    if history is not None:
        for what, path in _read(options, project):
            paths.add_file(path, what)
        paths.refuse(history, HISTORY)
    _require_different([*_outputs(config, options, project, history)], options.report)


def _read(options: GateOptions, project: Project) -> Iterator[Output]:
    """Further files that a run reads, and that a line of the history would make useless."""
    baseline = project.tables.model.baseline
    if options.baseline is not None:
        yield "the baseline", options.baseline
    elif baseline is not None:
        path = baseline if isinstance(baseline, str) else baseline.path
        yield "the baseline", project.configuration.locate(path)
    yield "the known findings", project.configuration.path.parent / KNOWN_FILE


def _outputs(
    config: pytest.Config, options: GateOptions, project: Project, history: Path | None
) -> Iterator[Output]:
    yield from options.exchange.items()
    if history is not None:
        yield HISTORY, history
    yield "the ledger", project.configuration.path.parent / LEDGER_FILE
    start = config.invocation_params.dir
    for option, written in (
        ("--junit-xml", config.getoption("xmlpath", None)),
        ("--log-file", config.getoption("log_file", None)),
    ):
        if isinstance(written, str) and written:
            yield option, start / os.path.expanduser(os.path.expandvars(written))  # noqa: PTH111
    for name in (RECORD, *BESIDE):
        yield f"{name} of --detgate-report", options.report / name


def _require_different(outputs: list[Output], report: Path) -> None:
    own = real_path(report / FINDINGS)
    first: dict[str, str] = {}
    for option, path in outputs:
        there = real_path(path)
        known = first.setdefault(os.path.normcase(there), option)
        if known != option:
            raise ConfigError(f"{known} and {option} name one file, {path}; give each its own")
        if own in there.parents:
            raise ConfigError(
                f"{option}: {path} is in the folder of findings of the report, which each run "
                "replaces; name a file elsewhere"
            )
