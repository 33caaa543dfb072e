"""Rule classes by their codes. A built-in rule has a module, named as its code."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from pytest_detgate.config.load import Configuration
from pytest_detgate.errors import ConfigError
from pytest_detgate.rules.rule import Rule

# The rules are reached by name, never by an import statement: see ARCHITECTURE.md.
BUILT_IN = "pytest_detgate.checks"


class RuleRegistry:
    """The rules of this version, and those of the plugins that are added. A built-in rule is
    imported, with all that it needs, when it is asked for."""

    def __init__(self) -> None:
        self._built_in = {module.replace("_", "-"): module for module in _built_in_modules()}
        self._of_plugins: dict[str, type[Rule]] = {}

    @property
    def codes(self) -> list[str]:
        """The codes of all rules, sorted."""
        return sorted([*self._built_in, *self._of_plugins])

    def rule(self, code: str) -> type[Rule]:
        """The class of a rule; `KeyError` where there is none."""
        if code in self._of_plugins:
            return self._of_plugins[code]
        module = importlib.import_module(f"{BUILT_IN}.{self._built_in[code]}")
        (rule,) = _rules_of(module)
        return rule

    def classes(self) -> dict[str, type[Rule]]:
        """Every rule by its code, sorted. This imports them all."""
        return {code: self.rule(code) for code in self.codes}

    def add_plugin(self, name: str, folder: Path) -> None:
        """Add the rules of a module, which may be in a `folder`. `ConfigError` where it cannot be
        imported, or has a rule with the code of another."""
        for rule in _rules_of(_plugin_module(name, folder)):
            if rule.code in self.codes:
                other = self.rule(rule.code)
                raise ConfigError(
                    f"two rules have the code {rule.code!r}: "
                    f"{other.__module__}.{other.__name__} and {rule.__module__}.{rule.__name__}"
                )
            self._of_plugins[rule.code] = rule


def rule_classes() -> dict[str, type[Rule]]:
    """Every built-in rule by its code, sorted. This imports them all."""
    return RuleRegistry().classes()


def registry_of(configuration: Configuration) -> RuleRegistry:
    """The rules that a `detgate.toml` may use; plugins with a mistake are noted, and left out."""
    registry = RuleRegistry()
    with configuration.mistakes.collect():
        for name in configuration.tables.plugins:
            try:
                registry.add_plugin(name, configuration.path.parent)
            except ConfigError as error:
                configuration.mistakes.add(configuration.location.error(str(error), "plugins"))
    return registry


@functools.cache
def _built_in_modules() -> tuple[str, ...]:
    package = importlib.import_module(BUILT_IN)
    return tuple(module.name for module in pkgutil.iter_modules(package.__path__))


def _plugin_module(name: str, folder: Path) -> ModuleType:
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"the module {name!r} cannot be imported: {error}; it must be installed or be beside "
            "detgate.toml"
        ) from None
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"the module {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from None
    finally:
        sys.path.remove(str(folder))


def _rules_of(module: ModuleType) -> Iterator[type[Rule]]:
    for _, kind in inspect.getmembers(module, inspect.isclass):
        if issubclass(kind, Rule) and kind.__module__ == module.__name__ and hasattr(kind, "code"):
            yield kind
