"""The rules of a `detgate.toml`: each table under `[rules]` with its class and its items."""

from __future__ import annotations

import datetime
import re
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from pytest_detgate.config.convert import convert_table
from pytest_detgate.config.location import FileError, Location
from pytest_detgate.config.validation import check_tables
from pytest_detgate.dataset.keys import composed
from pytest_detgate.errors import DetgateError, nearest_name
from pytest_detgate.inputs.detections.model_source import check_model
from pytest_detgate.inputs.project import Project
from pytest_detgate.printable import printable
from pytest_detgate.rules.recommended import recommended_tables
from pytest_detgate.rules.registry import RuleRegistry, registry_of
from pytest_detgate.rules.rule import OptionError, ProjectError, Rule, Target, refused_options

UNUSED_BASELINE = (
    "no rule compares with it; add [rules.ap-regression], [rules.fp-regression] or "
    "[rules.lost-objects]"
)
_LONGEST_WAIVER = datetime.timedelta(days=366)


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule with the options of one table, and the items it makes."""

    rule: Rule
    location: Location
    targets: tuple[Target, ...]

    def item_name(self, target: Target) -> str:
        """The last part of the item's node id, e.g. `probe-fp[youtube]`, without a control
        character: names come from the data."""
        code = self.rule.code if self.rule.name is None else f"{self.rule.code}.{self.rule.name}"
        return printable(code if target.label is None else f"{code}[{target.label}]")


def bind_rules(project: Project, *, trains: bool = False) -> tuple[BoundRule, ...]:
    """Bind every table under `[rules]`, in the order of the file.

    Everything in `detgate.toml` is checked before: `ConfigError` has all mistakes of the file,
    those included that `read_configuration` found. `trains` says that the run trains its model.
    """
    configuration = project.configuration
    check_tables(configuration)
    check_model(configuration, is_trained=trains)
    with configuration.mistakes.collect():
        if trains and configuration.tables.train is None:
            raise configuration.location.error(
                "--detgate-train needs a table [train] with config and work-dir"
            )
    bound = _Binder(project).bind()
    configuration.mistakes.raise_all()
    return bound


def add_rule(
    project: Project, bound: tuple[BoundRule, ...], code: str, options: dict[str, Any]
) -> tuple[BoundRule, ...]:
    """The rules with one more that the command line asks for, unless the file has it already;
    raises `OptionError` where it makes no sense in this project."""
    if any(rule.rule.code == code for rule in bound):
        return bound
    location = project.configuration.location.table("rules").table(code)
    rule = msgspec.convert(options, RuleRegistry().rule(code))
    rule.validate(project)
    together = (*bound, BoundRule(rule, location, _items(rule, project)))
    for error in _equal_items(together):
        raise error
    return together


class _Binder:
    """Binds the tables under `[rules]` of one file, and notes their mistakes."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._configuration = project.configuration
        self._mistakes = project.configuration.mistakes
        self._location = project.configuration.location.table("rules")
        self._bound: list[BoundRule] = []
        self._incomplete: set[str] = set()
        """Codes whose items are not all known, because of a mistake."""
        self._knows_all = False
        """Whether the class of every rule that the file names is known."""

    def bind(self) -> tuple[BoundRule, ...]:
        with self._mistakes.collect():
            self._bind_all()
            if not self._bound and not self._mistakes:
                raise self._configuration.location.error(
                    "no rule is on, so the gate would look at nothing; recommended = true needs a "
                    "split, and enabled = false switches a rule off"
                )
            for error in _equal_items(self._complete()):
                self._mistakes.add(error)
            self._check_baseline()
        self._check_waivers()
        return tuple(self._bound)

    def _bind_all(self) -> None:
        before = len(self._mistakes)
        registry = registry_of(self._configuration)
        tables = self._configuration.tables
        self._bind_recommended(registry)
        knows_plugins = len(self._mistakes) == before and hasattr(tables, "plugins")
        for code, options in tables.rules.items():
            before = len(self._mistakes)
            if code in registry.codes:
                self._bind_tables(code, registry.rule(code), options)
            elif knows_plugins:
                self._mistakes.add(self._location.table(code).unknown("rule", code, registry.codes))
            if len(self._mistakes) > before:
                self._incomplete |= {code, nearest_name(code, registry.codes) or code}
        self._knows_all = knows_plugins and all(code in registry.codes for code in tables.rules)

    def _bind_recommended(self, registry: RuleRegistry) -> None:
        """Bind what `recommended = true` switches on."""
        tables = self._configuration.tables
        with self._mistakes.collect():
            if tables.recommended:
                location = self._configuration.location.table("recommended")
                for kind, options in recommended_tables(self._project, registry, tables.rules):
                    self._bind(kind, options, location)

    def _bind_tables(self, code: str, kind: type[Rule], tables: Any) -> None:
        location = self._location.table(code)
        if not isinstance(tables, list):
            self._bind(kind, tables, location)
            return
        if not tables:
            self._mistakes.add(self._location.error("an empty list of tables sets no rule", code))
        self._check_entry_names(tables, location)
        for index, table in enumerate(tables):
            self._bind(kind, table, location.entry(index))

    def _check_entry_names(self, tables: list[Any], location: Location) -> None:
        """Note the first entries of a list that cannot be distinguished."""
        names = [table.get("name") if isinstance(table, dict) else None for table in tables]
        names = [composed([name])[0] if isinstance(name, str) else name for name in names]
        if None in names and len(names) > 1:
            index = names.index(None)
            what = f"entry {index + 1} of {len(names)} has no name"
            self._mistakes.add(location.entry(index).error(what))
        for index, name in enumerate(names):
            if name is not None and name in names[:index]:
                what = f"two entries are named {name!r}"
                self._mistakes.add(location.entry(index).error(what, "name"))

    def _bind(self, kind: type[Rule], table: Any, location: Location) -> None:
        before = len(self._mistakes)
        if isinstance(table, dict) and table.get("enabled") is False:
            convert_table(table, kind, location, self._mistakes, is_complete=False)
            return
        rule = convert_table(table, kind, location, self._mistakes)
        targets: tuple[Target, ...] = ()
        try:
            with refused_options(skips_unset=bool(self._mistakes)) as refusals:
                rule.validate(self._project)
                if not (refusals.errors or refusals.is_partial):
                    targets = _items(rule, self._project)
        except DetgateError as error:
            self._mistakes.add(error)
        except Exception as error:
            # What reads a value with a mistake, or a name that was refused, has no other.
            follows = refusals.errors or refusals.is_partial or len(self._mistakes) > before
            if not (follows or (self._mistakes and isinstance(error, AttributeError))):
                what = f"the rule crashed before it ran: {crash_text(error)}"
                self._mistakes.add(location.error(what))
        for refusal in refusals.errors:
            fact = str(refusal) if isinstance(refusal, ProjectError) else None
            self._mistakes.add(_option_error(refusal, location), fact)
        if not targets:
            self._incomplete.add(kind.code)
        self._bound.append(BoundRule(rule, location, targets))

    def _complete(self) -> list[BoundRule]:
        """The rules whose items are known."""
        return [bound for bound in self._bound if bound.rule.code not in self._incomplete]

    def _check_baseline(self) -> None:
        """Note a baseline that no rule compares with."""
        model = self._configuration.tables.model
        if model.baseline is None or any(bound.rule.compares for bound in self._bound):
            return
        if self._knows_all:
            location = self._configuration.location.table("model")
            self._mistakes.add(location.error(UNUSED_BASELINE, "baseline"))

    def _check_waivers(self) -> None:
        location = self._configuration.location.table("waivers")
        latest = last_day_of_waivers()
        with self._mistakes.collect():
            for index, waiver in enumerate(self._configuration.tables.waivers):
                with self._mistakes.collect():
                    self._check_waived_item(waiver.item, location.entry(index))
                with self._mistakes.collect():
                    if waiver.until > latest:
                        raise location.entry(index).error(
                            f"a waiver ends within a year, on {latest.isoformat()} at the latest; "
                            f"found {waiver.until.isoformat()}",
                            "until",
                        )

    def _check_waived_item(self, item: str, location: Location) -> None:
        """Note a waiver of no item, unless it may mean one of a rule with a mistake."""
        code = re.split(r"[.\[]", item, maxsplit=1)[0]
        complete = self._complete()
        items = [bound.item_name(target) for bound in complete for target in bound.targets]
        may_mean = nearest_name(code, self._configuration.tables.rules)
        is_known = self._knows_all and may_mean not in self._incomplete
        if item not in items and (is_known or code in {bound.rule.code for bound in complete}):
            raise location.unknown("item", item, items)


