"""Conditions on images, as `where` of a probe has them: `site == 'north' and frame < 500`."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pytest_detgate.dataset.keys import key
from pytest_detgate.errors import DataError

Values: TypeAlias = Mapping[str, Any]
_Term: TypeAlias = Callable[[Values], Any]
_Truth: TypeAlias = Callable[[Values], bool | None]

_WORDS = {"true": True, "false": False, "none": None, "null": None}
_ALLOWED = (
    "a condition compares fields with values (== != < <= > >= in, not in, is None), joined by "
    "and, or, not"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as it was written, the `fields` that it names, in its order, and whether it
    `holds` for an image, by the values of its fields: None where a value that decides it is None,
    which is unknown."""

    text: str
    fields: tuple[str, ...]
    holds: Callable[[Values], bool | None]


def parse_condition(text: str) -> Condition:
    """Read a condition; `DataError` says what is wrong with it.

    Nothing but comparisons, `and`, `or`, `not`, `in`, names and constants is allowed, and nothing
    in it is executed. Values are equal where ids and names are (`keys.key`): 5 is "5", and text is
    compared in its composed form. `in` looks for a value in a list, or for a text in a text.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise DataError(f"{text!r} is not a condition: {error.msg}; {_ALLOWED}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{text[:80]!r} is not a condition: {error}") from None
    fields: dict[str, None] = {}
    try:
        holds = _truth(tree, fields)
    except RecursionError:
        raise DataError(f"{text[:80]!r} is not a condition: it is nested too deeply") from None
    except DataError as error:
        raise DataError(f"{text!r} is not a condition: {error}") from None
    if not fields:
        raise DataError(f"{text!r} names no field of the images, so it chooses all of them or none")
    return Condition(text, tuple(fields), holds)


def _truth(node: ast.expr, fields: dict[str, None]) -> _Truth:
    """What decides whether a part of a condition holds."""
    if isinstance(node, ast.BoolOp):
        parts = [_truth(value, fields) for value in node.values]
        # The value that decides alone: False ends an `and`, True an `or`.
        return _joined(parts, decides=isinstance(node.op, ast.Or))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(node.operand, fields)
        return lambda values: None if (result := inner(values)) is None else not result
    if isinstance(node, ast.Compare):
        return _comparison(node, fields)
    if isinstance(node, ast.Name) and node.id.lower() not in _WORDS:
        fields[node.id] = None
        return _is_true(node.id)
    raise DataError(f"{_shown(node)} is not a comparison; {_ALLOWED}")


def _joined(parts: list[_Truth], *, decides: bool) -> _Truth:
    def holds(values: Values) -> bool | None:
        results = [part(values) for part in parts]
        if decides in results:
            return decides
        return None if None in results else not decides

    return holds


def _is_true(name: str) -> _Truth:
    def holds(values: Values) -> bool | None:
        value = values[name]
        if value is None or isinstance(value, bool) or value in (0, 1):
            return None if value is None else bool(value)
        raise DataError(f"{name} is {value!r}, neither true nor false; compare it with a value")

    return holds


def _comparison(node: ast.Compare, fields: dict[str, None]) -> _Truth:
    sides = [node.left, *node.comparators]
    parts = [
        _one_comparison(kind, left, right, fields)
        for kind, left, right in zip(node.ops, sides, sides[1:], strict=False)
    ]
    return parts[0] if len(parts) == 1 else _joined(parts, decides=False)


def _one_comparison(
    kind: ast.cmpop, left: ast.expr, right: ast.expr, fields: dict[str, None]
) -> _Truth:
    read_left, read_right = _term(left, fields), _term(right, fields)
    if isinstance(kind, (ast.Is, ast.IsNot)) or (
        isinstance(kind, (ast.Eq, ast.NotEq)) and _is_none(right)
    ):
        if not _is_none(right):
            raise DataError(f"is {_shown(right)}: only None can follow `is`; write ==")
        wanted = isinstance(kind, (ast.Is, ast.Eq))
        return lambda values: (read_left(values) is None) is wanted
    test = COMPARISONS[type(kind)]

    def holds(values: Values) -> bool | None:
        first, second = read_left(values), read_right(values)
        return None if first is None or second is None else test(first, second)

    return holds


def _is_none(node: ast.expr) -> bool:
    is_word = isinstance(node, ast.Name) and _WORDS.get(node.id.lower(), 0) is None
    return is_word or (isinstance(node, ast.Constant) and node.value is None)


def _term(node: ast.expr, fields: dict[str, None]) -> _Term:
    """What gives a side of a comparison."""
    if isinstance(node, ast.Name) and node.id.lower() not in _WORDS:
        name = node.id
        fields[name] = None
        return lambda values: values[name]
    constant = _constant(node)
    return lambda values: constant


def _constant(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id.lower() in _WORDS:
        return _WORDS[node.id.lower()]
    if isinstance(node, ast.Constant) and isinstance(
        node.value, (str, int, float, bool, type(None))
    ):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _constant(node.operand)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [_constant(element) for element in node.elts]
    raise DataError(f"{_shown(node)} is neither a field nor a value; {_ALLOWED}")


def _are_equal(first: Any, second: Any) -> bool:
    if isinstance(first, bool) != isinstance(second, bool) and _are_numbers(first, second):
        return bool(first == second)  # 1 is true, as COCO writes flags
    return key(_plain(first)) == key(_plain(second))


def _contains(value: Any, several: Any) -> bool:
    if isinstance(several, (list, tuple)):
        return any(option is not None and _are_equal(value, option) for option in several)
    if isinstance(several, str) and isinstance(value, str):
        return (key(value) or "") in (key(several) or "")
    raise DataError(f"{value!r} cannot be looked for in {several!r}, which is no list and no text")


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(first: Any, second: Any) -> bool:
        first, second = _plain(first), _plain(second)
        numbers = _as_number(first), _as_number(second)
        if None not in numbers:
            return test(*numbers)
        if isinstance(first, str) and isinstance(second, str):
            return test(key(first), key(second))
        raise DataError(f"{first!r} and {second!r} cannot be compared by size")

    return holds


COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: _are_equal,
    ast.NotEq: lambda first, second: not _are_equal(first, second),
    ast.In: _contains,
    ast.NotIn: lambda value, several: not _contains(value, several),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
}
"""How a condition compares two values, neither of which is None."""


def _as_number(value: Any) -> float | int | None:
    """A number, also one that is written as text."""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return value if isinstance(value, (int, float)) else None


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float)):
        return value
    raise DataError(f"{value!r} is neither a number nor text")


def _shown(node: ast.expr) -> str:
    return f"`{ast.unparse(node)[:60]}`"
