"""What a right gate may say of a project: which items there are and which of them may pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.campaign.oracle import (
    alarm_rules,
    baseline_rules,
    field_rules,
    lost_objects,
    model_rules,
    other_rules,
    pair_rules,
    probe_rules,
    split_rules,
)
from tests.campaign.oracle.command_line import Command, read_command
from tests.campaign.oracle.options import unknown_keys
from tests.campaign.oracle.reading import NotKnownHereError, NotLookedAtError, text_of
from tests.campaign.oracle.view import Table, View
from tests.campaign.project import Project, read

try:
    import tomllib
except ImportError:  # before Python 3.11
    import tomli as tomllib  # type: ignore[import-not-found,no-redef]


MODEL = (
    model_rules.CODES
    | probe_rules.CODES
    | baseline_rules.CODES
    | field_rules.CODES
    | alarm_rules.CODES
)
"""The rules on detections."""
TRAINING = frozenset({"training-curve", "training-seed", "training-view"})
"""The rules on how a model was trained."""


@dataclass(frozen=True)
class Grant:
    """Whether an item may pass: `may` is True where it should, None where it may, False where it
    must not, and `why`."""

    may: bool | None
    why: str = ""
    is_warning: bool = False


@dataclass
class Expected:
    """What a run may say. `refused` says why it cannot start, `command` what the user chose;
    `is_exact` that all items are known."""

    items: dict[str, Grant] = field(default_factory=dict)
    refused: str = ""
    is_exact: bool = True
    command: Command = field(default_factory=Command)
    selected: frozenset[str] = frozenset()

    def grant(self, item: str) -> Grant:
        """The grant of an item by its id in the record."""
        if self.refused:
            return Grant(False, self.refused)
        return self.items.get(item, Grant(False, "there is no such item"))


def expected_of(project: Project, first: Project | None = None) -> Expected:
    """Work out what a run may say of a project; `first` was gated before it."""
    expected = Expected()
    try:
        expected.command = read_command(project.arguments)
        config = _config(project, expected.command)
    except NotLookedAtError as error:
        expected.refused = str(error)
        return expected
    wrong = unknown_keys(config)
    if wrong:
        expected.refused = f"unknown or missing: {wrong}"
        return expected
    view = View(project.files, config, expected.command, _view(first))
    needed: dict[str, set[str]] = {}
    for code, table in _tables(config):
        for label, check in _items(view, code, table, expected):
            name = code if table.get("name") is None else f"{code}.{table['name']}"
            item = name if label is None else f"{name}[{label}]"
            if item in expected.items:
                expected.refused = f"two items are called {item}"
            expected.items[item] = _grant(check, table)
            needed[item] = _reads(view, code, label)
    if expected.command.repeats_failed and first is not None:
        expected.is_exact = False  # only what the run before did not pass
    expected.selected = frozenset(
        item
        for item in expected.items
        if expected.command.selects(item, _family(item.split("[")[0].split(".")[0]))
    )
    for item in expected.items:
        if any(lost in item for lost in project.lost):
            expected.items[item] = Grant(False, "a plugin keeps it from running")
    _refuse_unread(expected, view, needed)
    return expected


def _family(code: str) -> str:
    return "training" if code in TRAINING else "model" if code in MODEL else "data"


def _view(project: Project | None) -> View | None:
    """What there was to look at in the run before."""
    if project is None:
        return None
    command = read_command(project.arguments)
    return View(project.files, _config(project, command), command)


def _config(project: Project, command: Command) -> dict[str, Any]:
    try:
        config: dict[str, Any] = tomllib.loads(
            text_of(read(project.files, command.config), command.config)
        )
    except tomllib.TOMLDecodeError as error:
        raise NotLookedAtError(f"{command.config}: no TOML: {error}") from None
    return config


def _tables(config: dict[str, Any]) -> Iterator[tuple[str, Table]]:
    for code, tables in config["rules"].items():
        for table in tables if isinstance(tables, list) else [tables]:
            if table.get("enabled", True):
                yield code, table


def _grant(check: Callable[[], bool | None], table: Table) -> Grant:
    is_warning = table.get("severity") == "warning"
    try:
        may = check()
    except NotLookedAtError as error:
        return Grant(False, str(error), is_warning)
    except NotKnownHereError:
        return Grant(None, "", is_warning)
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        # A table or file so far from any sense that these loops stumble over it.
        return Grant(False, f"no sense in it: {type(error).__name__}: {error}", is_warning)
    return Grant(may, "" if may is not False else "the value is over its limit", is_warning)


def _items(
    view: View, code: str, table: Table, expected: Expected
) -> Iterator[tuple[str | None, Callable[[], bool | None]]]:
    """The labels of a table's items, each with its check."""
    splits = {**split_rules.RULES, **other_rules.SPLIT_RULES, **model_rules.SPLIT_RULES}
    probes = {
        **pair_rules.PROBE_RULES,
        **probe_rules.PROBE_RULES,
        **baseline_rules.PROBE_RULES,
    }
    singles = {
        **other_rules.SINGLE_RULES,
        **model_rules.SINGLE_RULES,
        **probe_rules.SINGLE_RULES,
        **baseline_rules.SINGLE_RULES,
        **field_rules.SINGLE_RULES,
    }
    names: list[str] = []
    label: str | None
    if code in splits:
        chosen = table.get("splits", view.splits)
        names = [name for name in chosen if isinstance(name, str)]
        if not names or any(name not in view.splits for name in names):
            expected.refused = f"splits of {code}: {chosen}"
        for label in names:
            yield label, partial(splits[code], view, table, label)
        for other in names[1:] if code == "class-names" else []:
            of_pair = partial(model_rules.class_names_of_pair, view, table, names[0], other)
            yield f"{names[0]}-{other}", of_pair
    elif code in pair_rules.PAIR_RULES:
        between = table.get("between")
        if not isinstance(between, list) or any(name not in view.splits for name in between):
            expected.refused = f"between of {code}: {between}"
            return
        label = "-".join(between)
        yield label, partial(pair_rules.PAIR_RULES[code], view, table, label)
    elif code in probes or code in alarm_rules.PROBE_RULES:
        check = {**probes, **alarm_rules.PROBE_RULES}[code]
        if not view.probes:
            expected.refused = f"{code}: no probe"
        for label in view.probes if table.get("on") is None else table["on"]:
            yield label, partial(check, view, table, label)
    elif code == "flicker":
        own = [view.evaluated] if view.evaluated in view.splits else []
        for label in table.get("on") or [*own, *view.probes]:
            yield label, partial(alarm_rules.flicker, view, table, label)
    elif code == "lost-objects":
        if any(table.get(key) not in (None, {}, []) for key in lost_objects.SPLIT_LIMITS):
            label = view.evaluated
            yield label, partial(lost_objects.check_split, view, table, label)
        for label in view.probes if "max-new-false" in table else []:
            yield label, partial(lost_objects.check_probe, view, table, label)
    elif code in singles:
        yield None, partial(singles[code], view, table, "")
    elif code in model_rules.EVALUATED_RULES:
        label = view.evaluated
        yield label, partial(model_rules.EVALUATED_RULES[code], view, table, label)
    elif code in model_rules.KEY_RULES:
        keys, check = model_rules.KEY_RULES[code]
        for label in [key for key in keys if key in table]:
            yield label, partial(check, view, table, label)
    else:
        yield from _items_of_data(view, code, table, expected)


