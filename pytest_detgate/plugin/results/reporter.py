"""Gathers the verdicts of a run and has them written down, in the one process that may write."""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.plugin.exit_guard import exit_guard
from pytest_detgate.plugin.options import only_lists
from pytest_detgate.plugin.output.exchange_files import write_exchange_files
from pytest_detgate.plugin.promised.choice import CHOICE, Choice
from pytest_detgate.plugin.promised.items import Selection, announced
from pytest_detgate.plugin.promised.received import Received
from pytest_detgate.plugin.promised.unread import refuse_unread
from pytest_detgate.plugin.results.messages import ATTRIBUTE, Facts, add_data, decode_message
from pytest_detgate.plugin.results.shared_teardown import failed_later
from pytest_detgate.plugin.usage import usage_error
from pytest_detgate.run_record.versions import versions

if TYPE_CHECKING:
    from pytest_detgate.evidence import Chart
    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.plugin.update import Update
    from pytest_detgate.record.project_files.ledger import Look
    from pytest_detgate.record.report import ModelRecord, Report, RuleResult
    from pytest_detgate.report.publish import Published

_LONGEST = 2000
_WITHOUT_FAILURE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
_OF_TESTS = (*_WITHOUT_FAILURE, pytest.ExitCode.TESTS_FAILED)


