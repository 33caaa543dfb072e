"""The history of a project: a line for each run, and each value over time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pytest_detgate.atomic_file import append_line
from pytest_detgate.evidence import LineChart, Mark, Panel, Series
from pytest_detgate.findings import Measurement, Verdict
from pytest_detgate.git import git_output
from pytest_detgate.plain import encode
from pytest_detgate.printable import printable_json
from pytest_detgate.record.formatting import counted, moment
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.regular_file import read_regular
from pytest_detgate.report.headline import in_order

RUNS = 100
"""Runs that a chart shows at most: the last ones."""
CHARTS = 60
"""Rules with a chart at most: the page is read, and sent."""
_SHORT = 12
_COMMIT_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA")


class HistoryRule(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a rule, and its values that have limits."""

    verdict: Verdict
    values: dict[str, float | int] = {}


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One run: when, of which commit, what was gated (digests), and what came out."""

    started: str
    verdict: str
    rules: dict[str, HistoryRule]
    commit: str | None = None
    config: str | None = None
    model: str | None = None
    predictions: dict[str, str] = {}
    data: dict[str, str] = {}


def line_of(report: Report, commit: str | None) -> HistoryLine:
    """Return the line of a run."""
    splits, probes = report.dataset.splits, report.dataset.probes
    digests = {
        **{name: split.sha256 for name, split in splits.items()},
        **{name: probe.sha256 or probe.names_sha256 for name, probe in probes.items()},
    }
    return HistoryLine(
        started=report.started,
        verdict=report.verdict,
        commit=commit,
        config=report.config.sha256,
        model=None if report.model is None else report.model.sha256,
        predictions={name: file.sha256 for name, file in report.predictions.items()},
        data={name: digest for name, digest in digests.items() if digest},
        rules={
            rule.id: HistoryRule(
                verdict=rule.verdict,
                values={measurement.name: measurement.value for measurement in _judged(rule)},
            )
            for rule in report.rules
        },
    )


def read_history(path: Path) -> tuple[list[HistoryLine], int]:
    """Return the last runs of a history, the oldest first, and how many of their lines are none of
    a run. There are none before the first run."""
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return [], 0
    rows = [row for row in content.splitlines() if row.strip()][-RUNS:]
    runs = [run for row in rows if (run := _line(row)) is not None]
    # A merge puts the lines of one branch behind those of the other.
    runs.sort(key=lambda run: run.started)
    return runs, len(rows) - len(runs)


def add_to_history(path: Path, line: HistoryLine) -> None:
    """Append the line of a run."""
    append_line(path, printable_json(encode(line)))


def history_charts(earlier: Sequence[HistoryLine], report: Report) -> list[LineChart]:
    """Return a chart of the values of each rule over the earlier runs and this one, the most urgent
    rules first; none where there is no earlier run with a value."""
    now = line_of(report, None)
    runs = [*earlier[-(RUNS - 1) :], now]
    charts = [chart for rule in in_order(report.rules) if (chart := _chart(rule, runs)) is not None]
    return charts[:CHARTS]


def commit_of(root: Path) -> str | None:
    """Return the commit that is checked out; None where there is none."""
    head = git_output(root, "rev-parse", "HEAD")
    if head is not None:
        return head.decode().strip() or None
    named = (os.environ.get(name) for name in _COMMIT_VARIABLES)
    return next(filter(None, named), None)


def _chart(rule: RuleResult, runs: Sequence[HistoryLine]) -> LineChart | None:
    panels = [
        panel
        for measurement in _judged(rule)
        if (panel := _panel(rule, measurement, runs)) is not None
    ]
    if not panels:
        return None
    first, commit = runs[0], runs[-2].commit
    about = f"{counted(len(runs), 'run')}, the first on {moment(first.started)}; the last is this."
    if commit is not None:
        about += f" The run before was of commit {commit[:_SHORT]}."
    return LineChart(title=rule.id, about=about, label="run", panels=panels)


def _panel(rule: RuleResult, measured: Measurement, runs: Sequence[HistoryLine]) -> Panel | None:
    """The values of one measurement; None where no earlier run has one."""
    values = [_value(run, rule.id, measured.name) for run in runs]
    if all(value is None for value in values[:-1]) or measured.limit is None:
        return None
    numbers = [float(number) for number in range(1, len(runs) + 1)]
    limit = Mark(label="limit", at=float(measured.limit), axis="y")
    series = Series(name=measured.name, x=numbers, y=values)
    return Panel(label=measured.name, series=[series], marks=[limit])


def _value(run: HistoryLine, item: str, name: str) -> float | None:
    rule = run.rules.get(item)
    value = None if rule is None else rule.values.get(name)
    return None if value is None or not math.isfinite(value) else float(value)


def _judged(rule: RuleResult) -> Iterator[Measurement]:
    """The values of a rule that have limits, each name once."""
    seen: set[str] = set()
    for measurement in rule.measurements:
        if measurement.limit is not None and measurement.name not in seen:
            seen.add(measurement.name)
            yield measurement


def _line(row: bytes) -> HistoryLine | None:
    try:
        return msgspec.json.decode(row, type=HistoryLine)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
