"""Failures that pytest shows once: items that could not be evaluated for one reason."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from _pytest._code.code import ReprExceptionInfo

from pytest_detgate.plugin.output.failure import failure_repr, with_sentence
from pytest_detgate.record.same_reason import first_with_reason, items_text, same_reason_text

if TYPE_CHECKING:
    import pytest

    from pytest_detgate.record.report import RuleResult


def show_reasons_once(
    config: pytest.Config, rules: Sequence[RuleResult], node_ids: Mapping[str, str]
) -> None:
    """Have pytest show one failure for each reason, with the items that share it; `node_ids` are
    pytest's by the id of the rule.

    The counts and the short summary keep all items. Reports are replaced by copies: other plugins
    hold the same ones.
    """
    terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None:
        return
    later = first_with_reason(rules)
    by_node = {node_ids[rule.id]: rule for rule in rules if rule.id in node_ids}
    failed: list[Any] = terminal.stats.get("failed", [])
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
            # The name under which pytest marks failures that were shown already.
            failed[index]._pdbshown = True
        elif rule.id in later.values() and not line:
            also = items_text(
                (other_rule.code, other_rule.id)
                for other_rule in rules
                if later.get(other_rule.id) == rule.id
            )
            shown = failure_repr(rule, location.path, location.lineno, is_line=False, also=also)
            failed[index] = _copy(report, shown)


def _copy(report: Any, longrepr: ReprExceptionInfo) -> Any:
    copied = copy.copy(report)
    copied.longrepr = longrepr
    return copied