def today() -> datetime.date:
    """The day on which waivers are judged."""
    return datetime.datetime.now(datetime.timezone.utc).date()


def last_day_of_waivers() -> datetime.date:
    """The last day until which a fault may be accepted, a year from now."""
    return today() + _LONGEST_WAIVER


def _option_error(error: OptionError, location: Location) -> FileError:
    for key in error.table:
        location = location.entry(key) if isinstance(key, int) else location.table(key)
    return location.error(str(error), error.key, error.entry)


def crash_text(error: BaseException) -> str:
    """Say what a rule raised, and where: `KeyError: 'x' (rule.py:12)`."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"


def _items(rule: Rule, project: Project) -> tuple[Target, ...]:
    """The items of a rule: at least one, so that a rule is never silent."""
    return tuple(rule.targets(project)) or (Target(nothing=True),)


def _equal_items(bound: Iterable[BoundRule]) -> Iterator[FileError]:
    """An error for each rule with an item of a name that another item has: one of the two would
    not count."""
    seen: set[str] = set()
    for rule in bound:
        doubled = []
        for name in map(rule.item_name, rule.targets):
            doubled += [name] if name in seen else []
            seen.add(name)
        if doubled:
            yield rule.location.error(
                f"two items would be named {doubled[0]!r}, and only one of them would count; give "
                "the names that make them alike different spellings"
            )
