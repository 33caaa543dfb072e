"""The names in a record that people chose: they are no paths, even where they look like paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from pytest_detgate.evidence import FrameBox
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.record.project_files.known_findings import Fingerprint
from pytest_detgate.record.report import ModelRecord, Report, RuleResult, ScoreRecord
from pytest_detgate.record.score_parts import ConfusionRecord, UltralyticsRecord

LABEL_FIELDS: dict[type[msgspec.Struct], tuple[str, ...]] = {
    Finding: ("label",),
    Fingerprint: ("label",),
    FrameBox: ("label",),
    ModelRecord: ("classes",),
    ScoreRecord: ("classes",),
    ConfusionRecord: ("classes",),
    UltralyticsRecord: ("classes",),
}
"""The fields that hold names of classes, as the keys where a field is a table."""
NAME_FIELDS: dict[type[msgspec.Struct], tuple[str, ...]] = {
    RuleResult: ("id",),
    Report: ("not_selected",),
    Measurement: ("name",),
}
"""The fields that hold names of items and values, with a label in brackets: `class-ap[/m/0]`."""


def begins_with_path(name: str) -> bool:
    """Whether the name of an item begins with a path: that of a test is `tests/test_x.py::test`."""
    head = name.partition("[")[0]
    return "::" in head or "/" in head or "\\" in head


def labels_like_paths(record: msgspec.Struct) -> set[str]:
    """Return the names of classes in a record that could be taken for paths."""
    return {label for label in _labels(record) if "/" in label or "\\" in label}


def _labels(record: msgspec.Struct) -> Iterator[str]:
    if isinstance(record, RuleResult):
        yield from _labels_of_rule(record)
    if isinstance(record, Report):
        yield from () if record.model is None else record.model.classes
        for scores in record.scores.values():
            yield from scores.classes
        for rule in record.rules:
            yield from _labels_of_rule(rule)


def _labels_of_rule(rule: RuleResult) -> Iterator[str]:
    names = [measured.name for measured in rule.measurements]
    yield from _in_brackets([rule.id, *names])
    for finding in rule.findings:
        if finding.label is not None:
            yield finding.label
    for frame in rule.evidence.frames:
        yield from (box.label for box in frame.boxes)


def _in_brackets(names: Iterable[str]) -> Iterator[str]:
    """The classes of names such as `ap[/m/0]`."""
    for name in names:
        head, bracket, rest = name.partition("[")
        if bracket and rest.endswith("]") and not begins_with_path(head):
            yield rest[:-1]
