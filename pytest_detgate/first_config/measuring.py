"""The gate's own rules on a data set, before there is a `detgate.toml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.config.convert import convert_table
from pytest_detgate.config.load import Configuration
from pytest_detgate.config.location import Location, TomlFile
from pytest_detgate.config.mistakes import Mistakes
from pytest_detgate.config.schema import ConfigTable
from pytest_detgate.inputs.data import Memory
from pytest_detgate.inputs.detections.sources import DetectionSource, NoDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.progress import Progress
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import BoundRule, bind_rules
from pytest_detgate.rules.rule import Rule, Target
from pytest_detgate.rules.verdicts.verdict import CRASHED, judge


@dataclass(frozen=True, slots=True)
class MeasuredItem:
    """An item with its rule and its result."""

    rule: Rule
    target: Target
    result: RuleResult

    @property
    def label(self) -> str:
        return self.target.label or ""

    @property
    def values(self) -> dict[str, float]:
        """The measured values by name."""
        return {measurement.name: measurement.value for measurement in self.result.measurements}

    @property
    def is_evaluated(self) -> bool:
        return self.result.verdict != "not-evaluated"

    @property
    def has_crashed(self) -> bool:
        return self.result.message.startswith(CRASHED)


class Measuring:
    """The inputs of one project. What was read of its splits is read once for all that is asked;
    `document` is what `detgate.toml` says besides its rules."""

    def __init__(
        self,
        document: Mapping[str, Any],
        path: Path,
        *,
        cache: Path | None,
        progress: Progress,
        data: Memory | None = None,
        source: Callable[[Project], DetectionSource] | None = None,
    ) -> None:
        self.configuration = _configuration(document, path)
        self.project = Project(self.configuration, path.parent)
        self.progress = self.project.progress = progress
        self.data = Memory(of_data=True) if data is None else data
        self._source = NoDetections() if source is None else source(self.project)
        self._cache = cache
        self.inputs = self._inputs(())

    def judge(
        self, rules: Mapping[str, Mapping[str, Any]], *, recommended: bool = False
    ) -> list[MeasuredItem]:
        """The items of some rules, judged as the gate judges them."""
        tables = msgspec.structs.replace(
            self.configuration.tables, rules=dict(rules), recommended=recommended
        )
        bound = bind_rules(Project(_with_tables(self.configuration, tables), self.project.root))
        items = [(rule, target) for rule in bound for target in rule.targets]
        self.inputs = self._inputs(name for _, target in items for name in target.detections)
        return list(self._judged(items))

    def _judged(self, items: Sequence[tuple[BoundRule, Target]]) -> Iterable[MeasuredItem]:
        with self.progress.task("measuring", len(items), "items") as advance:
            for bound, target in items:
                result = judge(bound, target, self.inputs)
                advance(1)
                yield MeasuredItem(bound.rule, target, result)

    def _inputs(self, requested: Iterable[str]) -> Inputs:
        return Inputs(
            self.project,
            self._source,
            tuple(dict.fromkeys(requested)),
            cache=self._cache,
            progress=self.progress,
            data=self.data,
        )


def _configuration(document: Mapping[str, Any], path: Path) -> Configuration:
    location, mistakes = Location(TomlFile(path, "")), Mistakes(path)
    tables = convert_table(dict(document), ConfigTable, location, mistakes)
    mistakes.raise_all()
    return Configuration(tables, path, "", location, mistakes)


def _with_tables(configuration: Configuration, tables: ConfigTable) -> Configuration:
    path = configuration.path
    return Configuration(tables, path, "", configuration.location, Mistakes(path))
