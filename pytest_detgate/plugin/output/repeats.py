"""Failures that pytest shows once: items that could not be evaluated for one reason."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import ReprExceptionInfo

from pytest_detgate.plugin.output.failure import failure_repr, with_sentence
from pytest_detgate.record.same_reason import first_with_reason, items_text, same_reason_text

if TYPE_CHECKING:
    from pytest_detgate.record.report import RuleResult


# With other exit statuses, or with --no-summary, pytest shows no failure.
_WITH_SUMMARY = (
    *(pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED),
    *(pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR),
)


class _AllFailures:
    """Gives pytest all failures again as soon as it has shown them, for its counts and its short
    summary."""

    def __init__(self, failed: list[Any]) -> None:
        self._failed = failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.stats["failed"] = self._failed


def show_reasons_once(
    session: pytest.Session, rules: Sequence[RuleResult], node_ids: Mapping[str, str]
) -> None:
    """Have pytest show one failure for each reason, with the items that share it; `node_ids` are
    pytest's by the id of the rule.

    The counts and the short summary keep all items. Reports are replaced by copies: other plugins
    hold the same ones.
    """
    config = session.config
    terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or session.exitstatus not in _WITH_SUMMARY:
        return
    later = first_with_reason(rules)
    by_node = {node_ids[rule.id]: rule for rule in rules if rule.id in node_ids}
    failed: list[Any] = terminal.stats.get("failed", [])
    hidden: set[int] = set()
    line = config.option.tbstyle == "line"
    for index, report in enumerate(failed):
        rule = by_node.get(report.nodeid)
        if rule is None or not isinstance(report.longrepr, ReprExceptionInfo):
            continue
        location = report.longrepr.reprcrash
        if location is None:
            continue
        if rule.id in later:
            sentence = same_reason_text(later[rule.id])
            failed[index] = _copy(report, with_sentence(report.longrepr, sentence))
            hidden.add(index)
        elif rule.id in later.values() and not line:
            also = items_text(
                (other_rule.code, other_rule.id)
                for other_rule in rules
                if later.get(other_rule.id) == rule.id
            )
            shown = failure_repr(rule, location.path, location.lineno, is_line=False, also=also)
            failed[index] = _copy(report, shown)
    if hidden and not config.getoption("no_summary", default=False):
        once = [report for index, report in enumerate(failed) if index not in hidden]
        terminal.stats["failed"] = once
        config.pluginmanager.register(_AllFailures(failed))


def _copy(report: Any, longrepr: ReprExceptionInfo) -> Any:
    copied = copy.copy(report)
    copied.longrepr = longrepr
    return copied