class Reporter:
    """Receives each item's report, also from xdist workers; writes the record and the page when
    the session ends.

    The promise is every item of `detgate.toml` and every test that uses the gate, unless the user
    left it out. What was promised and sent no result, or lost it in setup or teardown, is *not
    evaluated*.
    """

    def __init__(self, session: GateSession) -> None:
        self._session = session
        self._started = datetime.datetime.now(datetime.timezone.utc)
        self._clock = time.perf_counter()
        self._received = Received()
        self._facts: list[Facts] = []
        self._lines_of_items: dict[str, tuple[str, int | None]] = {}
        self._published: Published | None = None
        self._problems: list[str] = []
        self._step_problems: list[str] = []
        self._update: Update | None = None
        self._may_pass = False

    def check_selection(self, choice: Choice) -> None:
        """Raise `pytest.UsageError` where the selection reaches no gate, or leaves unread what the
        command line names."""
        gate = self._session
        selection = announced(gate.folders.run)
        if selection is None:
            return
        if selection.refused:
            raise usage_error("\n".join(selection.refused))
        if not selection.is_collected:
            raise usage_error(
                f"{gate.options.config} was not collected, so nothing would be gated; is it "
                "ignored, or in a folder that norecursedirs names?"
            )
        refuse_unread(gate, selection, choice)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # pytest also finishes a collection at an argument that is not there, and says so itself.
        is_refused = isinstance(sys.exc_info()[1], pytest.UsageError)
        if not (is_refused or only_lists(session.config.option) or session.testsfailed):
            self.check_selection(session.config.stash[CHOICE])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        text = getattr(report, ATTRIBUTE, None)
        result = None
        if text is not None:
            message = decode_message(text)
            result = message.result
            self._lines_of_items[result.id] = report.location[:2]
            self._facts += [] if message.facts is None else [message.facts]
            self._count(message.looks)
        self._received.add(report, result)

    def _count(self, looks: list[Look]) -> None:
        """Count the models that a verdict is about before anybody sees it: a run that is stopped
        afterwards has been a look all the same."""
        ledger = self._session.ledger
        problem = None if ledger is None else ledger.add(looks)
        if problem is not None and problem not in self._problems:
            self._problems.append(problem)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        try:
            self._publish(session)
        except Exception as error:
            crashed = f"{type(error).__name__}: {error}"
            self._problems.append(f"the report could not be written: {crashed}")
        self._show_reasons_once(session)
        if self._may_pass and not self._problems:
            exit_guard(session.config).stop()
        try:
            return (yield)
        finally:
            # Also if a plugin has set it: a gate that blocks ends with a failure.
            session.exitstatus = self._exit_status(session.exitstatus)

    def _publish(self, session: pytest.Session) -> None:
        if only_lists(session.config.option) or session.exitstatus == pytest.ExitCode.USAGE_ERROR:
            return
        gate = self._session
        chosen = announced(gate.folders.run)
        selection = chosen or Selection(is_collected=False)
        later = failed_later(gate.folders.run)
        rules = self._received.results(gate.rule_names, selection, later)
        if not rules:
            self._may_pass = chosen is not None
            return
        from pytest_detgate.report.publish import publish_run

        folder = gate.options.report
        try:
            self._published = publish_run(
                self._build_report(session.config, rules, selection),
                folder,
                run=gate.folders.run,
                root=gate.project.root,
                redaction=gate.redaction,
                settings=gate.project.tables.report,
                stores=gate.project.image_options.stores,
                history=gate.history,
            )
        except (DetgateError, OSError) as error:
            self._problems.append(f"the report could not be written to {folder}: {error}")
            return
        self._problems += self._published.failures
        self._may_pass = self._published.report.verdict == "passed"
        self._update_limits(rules)
        self._problems += write_exchange_files(gate, self._published.report, self._lines_of_items)
        self._tell_step(self._published.summary)

    def _update_limits(self, rules: list[RuleResult]) -> None:
        mode = self._session.options.update
        if mode is None:
            return
        from pytest_detgate.plugin.update import update_limits

        results = {rule.id: rule for rule in rules}
        try:
            self._update = update_limits(self._session, results, away=mode == "accept")
        except OSError as error:
            self._problems.append(f"detgate.toml could not be updated: {error}")

    def _show_reasons_once(self, session: pytest.Session) -> None:
        """Before pytest writes the failures, which it does when the session ends."""
        if self._published is not None:
            from pytest_detgate.plugin.output.repeats import show_reasons_once

            show_reasons_once(session, self._published.report.rules, self._received.node_ids)

    def _exit_status(self, status: int) -> int:
        """The exit status of a run that ended with `status` by itself."""
        if status in _OF_TESTS and self._problems:
            return pytest.ExitCode.INTERNAL_ERROR
        # pytest-xdist ends with OK although a worker had an internal error.
        blocks = self._published is not None and self._published.report.verdict == "failed"
        return pytest.ExitCode.TESTS_FAILED if blocks and status in _WITHOUT_FAILURE else status

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        from pytest_detgate.record.formatting import on_one_line
        from pytest_detgate.record.terminal import wrapped

        if self._published is not None:
            from pytest_detgate.plugin.output.terminal import write_summary

            folder = self._session.options.report
            node_ids = self._received.node_ids
            write_summary(terminalreporter, self._published.report, folder, node_ids)
        if self._update is not None:
            from pytest_detgate.plugin.output.terminal import write_update

            write_update(terminalreporter, self._update, self._session.redaction)
        complaints = [] if self._published is None else self._published.complaints
        for problem in [*self._problems, *complaints, *self._step_problems]:
            line = on_one_line(f"detgate: {problem}", _LONGEST)
            for part in wrapped(line) if terminalreporter.isatty else [line]:
                terminalreporter.write_line(part, red=True, bold=True)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Annotate behind everything else that pytest prints."""
        if self._published is None or os.environ.get("GITHUB_ACTIONS") != "true":
            return
        from pytest_detgate.plugin.output.github import annotate

        try:
            annotate(config, self._session, self._published.report, self._lines_of_items)
        except Exception as error:
            # What only repeats the report must not turn the run into another one.
            print(f"detgate: no annotations: {type(error).__name__}: {error}", file=sys.stderr)

    def _tell_step(self, summary: str) -> None:
        from pytest_detgate.plugin.output.github import STEP_SUMMARY, append_step_summary

        path = os.environ.get(STEP_SUMMARY)
        if path and summary:
            problem = append_step_summary(summary, Path(path))
            self._step_problems += [] if problem is None else [problem]

    def _build_report(
        self, config: pytest.Config, rules: list[RuleResult], selection: Selection
    ) -> Report:
        from pytest_detgate.record.report import ConfigRecord, DatasetRecord, Report
        from pytest_detgate.report.headline import run_verdict
        from pytest_detgate.run_record.project_record import project_record

        project = self._session.project
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
            add_data(dataset.splits, facts.dataset.splits)
            add_data(dataset.probes, facts.dataset.probes)
            predictions.update(facts.predictions)
            scores.update(facts.scores)
        return Report(
            verdict=run_verdict(rules),
            started=self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            duration_s=round(time.perf_counter() - self._clock, 3),
            command=["pytest", *map(str, config.invocation_params.args)],
            versions=versions(),
            config=ConfigRecord(
                path=project.relative(project.configuration.path),
                sha256=project.configuration.sha256,
            ),
            dataset=dataset,
            rules=rules,
            not_selected=selection.not_selected,
            model=_model_of(self._facts),
            predictions=predictions,
            scores=scores,
            score_threshold=project.score_threshold,
            baseline=next((facts.baseline for facts in self._facts if facts.baseline), None),
            project=project_record(project.tables.project),
            ledger=None if self._session.ledger is None else self._session.ledger.record(),
        )

    def _charts(self) -> list[Chart]:
        """What compares the splits, whichever processes read them."""
        from pytest_detgate.dataset.contents import contents_charts

        contents = {
            name: content for facts in self._facts for name, content in facts.contents.items()
        }
        in_order = [name for name in self._session.project.splits if name in contents]
        return contents_charts({name: contents[name] for name in in_order})


def _model_of(facts: list[Facts]) -> ModelRecord | None:
    models = [fact.model for fact in facts if fact.model is not None]
    return max(models, key=lambda model: model.images, default=None)
