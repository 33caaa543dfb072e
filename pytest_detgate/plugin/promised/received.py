"""What the reporter has received of each item, and what it makes of what never came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.plugin.promised.items import Selection
from pytest_detgate.plugin.promised.skipped import skip_reason

if TYPE_CHECKING:
    from pytest_detgate.record.report import RuleResult

TAKEN_OUT = "a plugin or a conftest.py took this item out of the run"
REPLACED = "a plugin replaced the call of this item"
NEVER_REACHED = "the run ended before this item was reached"
NOTHING: Mapping[str, str] = MappingProxyType({})


class Received:
    """Results by their ids, and by node id the reports that came without one."""

    def __init__(self) -> None:
        self._results: dict[str, RuleResult] = {}
        self._node_ids: dict[str, str] = {}
        self._lost: dict[str, str] = {}
        self._without: dict[str, str] = {}
        self._runs: dict[str, int] = {}
        self._to_repeat: set[str] = set()

    def add(self, report: pytest.TestReport, result: RuleResult | None) -> None:
        """Take a report, with the result that it carries. Of two results for one item, as from a
        plugin that runs items twice, the worse one counts.

        A plugin that runs an item again because it failed, such as pytest-rerunfailures, gives its
        report another outcome: nothing of that run counts, of a rule or of a test.
        """
        if report.when == "setup":
            self._to_repeat.discard(report.nodeid)
        if report.outcome not in ("passed", "failed", "skipped"):
            if report.nodeid not in self._to_repeat:
                self._runs[report.nodeid] = self._runs.get(report.nodeid, 1) + 1
            self._to_repeat.add(report.nodeid)
        if report.nodeid in self._to_repeat:
            return
        if result is not None:
            earlier = self._results.get(result.id)
            if earlier is None or _rank(result) <= _rank(earlier):
                self._results[result.id] = result
                self._node_ids[result.id] = report.nodeid
        is_expected = hasattr(report, "wasxfail")
        if report.failed or (report.skipped and result is None and not is_expected):
            self._lost.setdefault(report.nodeid, _reason(report))
        elif report.when == "call" and result is None:
            reason = (
                _reason(report) if report.skipped else "a plugin replaced the call of this item"
            )
            self._without[report.nodeid] = reason

    @property
    def node_ids(self) -> Mapping[str, str]:
        """The node id of each item that sent a result, by the id of its rule."""
        return self._node_ids

    def results(
        self, rules: Sequence[str], selection: Selection, later: Mapping[str, str] = NOTHING
    ) -> list[RuleResult]:
        """What the record has of each item: `rules` are all items of `detgate.toml`; `later` says
        by node id why an item lost its result after its last report."""
        self._lost = {**later, **self._lost}
        node_ids = {name: node_id for node_id, name in selection.rules.items()}
        left_out = set(selection.not_selected)
        named = {name: node_ids.get(name) for name in rules if name not in left_out}
        named |= dict(self._tests(rules, selection))
        self._without.update(selection.skipped)
        missing = TAKEN_OUT if selection.is_collected else NEVER_REACHED
        return [self._result(name, node_id, missing) for name, node_id in named.items()]

    def _tests(self, rules: Sequence[str], selection: Selection) -> Iterator[tuple[str, str]]:
        """Tests that use the gate: those that say so before they run, files of them that were
        skipped, and those that did."""
        from pytest_detgate.printable import printable

        promised = (*selection.tests, *selection.skipped)
        yield from ((printable(node_id), node_id) for node_id in promised)
        known = set(rules)
        yield from ((name, node) for name, node in self._node_ids.items() if name not in known)

    def _result(self, name: str, node_id: str | None, missing: str) -> RuleResult:
        """The result of an item; without one, or with one that passes although a part of the item
        failed, it is not evaluated. `missing` says why an item without a node id has none."""
        import msgspec

        from pytest_detgate.record.report import RuleResult
        from pytest_detgate.report.headline import BLOCKING

        result = self._results.get(name)
        node_id = self._node_ids.get(name, node_id) if node_id is None else node_id
        runs = self._runs.get(node_id or "")
        if result is not None and runs is not None:
            result = msgspec.structs.replace(
                result, message=f"{result.message} (run {runs:,} times)".lstrip()
            )
        lost = None if node_id is None else self._lost.get(node_id)
        if result is None:
            return RuleResult(
                id=name,
                code=name.split("[")[0].split("::")[-1].split(".")[0],
                verdict="not-evaluated",
                message=missing if node_id is None else self._why(node_id),
            )
        if lost is None or result.verdict in BLOCKING:
            return result
        measurements = [measured.without_limit() for measured in result.measurements]
        return msgspec.structs.replace(
            result,
            verdict="not-evaluated",
            message=lost,
            measurements=measurements,
            waiver=None,
            can_block=True,
        )

    def _why(self, node_id: str) -> str:
        """Why an item has no result."""
        return self._lost.get(node_id) or self._without.get(node_id) or NEVER_REACHED


def _rank(result: RuleResult) -> int:
    from pytest_detgate.report.headline import ORDER

    return ORDER.index(result.verdict)


def _reason(report: pytest.TestReport) -> str:
    """Why an item that failed or was skipped sent no result, or lost the one that it had."""
    if isinstance(report.longrepr, tuple):
        return skip_reason(report)
    crash = getattr(report.longrepr, "reprcrash", None)
    text = report.longreprtext if crash is None else crash.message
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = (lines[0] if crash is not None else lines[-1]) if lines else "no reason was given"
    return f"its {report.when} failed: {reason}" if report.when in ("setup", "teardown") else reason