def _items_of_data(
    view: View, code: str, table: Table, expected: Expected
) -> Iterator[tuple[str | None, Callable[[], bool | None]]]:
    """Items that depend on what the annotations hold."""
    try:
        by_class = {**model_rules.CLASS_RULES, **field_rules.CLASS_RULES}
        if code in by_class:
            check, labels = by_class[code], _classes(view, table, view.evaluated)
        elif code in alarm_rules.CLASS_RULES:
            check = alarm_rules.CLASS_RULES[code]
            labels = _classes(view, table, alarm_rules.alarm_split(view))
        else:
            check = model_rules.SLICE_RULES[code]
            by = str(table.get("by")).strip()
            values = model_rules.slice_values(view, by)
            labels = list(dict.fromkeys(f"{by}={value}" for value in values if value is not None))
    except (NotLookedAtError, NotKnownHereError):
        labels = []
    if not labels:
        expected.is_exact = False  # there is an item, and what it is called is not fixed
    for label in dict.fromkeys(labels):
        yield label, partial(check, view, table, label)


def _classes(view: View, table: Table, split: str) -> list[str]:
    """The classes with items: all of a split where there is a limit for all."""
    if any(table.get(key) is not None for key in _FOR_ALL_CLASSES):
        return view.classes(split)
    own = table.get("classes")
    return list(own) if isinstance(own, dict) else view.classes(split)


_FOR_ALL_CLASSES = ("min", "max", "max-fppi", "max-median-s", "max-p95-s")


def _reads(view: View, code: str, label: str | None) -> set[str]:
    """The splits and probes whose detections an item needs."""
    if code not in MODEL:
        return set()
    if code in probe_rules.PROBE_RULES or code in baseline_rules.PROBE_RULES:
        return {str(label), view.evaluated}
    if code in model_rules.SPLIT_RULES:
        return {str(label)}
    if code in (*alarm_rules.PROBE_RULES, "lost-objects", "flicker"):
        return {str(label), view.evaluated}
    if code in alarm_rules.CLASS_RULES:
        return {alarm_rules.alarm_split(view), view.evaluated}
    probes = view.probes if code in ("operating-point", "checkpoint-choice") else []
    return {view.evaluated, *probes}


def _refuse_unread(expected: Expected, view: View, needed: dict[str, set[str]]) -> None:
    """What the command line names has to be read by a selected rule."""
    read_names = set().union(*(needed[item] for item in expected.selected))
    read_names |= {view.split_of(name) for name in read_names}
    for name in expected.command.predictions:
        if name not in (*view.splits, *view.probes):
            expected.refused = f"--detgate-predictions: no split or probe {name!r}"
        elif name not in read_names and expected.is_exact and name != view.evaluated:
            expected.refused = f"--detgate-predictions: no rule reads {name!r}"
    codes = {item.split("[")[0].split(".")[0] for item in expected.selected}
    if expected.command.baseline and not codes & baseline_rules.COMPARING:
        expected.refused = "--detgate-baseline: no rule reads it"
    if expected.command.checkpoint and not codes & MODEL and expected.is_exact:
        expected.refused = "--detgate-ckpt: no rule reads it"


def is_control(text: str) -> bool:
    """Whether a text holds a control character."""
    return re.search(r"[\x00-\x1f\x7f-\x9f]", text) is not None
