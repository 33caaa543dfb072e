"""Rules on a model or its result files, with floors a little below what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_detgate.counts import counted
from pytest_detgate.errors import DetgateError
from pytest_detgate.first_config.draft import Table
from pytest_detgate.first_config.limits import KNOWN, Floor, floor_of
from pytest_detgate.first_config.measuring import MeasuredItem, Measuring
from pytest_detgate.gaps import GapKind

_MEAN, _BY_CLASS, _FALSE_BOXES = "mean-ap", ("class-ap", "recall"), "probe-fp"
_VALUE = {"mean-ap": "ap", "class-ap": "ap", "recall": "recall"}
_WHY = {
    "mean-ap": "the one number that everybody compares",
    "class-ap": "AP of each class of the evaluated split",
    "recall": "share of each class found over the score threshold",
}
_CLASSES = {
    "class-ap": "AP by class; the mean hides a weak one",
    "recall": "share found by class; few detections also miss",
}


@dataclass(slots=True)
class ModelRules:
    """Tables of rules by code, what they say in a line each, and what could not be measured."""

    tables: dict[str, Table] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def choose_model_rules(measuring: Measuring, unlabelled: Mapping[str, int]) -> ModelRules:
    """Measure the model on the evaluated split, and on the probes there are detections of."""
    rules = ModelRules()
    split = measuring.project.evaluate_on
    allowing = _allowing(measuring, split, unlabelled)
    drafts: dict[str, dict[str, Any]] = {
        code: {"min": 0.0, **{key: value for key, (value, _) in allowing.items()}}
        for code in (_MEAN, *_BY_CLASS)
    }
    items = measuring.judge(drafts)
    clips = _clips(measuring, split)
    for code in drafts:
        group = [item for item in items if item.rule.code == code]
        reasons = dict.fromkeys(item.result.message for item in group if not item.is_evaluated)
        floors = {item.label: _floor(item, clips) for item in group}
        table = _floors_table(code, group, floors)
        if table is None:
            rules.left_out.append(f"{code}: {next(iter(reasons), 'nothing is found')}")
            continue
        table.values = {**table.values, **allowing}
        rules.tables[code] = table
        rules.limits.append(_line(code, floors))
    _choose_probes(measuring, rules)
    return rules


def _choose_probes(measuring: Measuring, rules: ModelRules) -> None:
    """A budget for each probe: the false boxes that there are today."""
    probes = measuring.project.probes
    if not probes:
        return
    items = measuring.judge({_FALSE_BOXES: {"max-boxes": 0}})
    judged = [item for item in items if item.is_evaluated]
    rules.left_out += [
        f"{item.result.id}: {item.result.message}" for item in items if not item.is_evaluated
    ]
    if len(judged) < len(probes):
        return  # the rule is one item for each probe
    table = Table(why="false alarms on images with nothing to detect")
    for item in judged:
        boxes, images = int(item.values["boxes"]), int(item.values["images_total"])
        own = Table(why="budget of this probe")
        why = f"{boxes:,} on {counted(images, 'image')}"
        own.values["max-boxes"] = (boxes, f"{why}: {KNOWN}" if boxes else f"{why} today")
        table.below.setdefault("probes", Table(why="budgets of single probes"))
        table.below["probes"].below[item.label] = own
        rules.limits.append(f"{item.result.id} max-boxes {boxes:,}")
    rules.tables[_FALSE_BOXES] = table


def _allowing(
    measuring: Measuring, split: str, unlabelled: Mapping[str, int]
) -> dict[str, tuple[Any, str]]:
    """The options that allow what is left out of the evaluated split today."""
    allowing: dict[str, tuple[Any, str]] = {}
    if split in unlabelled:
        text = f"images without label file: {KNOWN}"
        allowing["max-unlabelled"] = (unlabelled[split], text)
    missing = _missing_classes(measuring, split)
    if missing:
        text = f"classes without detections: {KNOWN}"
        allowing["allow-missing-classes"] = (missing, text)
    return allowing


def _missing_classes(measuring: Measuring, split: str) -> int:
    kind: GapKind = "classes-without-detections"
    try:
        gaps = measuring.inputs.detections(split).gaps
    except DetgateError:
        return 0
    return sum(gap.count for gap in gaps if gap.kind == kind)


def _clips(measuring: Measuring, split: str) -> int | None:
    """The number of clips of the split, by which its bounds are made; None without clips."""
    try:
        units = measuring.inputs.units(split)
    except DetgateError:
        return None
    return units.count if units.kind == "clip" else None


def _floor(item: MeasuredItem, clips: int | None) -> Floor | None:
    name = _VALUE[item.rule.code]
    measured = next(
        (measurement for measurement in item.result.measurements if measurement.name == name), None
    )
    return floor_of(measured, clips) if measured is not None and item.is_evaluated else None


def _floors_table(
    code: str, group: Sequence[MeasuredItem], floors: Mapping[str, Floor | None]
) -> Table | None:
    """The table of a rule; None where no value is above 0."""
    set_floors = {label: floor for label, floor in floors.items() if floor is not None}
    if not set_floors:
        return None
    table = Table(why=_WHY[code])
    if code == _MEAN:
        (floor,) = set_floors.values()
        table.values["min"] = (floor.value, floor.why)
        return table
    below = Table(why=_CLASSES[code])
    below.values = {label: (floor.value, floor.why) for label, floor in set_floors.items()}
    for item in group:
        if floors[item.label] is None:
            reason = item.result.message if not item.is_evaluated else "0 today"
            table.notes.append(f"no floor for {item.label}: {reason}")
    table.below["classes"] = below
    return table


def _line(code: str, floors: Mapping[str, Floor | None]) -> str:
    set_floors = [floor for floor in floors.values() if floor is not None]
    if code == _MEAN:
        return f"{code} min {set_floors[0].value:g} ({set_floors[0].why})"
    low, high = min(floor.value for floor in set_floors), max(floor.value for floor in set_floors)
    return f"{code} of {len(set_floors)} of {counted(len(floors), 'class')}, {low:g} to {high:g}"
