"""The user's own choice of tests: `-k`, `-m`, `--deselect`, `--lf`, `--sw` and node ids.

It is read from the command line before a conftest can change it, and is applied to every item of
the gate, whichever of them pytest and its plugins left. Items that are missing for any other reason
were not left out by the user.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_detgate.plugin.options import entry_of
from pytest_detgate.regular_file import read_regular, real_path

CHOICE = pytest.StashKey["Choice"]()


@dataclass(frozen=True, slots=True)
class Choice:
    """The options and arguments of a command line that leave tests out. `start` is the folder that
    the arguments are relative to."""

    start: str
    arguments: tuple[str, ...] = ()
    keyword: str = ""
    markers: str = ""
    deselect: tuple[str, ...] = ()
    last_failed: bool = False
    none_failed: str = "all"
    stepwise: bool = False

    @classmethod
    def of(cls, option: argparse.Namespace, start: Path) -> Choice:
        """The choice that parsed options mean; a plugin that is switched off has none."""
        return cls(
            start=str(start),
            arguments=tuple(map(str, getattr(option, "file_or_dir", None) or ())),
            keyword=getattr(option, "keyword", ""),
            markers=getattr(option, "markexpr", ""),
            deselect=tuple(getattr(option, "deselect", None) or ()),
            last_failed=bool(getattr(option, "lf", False)),
            none_failed=getattr(option, "last_failed_no_failures", "all"),
            stepwise=bool(getattr(option, "stepwise", False)),
        )

    @property
    def in_words(self) -> str:
        """The options that leave tests out, as they were typed."""
        given = {
            f"-k {self.keyword!r}": self.keyword,
            f"-m {self.markers!r}": self.markers,
            "--deselect": self.deselect,
            "--lf": self.last_failed,
            "--sw": self.stepwise,
        }
        return ", ".join(text for text, is_given in given.items() if is_given)

    def sent(self) -> dict[str, Any]:
        """Plain values for a worker of pytest-xdist, which come back with `Choice(**values)`."""
        return dataclasses.asdict(self)


class LeftOut:
    """Tells which items the user's choice leaves out of one session.

    `collected` are the items before any plugin changed them, `selected` those that run.
    """

    def __init__(
        self,
        choice: Choice,
        config: pytest.Config,
        collected: Sequence[str],
        selected: Sequence[pytest.Item],
    ) -> None:
        self._choice = choice
        self._config = config
        self._order = {node_id: index for index, node_id in enumerate(collected)}
        self._selected = [item.nodeid for item in selected]
        self._failed: Mapping[str, bool] = (
            _cached(config, "cache/lastfailed", {}) if choice.last_failed else {}
        )
        self._goes_on_with = _last_failed_step(config) if choice.stepwise else None

    def by_options(self, items: Iterable[pytest.Item]) -> set[str]:
        """The node ids of the items that the user's options leave out."""
        items = list(items)
        selected = list(items)
        # pytest's own plugins decide, on what the user typed; neither can be switched off.
        typed = _AsTyped(self._config, self._choice)
        for name in ("mark", "main"):
            plugin: Any = self._config.pluginmanager.get_plugin(name)
            plugin.pytest_collection_modifyitems(items=selected, config=typed)
        asked = {item.nodeid for item in selected}
        return {
            item.nodeid
            for item in items
            if item.nodeid not in asked
            or self.as_passed(item.nodeid)
            or self._is_before_last_failed(item.nodeid)
        }

    def by_arguments(self, items: Iterable[pytest.Item]) -> set[str]:
        """The node ids of the items that the user's arguments leave out: those name others of the
        same file. Of tests written by hand pytest collects no others."""
        return {item.nodeid for item in items if not self._is_named(item)}

    def all_in(self, collector: pytest.Collector) -> bool:
        """Whether the user's options leave out every test of a file that was not imported, so far
        as can be known: `-m` by the file's own marks, `-k` by the words in it."""
        node: Any = collector
        if not self._choice.keyword:
            return node.nodeid in self.by_options([node])
        words = set(re.findall(r"\w+", self._choice.keyword.lower())) - {"and", "or", "not"}
        text = str(collector.path).lower()
        if collector.path.is_file():
            text += read_regular(collector.path).decode("utf-8", "replace").lower()
        named = any(word in text for word in words)
        return not named and node.nodeid in self.by_options([node])

    def as_passed(self, node_id: str) -> bool:
        """Whether `--lf` leaves an item out, as it did not fail in the last run."""
        if not self._choice.last_failed or node_id in self._failed:
            return False
        if not self._failed:
            return self._choice.none_failed == "none"
        return self._runs_what_failed

    def passes_over(self, file: Path) -> bool:
        """Whether `--lf` passes a whole file over: none of its items failed, and others did."""
        root = self._config.rootpath
        of_file = (node_id.partition("::")[0] for node_id in self._failed)
        return self._runs_what_failed and all(real_path(root / name) != file for name in of_file)

    @property
    def _runs_what_failed(self) -> bool:
        """Whether pytest runs what failed; where nothing of it is collected, it runs everything."""
        return any(item in self._failed for item in self._selected)

    def _is_named(self, item: pytest.Item) -> bool:
        """Whether an argument names the item, its file or a folder above, or nothing of these."""
        start = Path(self._choice.start)
        named = [_path_and_name(argument) for argument in self._choice.arguments]
        file = entry_of(item.path)
        within = [
            name
            for path, name in named
            if entry_of(start / path) == file or real_path(start / path) in file.parents
        ]
        return not within or any(not name or _names(name, item.name) for name in within)

    def _is_before_last_failed(self, node_id: str) -> bool:
        """Whether `--sw` leaves an item out: it goes on with the test that failed last."""
        if not self._selected or self._selected[0] != self._goes_on_with:
            return False
        first = self._order.get(self._selected[0], -1)
        return self._order.get(node_id, first) < first


class _AsTyped:
    """A configuration as pytest's plugins read it to leave items out, with the options that the
    user typed, and without the hook that reports such items: pytest has called it already."""

    def __init__(self, config: pytest.Config, choice: Choice) -> None:
        self._config = config
        self.option = SimpleNamespace(keyword=choice.keyword, markexpr=choice.markers)
        self.hook = SimpleNamespace(pytest_deselected=lambda items: None)
        self._deselect = list(choice.deselect)

    def getoption(self, name: str, *default: Any) -> Any:
        return self._deselect if name == "deselect" else self._config.getoption(name, *default)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config, name)


def _cached(config: pytest.Config, key: str, default: Any) -> Any:
    cache = getattr(config, "cache", None)
    return default if cache is None else cache.get(key, default)


def _last_failed_step(config: pytest.Config) -> str | None:
    """The test that `--sw` goes on with: up to pytest 8.3 all that its cache holds."""
    cached = _cached(config, "cache/stepwise", None)
    step = cached.get("last_failed") if isinstance(cached, dict) else cached
    return step if isinstance(step, str) else None


def _path_and_name(argument: str) -> tuple[str, str]:
    """The two parts of a node id; brackets belong to the last name, with all that is in them."""
    head, bracket, parameters = argument.partition("[")
    path, _, name = head.partition("::")
    return (path, name + bracket + parameters) if name else (argument, "")


def _names(name: str, item: str) -> bool:
    """Whether the name in an argument is an item's, or that of all items of its rule."""
    return item == name or item.split("[")[0] == name
