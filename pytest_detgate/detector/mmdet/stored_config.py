"""The configuration text that MMEngine stores in a checkpoint, read as data and never run."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

from pytest_detgate.detector.name_lists import shown_name
from pytest_detgate.errors import DetectorError

# A larger number can be written in hexadecimal, but is no float.
_MOST_BITS = 1023
# Where the parser ends a line; Python's `splitlines` knows more ends.
_LINE_END = re.compile(r"\r\n|\r|\n")
_NUMBERS = {"inf": math.inf, "nan": math.nan}


def parse_stored_config(text: str, source: str) -> dict[str, Any]:
    """Parse a stored configuration into plain values.

    It accepts what MMEngine writes: assignments of literals and `dict(...)` calls. Anything else is
    refused with `source`, the line and its text.
    """
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise DetectorError(
            f"{source}: the stored configuration{where} cannot be read: "
            f"{getattr(error, 'msg', None) or type(error).__name__}"
        ) from error
    reader = _ConfigReader(_LINE_END.split(text), source)
    try:
        return dict(reader.assignment(statement) for statement in module.body)
    except RecursionError as error:
        raise DetectorError(f"{source}: the stored configuration is nested too deeply") from error


class _ConfigReader:
    def __init__(self, lines: list[str], source: str) -> None:
        self._lines = lines
        self._source = source

    def assignment(self, node: ast.stmt) -> tuple[str, Any]:
        if (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(target := node.targets[0], ast.Name)
        ):
            return target.id, self.value(node.value)
        raise self._refused(node)

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                if isinstance(value, int) and value.bit_length() > _MOST_BITS:
                    raise self._refused(node)
                return value
            case ast.List(elts=items):
                return [self.value(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self.value(item) for item in items)
            case ast.Set(elts=items):
                return {self._key(item, node) for item in items}
            case ast.Dict(keys=keys, values=values):
                return {
                    self._key(key, node): self.value(value)
                    for key, value in zip(keys, values, strict=True)
                }
            case ast.Call(func=ast.Name(id="dict"), args=[ast.Dict() as items], keywords=[]):
                # MMEngine writes a dictionary like this if its keys are not names.
                return self.value(items)
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
                return dict(self._keyword(node, keyword) for keyword in keywords)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                number = self.value(operand)
                if type(number) in (int, float):
                    return -number if isinstance(sign, ast.USub) else number
            case ast.Name(id=name) if name in _NUMBERS:
                return _NUMBERS[name]
            case ast.Attribute() if path := dotted_name(node):
                # A class that the configuration used as an object: MMEngine writes its path without
                # quotes, and accepts a quoted path as the same.
                return path
        raise self._refused(node)

    def _key(self, key: ast.expr | None, holder: ast.expr) -> Any:
        if isinstance(key, (ast.Constant, ast.UnaryOp)):
            return self.value(key)
        raise self._refused(holder)

    def _keyword(self, call: ast.expr, keyword: ast.keyword) -> tuple[str, Any]:
        if keyword.arg is None:
            raise self._refused(call)
        return keyword.arg, self.value(keyword.value)

    def _refused(self, node: ast.expr | ast.stmt) -> DetectorError:
        line = node.lineno
        text = self._lines[line - 1].strip()
        return DetectorError(
            f"{self._source}: the stored configuration holds more than plain values, "
            f"line {line}: {shown_name(text)}"
        )


def dotted_name(node: ast.expr) -> str | None:
    """Return a name and its attributes as text; None for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join(reversed([*names, node.id]))
