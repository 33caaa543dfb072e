"""Gathers the verdicts of a run and has them written down, in the one process that may write."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.plugin.messages import ATTRIBUTE, Facts, decode_message
from pytest_detgate.plugin.recording import announced

if TYPE_CHECKING:
    from pytest_detgate.audit.publishing import Published
    from pytest_detgate.audit.record import ModelRecord, Report, RuleResult
    from pytest_detgate.charts import Chart
    from pytest_detgate.plugin.state import GateSession

REPORTED_PACKAGES = (
    "pytest-detgate",
    "pytest",
    "numpy",
    "hotcoco",
    "pycocotools",
    "torch",
    "mmdet",
    "onedl-mmdetection",
    "mmcv",
    "onedl-mmcv",
    "mmengine",
    "onedl-mmengine",
    "onnxruntime",
    "onnxruntime-gpu",
)

_OF_TESTS = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class Reporter:
    """Receives each item's report, also from xdist workers; writes the record and the page when
    the session ends. Items that were promised and sent nothing are *not evaluated*."""

    def __init__(self, session: GateSession) -> None:
        self._session = session
        file = os.path.relpath(session.options.config, session.project.root)
        self._prefix = file.replace(os.sep, "/") + "::"
        self._started = datetime.datetime.now(datetime.timezone.utc)
        self._clock = time.perf_counter()
        self._promised: dict[str, None] = {}
        self._results: dict[str, RuleResult] = {}
        self._lost: dict[str, str] = {}
        self._facts: list[Facts] = []
        self._places: dict[str, tuple[str, int | None]] = {}
        self._published: Published | None = None
        self._problems: list[str] = []

    def promise(self, node_ids: Iterable[str]) -> None:
        """Expect a verdict for those of these items that give one: rules, and tests that record."""
        recording = announced(self._session.folders.run)
        self._promised.update(
            dict.fromkeys(
                node_id
                for node_id in node_ids
                if node_id.startswith(self._prefix) or node_id in recording
            )
        )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.promise(item.nodeid for item in session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        text = getattr(report, ATTRIBUTE, None)
        if text is not None:
            message = decode_message(text)
            self._promised.setdefault(report.nodeid)
            self._results[report.nodeid] = message.result
            self._places[message.result.id] = report.location[:2]
            if message.facts is not None:
                self._facts.append(message.facts)
        elif not report.passed and report.nodeid in self._promised:
            self._lost[report.nodeid] = _reason(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly or not self._promised:
            return
        from pytest_detgate.audit.publishing import publish_run

        gate = self._session
        folder = gate.options.report
        try:
            self._published = publish_run(
                self._build_report(session.config),
                folder,
                run=gate.folders.run,
                root=gate.project.root,
                redaction=gate.redaction,
                settings=gate.project.tables.report,
                stores=gate.project.image_options.stores,
            )
            self._problems += self._published.failures
        except (DetgateError, OSError) as error:
            self._problems.append(f"the report could not be written to {folder}: {error}")
        if self._problems and session.exitstatus in _OF_TESTS:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        if self._published is None:
            return
        self._problems += self._published.complaints
        self._tell_step(self._published.summary)
        if self._published.report.verdict == "failed" and session.exitstatus == pytest.ExitCode.OK:
            # pytest-xdist ends with OK although a worker had an internal error.
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._published is not None:
            from pytest_detgate.plugin.summary import write_summary

            write_summary(terminalreporter, self._published.report, self._session.options.report)
        for problem in self._problems:
            terminalreporter.write_line(f"detgate: {problem}", red=True, bold=True)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Annotate behind everything else that pytest prints."""
        if self._published is None or os.environ.get("GITHUB_ACTIONS") != "true":
            return
        from pytest_detgate.plugin.github import annotate

        try:
            annotate(config, self._session, self._published.report, self._places)
        except Exception as error:
            # What only repeats the report must not turn the run into another one.
            print(f"detgate: no annotations: {type(error).__name__}: {error}", file=sys.stderr)

    def _tell_step(self, summary: str) -> None:
        from pytest_detgate.plugin.github import STEP_SUMMARY, append_step_summary

        path = os.environ.get(STEP_SUMMARY)
        if path and summary:
            problem = append_step_summary(summary, Path(path))
            self._problems += [] if problem is None else [problem]

    def _build_report(self, config: pytest.Config) -> Report:
        from pytest_detgate.audit.headline import run_verdict
        from pytest_detgate.audit.record import ConfigRecord, DatasetRecord, Report

        project = self._session.project
        rules = [self._result(node_id) for node_id in self._promised]
        images = project.image_options
        dataset = DatasetRecord(
            splits={},
            probes={},
            charts=self._charts(),
            upright=images.is_upright,
            max_pixels=images.max_pixels,
        )
        predictions, scores = {}, {}
        for facts in self._facts:
            dataset.splits.update(facts.dataset.splits)
            dataset.probes.update(facts.dataset.probes)
            predictions.update(facts.predictions)
            scores.update(facts.scores)
        return Report(
            verdict=run_verdict(rules),
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration_s=round(time.perf_counter() - self._clock, 3),
            command=["pytest", *map(str, config.invocation_params.args)],
            versions=_versions(),
            config=ConfigRecord(
                path=project.relative(project.configuration.path),
                sha256=project.configuration.sha256,
            ),
            dataset=dataset,
            rules=rules,
            model=_model_of(self._facts),
            predictions=predictions,
            scores=scores,
            score_threshold=project.score_threshold,
            baseline=next((facts.baseline for facts in self._facts if facts.baseline), None),
        )

    def _charts(self) -> list[Chart]:
        """What compares the splits, whichever processes read them."""
        from pytest_detgate.dataset.contents import contents_charts

        contents = {name: one for facts in self._facts for name, one in facts.contents.items()}
        in_order = [name for name in self._session.project.splits if name in contents]
        return contents_charts({name: contents[name] for name in in_order})

    def _result(self, node_id: str) -> RuleResult:
        from pytest_detgate.audit.record import RuleResult

        if node_id in self._results:
            return self._results[node_id]
        item = node_id.removeprefix(self._prefix)
        reason = self._lost.get(node_id, "the run ended before this item was reached")
        return RuleResult(
            id=item,
            code=item.split("[")[0].split("::")[-1].split(".")[0],
            verdict="not-evaluated",
            message=reason,
        )


def _reason(report: pytest.TestReport) -> str:
    """Why an item that failed or was skipped sent no result."""
    if isinstance(report.longrepr, tuple):
        return f"skipped: {report.longrepr[2].removeprefix('Skipped: ')}"
    return (report.longreprtext.strip().splitlines() or ["no reason was given"])[-1]


def _model_of(facts: list[Facts]) -> ModelRecord | None:
    models = [fact.model for fact in facts if fact.model is not None]
    return max(models, key=lambda model: model.images, default=None)


def _versions() -> dict[str, str]:
    versions = {}
    for name in REPORTED_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
