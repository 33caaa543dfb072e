"""Configuration files of plain values, which nothing but their text decides."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

from pytest_detgate.detector.mmdet.stored_config import dotted_name
from pytest_detgate.regular_file import read_regular_text

_BASE = "_base_"
# Functions of Python that make values of values.
_VALUES_OF_VALUES = (
    *("abs", "bool", "dict", "enumerate", "float", "int", "len", "list", "max", "min", "range"),
    *("reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip"),
)
# Methods of strings, lists and dictionaries that do.
_METHODS = (
    *("append", "copy", "deepcopy", "extend", "format", "get", "index", "insert", "items", "join"),
    *("keys", "lower", "pop", "replace", "split", "update", "upper", "values"),
)
# What it may call in `os`: the result is a value, which is computed again in every run.
_QUESTIONS = (
    *("os.getenv", "os.environ.get", "os.path.abspath", "os.path.basename", "os.path.dirname"),
    *("os.path.expanduser", "os.path.join", "os.path.normpath"),
)
_NOT_PLAIN = (
    *(ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef),
    *(ast.With, ast.Try, ast.Await, ast.Yield, ast.Global, ast.Nonlocal, ast.Delete),
)


def has_plain_values(path: Path) -> bool:
    """Return whether a configuration and all that it is based on are made of plain values."""
    return plain_files(path) is not None


def plain_files(path: Path) -> frozenset[Path] | None:
    """Return the files of a configuration that is made of plain values, itself and all that it is
    based on; None for any other.

    Such a file imports nothing but `os`, to read variables and join paths, defines no class or
    function, and calls only what makes values of values, so that its resolved values say all about
    it. Everything else may have side effects: it may patch a class of MMDetection, or set a
    variable that a module reads later.
    """
    waiting, seen = [path.absolute()], set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix != ".py":
            continue  # JSON and YAML are data
        try:
            tree = ast.parse(_without_references(read_regular_text(file)))
            bases = _bases(tree)
        except (OSError, SyntaxError, ValueError):
            return None  # loading says what is wrong
        if not _is_plain(tree):
            return None
        # Those of an installed package are known by its version and files.
        waiting += [
            Path(os.path.normpath(file.parent / base)) for base in bases if "::" not in base
        ]
    return frozenset(seen)


def _without_references(text: str) -> str:
    """Replace MMEngine's `{{ name }}`, which is a placeholder of a value, by the name."""
    return re.sub(r"\{\{([^{}]*)\}\}", r"(\1)", text)


def _bases(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == _BASE for target in node.targets
        ):
            value = ast.literal_eval(node.value)
            return [value] if isinstance(value, str) else [str(base) for base in value]
    return []


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return all((alias.name, alias.asname) == ("os", None) for alias in node.names)
    if isinstance(node, ast.Call) and dotted_name(node.func) in _QUESTIONS:
        return all(map(_is_plain, [*node.args, *node.keywords]))
    if isinstance(node, ast.Subscript) and dotted_name(node.value) == "os.environ":
        return isinstance(node.ctx, ast.Load) and _is_plain(node.slice)
    return _is_plain_by_itself(node) and all(map(_is_plain, ast.iter_child_nodes(node)))


def _is_plain_by_itself(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name):
            return function.id in _VALUES_OF_VALUES
        return isinstance(function, ast.Attribute) and function.attr in _METHODS
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return name == _BASE or not (name == "os" or name.startswith("__"))
    return not isinstance(node, _NOT_PLAIN)
