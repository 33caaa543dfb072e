"""YAML text to lists and tables of text: no word becomes a truth value, a number or a date.

YAML reads `no` as false, `012` as 10 and `2024-01-01` as a date. A class may have any of these as
its name, so every value stays the text that its author wrote.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TypeAlias

from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.dataset.text.json_decoding import TOO_DEEP
from pytest_detgate.errors import DataError

Yaml: TypeAlias = "str | list[Yaml] | dict[str, Yaml]"

_MAX_CHARACTERS = 1 << 20
"""The description of a data set is a few lines long; reading a megabyte takes seconds."""


def read_yaml(path: Path) -> Yaml:
    """Return what a YAML file says, which nobody may change; `DataError` where it is none, or has a
    key twice."""
    text = read_text(path)
    if len(text) > _MAX_CHARACTERS:
        raise DataError(f"{path}: longer than a description of a data set ({len(text):,} letters)")
    return _parsed(text, path)


@functools.lru_cache(maxsize=4)
def _parsed(text: str, path: Path) -> Yaml:
    """What a text says; a run asks for one `data.yaml` several times for each of its splits."""
    import yaml

    try:
        node = yaml.compose(text, yaml.BaseLoader)
        return "" if node is None else _Builder(path).build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
        raise DataError(f"{path}: not valid YAML{where}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise DataError(f"{path}: {TOO_DEEP}") from None


class _Builder:
    """Builds each node once, so that aliases of aliases take no more memory than their text."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._built: dict[int, Yaml] = {}
        self._open: set[int] = set()

    def build(self, node: object) -> Yaml:
        from yaml import ScalarNode

        if isinstance(node, ScalarNode):
            return str(node.value)
        if id(node) not in self._built:
            if id(node) in self._open:
                raise DataError(f"{self._path}: a list or table in it holds itself")
            self._open.add(id(node))
            self._built[id(node)] = self._collection(node)
        return self._built[id(node)]

    def _collection(self, node: object) -> Yaml:
        from yaml import MappingNode, ScalarNode, SequenceNode

        if isinstance(node, SequenceNode):
            return [self.build(entry) for entry in node.value]
        assert isinstance(node, MappingNode)
        table: dict[str, Yaml] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                raise DataError(f"{self._path}: line {line}: a list or table is used as a key")
            if str(key.value) in table:
                raise DataError(f"{self._path}: line {line}: the key {key.value!r} occurs twice")
            table[str(key.value)] = self.build(value)
        return table
