"""Finding rule classes, and binding the tables under `[rules]` to them."""

from __future__ import annotations

import datetime
import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_detgate.config.convert import convert_table
from pytest_detgate.config.wording import Place
from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.inputs.project import Project
from pytest_detgate.printable import printable
from pytest_detgate.rules.rule import OptionError, Rule, Target

LONGEST_WAIVER = datetime.timedelta(days=366)
# The rules are reached by name, never by an import statement: see ARCHITECTURE.md.
BUILT_IN = "pytest_detgate.checks"


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule with the options of one table, and the items it makes."""

    rule: Rule
    place: Place
    targets: tuple[Target, ...]

    def item_name(self, target: Target) -> str:
        """The last part of the item's node id, e.g. `probe-fp[youtube]`, without a control
        character, whatever names the data has."""
        code = self.rule.code if self.rule.name is None else f"{self.rule.code}.{self.rule.name}"
        return printable(code if target.label is None else f"{code}[{target.label}]")


def rule_classes(
    plugins: tuple[str, ...] = (), folder: Path | None = None
) -> dict[str, type[Rule]]:
    """Every rule by its code, sorted: the built-in ones and those of the modules in `plugins`.

    `folder` is where a plugin module may lie beside `detgate.toml`. Two rules with one code, or
    a plugin that cannot be imported, raise `ConfigError`.
    """
    found: dict[str, type[Rule]] = {}
    for module in [*_built_in_modules(), *(_plugin_module(name, folder) for name in plugins)]:
        for rule in _rules_of(module):
            other = found.get(rule.code)
            if other is not None:
                raise ConfigError(
                    f"two rules have the code {rule.code!r}: "
                    f"{other.__module__}.{other.__name__} and {rule.__module__}.{rule.__name__}"
                )
            found[rule.code] = rule
    return dict(sorted(found.items()))


def bind_rules(project: Project) -> tuple[BoundRule, ...]:
    """Bind every table under `[rules]`, in the order of the file; mistakes raise `ConfigError`."""
    configuration = project.configuration
    classes = rule_classes(configuration.tables.plugins, configuration.path.parent)
    place = configuration.place.table("rules")
    bound = tuple(
        _bind(classes[code], table, place.table(code).at(entry), project)
        for code, tables in configuration.tables.rules.items()
        for entry, table in enumerate(_tables_of(code, tables, classes, place))
    )
    _refuse_equal_items(bound)
    _check_waivers(project, bound)
    return bound


def add_rule(
    project: Project, bound: tuple[BoundRule, ...], code: str, table: dict[str, Any]
) -> tuple[BoundRule, ...]:
    """The rules with one more that the command line asks for, unless the file has it already;
    raises `OptionError` where it makes no sense in this project."""
    if any(rule.rule.code == code for rule in bound):
        return bound
    place = project.configuration.place.table("rules").table(code)
    rule = convert_table(table, rule_classes()[code], place)
    rule.validate(project)
    together = (*bound, BoundRule(rule, place, _items(rule, project)))
    _refuse_equal_items(together)
    return together


def _tables_of(
    code: str, tables: Any, classes: Mapping[str, type[Rule]], place: Place
) -> list[Any]:
    if code not in classes:
        raise place.table(code).unknown("rule", code, classes)
    if not isinstance(tables, list):
        return [tables]
    if not tables:
        raise place.error("an empty list of tables sets no rule", code)
    names = [table.get("name") if isinstance(table, dict) else None for table in tables]
    for at, name in enumerate(names):
        if name is None and len(names) > 1:
            raise place.table(code).error(f"entry {at + 1} of {len(names)} has no name")
        if name is not None and name in names[:at]:
            raise place.table(code).error(f"two entries are named {name!r}", "name")
    return tables


def _bind(kind: type[Rule], table: Any, place: Place, project: Project) -> BoundRule:
    rule = convert_table(table, kind, place)
    try:
        rule.validate(project)
        return BoundRule(rule, place, _items(rule, project))
    except OptionError as error:
        for key in error.table:
            place = place.table(key)
        raise place.error(str(error), error.key) from None
    except DetgateError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise place.error(
            f"the rule crashed before it ran: {type(error).__name__}: {error} "
            f"({frame.filename}:{frame.lineno})"
        ) from None


def _items(rule: Rule, project: Project) -> tuple[Target, ...]:
    """The items of a rule: at least one, so that a rule is never silent."""
    return tuple(rule.targets(project)) or (Target(nothing=True),)


def _refuse_equal_items(bound: Sequence[BoundRule]) -> None:
    """Raise `ConfigError` where two items would have one node id: one of them would not count."""
    seen: set[str] = set()
    for rule in bound:
        for target in rule.targets:
            item = rule.item_name(target)
            if item in seen:
                raise rule.place.error(
                    f"two items would be named {item!r}, and only one of them would count; give "
                    "the names that make them alike different spellings"
                )
            seen.add(item)


def _check_waivers(project: Project, bound: tuple[BoundRule, ...]) -> None:
    items = [rule.item_name(target) for rule in bound for target in rule.targets]
    place = project.configuration.place.table("waivers")
    latest = datetime.datetime.now(datetime.timezone.utc).date() + LONGEST_WAIVER
    for entry, waiver in enumerate(project.tables.waivers):
        if waiver.item not in items:
            raise place.unknown("item", waiver.item, items)
        if waiver.until > latest:
            raise place.at(entry).error(
                f"a waiver ends within a year, on {latest.isoformat()} at the latest; found "
                f"{waiver.until.isoformat()}",
                "until",
            )


def _built_in_modules() -> Iterator[ModuleType]:
    package = importlib.import_module(BUILT_IN)
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        yield importlib.import_module(f"{BUILT_IN}.{name}")


def _plugin_module(name: str, folder: Path | None) -> ModuleType:
    path = [str(folder)] if folder is not None else []
    sys.path[:0] = path
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"plugins: the module {name!r} cannot be imported: {error}; it must be installed or "
            "lie beside detgate.toml"
        ) from None
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"plugins: the module {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from None
    finally:
        for entry in path:
            sys.path.remove(entry)


def _rules_of(module: ModuleType) -> Iterator[type[Rule]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, Rule) and kind.__module__ == module.__name__ and hasattr(kind, "code"):
            yield kind
