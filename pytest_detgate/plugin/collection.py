"""`detgate.toml` as a collector, each target of each rule as an item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_detgate.plugin.session import SESSION, GateSession

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from pytest_detgate.record.report import RuleResult
    from pytest_detgate.report.coco_export import FindingsOnImages
    from pytest_detgate.rules.binding import BoundRule
    from pytest_detgate.rules.rule import Target

MARKERS = {
    "detgate": "an item of detgate.toml",
    "detgate_data": "a rule on the data set: needs no detections and no torch",
    "detgate_model": "a rule that needs detections",
    "detgate_training": "a rule on how the model is trained: needs no detections",
}


class GateFailedError(Exception):
    """An item failed or could not be evaluated; `result` says how."""

    def __init__(self, result: RuleResult) -> None:
        super().__init__(result.message)
        self.result = result


class DetgateFile(pytest.File):
    """The gate's configuration file."""

    def collect(self) -> Iterator[pytest.Item]:
        session = self.config.stash[SESSION]
        for bound in session.rules:
            for target in bound.targets:
                name = bound.item_name(target)
                # Without the explicit id, pytest 9.2 takes the brackets for part of the name,
                # and --lf, which compares parsed ids, finds none of these items again.
                item: RuleItem = RuleItem.from_parent(
                    self, name=name, nodeid=f"{self.nodeid}::{name}", bound=bound, target=target
                )
                session.items[name] = item
                yield item


class RuleItem(pytest.Item):
    """One target of one rule."""

    def __init__(self, *, bound: BoundRule, target: Target, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bound = bound
        self.target = target
        self.result: RuleResult | None = None
        self.findings: FindingsOnImages | None = None
        self.documents: dict[str, bytes] = {}
        self.add_marker("detgate")
        family = "model" if target.detections else target.family or bound.rule.family
        self.add_marker(f"detgate_{family}")

    @property
    def rule_id(self) -> str:
        """Its name in the record; a plugin may give the item another."""
        return self.bound.item_name(self.target)

    @property
    def gate(self) -> GateSession:
        return self.config.stash[SESSION]

    def runtest(self) -> None:
        from pytest_detgate.report.coco_export import FindingsOnImages
        from pytest_detgate.rules.verdicts.verdict import judge

        gate = self.gate
        tables = gate.project.tables
        limit = tables.report.max_findings_megabytes * 1e6
        self.findings = FindingsOnImages(self.target.datasets, limit=limit)
        self.result = judge(
            self.bound,
            self.target,
            gate.inputs,
            tables.waivers,
            self.findings.add,
            gate.accepted,
            self.documents.update,
        )
        if self.result.verdict in ("failed", "not-evaluated"):
            raise GateFailedError(self.result)

    def repr_failure(
        self, excinfo: ExceptionInfo[BaseException], *args: Any, **kwargs: Any
    ) -> str | TerminalRepr:
        if isinstance(excinfo.value, GateFailedError):
            from pytest_detgate.plugin.output.failure import failure_repr

            result = self.gate.redaction.record(excinfo.value.result)
            is_line = self.config.getoption("tbstyle", None) == "line"
            return failure_repr(result, self.path.name, self.bound.location.line(), is_line=is_line)
        return super().repr_failure(excinfo, *args, **kwargs)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.bound.location.line()
        return self.path, None if line is None else line - 1, self.name


def wanted_detections(items: list[pytest.Item]) -> tuple[str, ...]:
    """The splits and probes that the selected items need detections of, each once."""
    names = [
        name for item in items if isinstance(item, RuleItem) for name in item.target.detections
    ]
    return tuple(dict.fromkeys(names))
