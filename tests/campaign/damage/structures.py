"""Damage to a structure, JSON or TOML: one of its nodes is dropped, repeated, renamed and so on."""

from __future__ import annotations

import copy
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.toml_text import toml_text

_NOTHING: tuple[Any, ...] = (None, [], {}, "")
_NUMBERS: tuple[Any, ...] = (float("nan"), float("inf"), -1, 0, 1e30, 10**400, True, "x", None, [])
_TEXTS: tuple[Any, ...] = (None, 7, 7.5, "", " ", True, [], {"x": 1})


@dataclass
class Node:
    """A value in a structure: what holds it, and under which key or index."""

    holder: Any
    key: Any
    path: str

    @property
    def value(self) -> Any:
        return self.holder[self.key]


def nodes(value: Any, path: str = "") -> Iterator[Node]:
    """Every node below a value; `path` leaves indices out."""
    if isinstance(value, dict):
        for key in list(value):
            yield Node(value, key, f"{path}.{key}".lstrip("."))
            yield from nodes(value[key], f"{path}.{key}")
    elif isinstance(value, list):
        for index in range(len(value)):
            yield Node(value, index, f"{path}[]".lstrip("."))
            yield from nodes(value[index], f"{path}[]")


def damage_structure(
    draw: DrawFn, kind: str, content: Any, *, is_toml: bool = False
) -> tuple[Any, str, str] | None:
    """A damaged copy, the damaged node and how; None where there is no such node.

    The copy is text where a key occurs twice, which no structure can hold.
    """
    content = copy.deepcopy(content)
    root = [content]
    listed = [node for node in (Node(root, 0, "all"), *nodes(content)) if _fits(kind, node)]
    if not listed:
        return None
    # Paths first, so that the one list of forty boxes is no likelier than the one list of classes.
    path = draw(st.sampled_from(sorted({node.path for node in listed})))
    node = draw(st.sampled_from([node for node in listed if node.path == path]))
    how = _DAMAGE[kind](draw, node, content)
    if how == "key twice":
        dump = toml_text if is_toml else json.dumps
        text = dump(root[0]).replace("¶", "").replace("\\u00b6", "")
        return text, path, how
    return root[0], path, how


def _fits(kind: str, node: Node) -> bool:
    value = node.value
    match kind:
        case "drop":
            return node.path != "all"
        case "reorder":
            return isinstance(value, (list, dict)) and len(value) > 1
        case "truncate" | "empty":
            return isinstance(value, (list, dict, str)) and len(value) > 0
        case "recase":
            return isinstance(value, str) and value.swapcase() != value
        case "renormalise":
            return isinstance(value, (str, int, float)) and not isinstance(value, bool)
        case "rename":
            return isinstance(node.key, str) or isinstance(value, str)
        case "relink":
            return node.path != "all" and not isinstance(value, (dict, list))
        case "retype" | "duplicate":
            return node.path != "all"
    return False


def _drop(draw: DrawFn, node: Node, content: Any) -> str:
    del node.holder[node.key]
    return "gone"


def _duplicate(draw: DrawFn, node: Node, content: Any) -> str:
    if isinstance(node.holder, list):
        node.holder.insert(node.key, copy.deepcopy(node.value))
        return "twice"
    # Marked, and unmarked again in the text.
    other = draw(st.sampled_from((node.value, *_NOTHING[:2])))
    node.holder[f"{node.key}¶"] = other
    return "key twice"


def _reorder(draw: DrawFn, node: Node, content: Any) -> str:
    if isinstance(node.value, list):
        node.holder[node.key] = node.value[::-1]
    else:
        node.holder[node.key] = dict(reversed(node.value.items()))
    return "reversed"


def _rename(draw: DrawFn, node: Node, content: Any) -> str:
    if isinstance(node.value, str) and draw(st.booleans()):
        node.holder[node.key] = f"{node.value}{draw(st.sampled_from(('x', ' ', '.png', '/')))}"
        return "other text"
    if not isinstance(node.key, str):
        node.holder[node.key] = f"x{node.value}"
        return "other text"
    new = draw(st.sampled_from((f"{node.key}x", f"{node.key} ", node.key.upper())))
    value = node.holder.pop(node.key)
    node.holder[new] = value
    return "other key"


def _retype(draw: DrawFn, node: Node, content: Any) -> str:
    value = node.value
    choices: tuple[Any, ...]
    if isinstance(value, bool):
        choices = (str(value), int(value), None)
    elif isinstance(value, (int, float)):
        choices = (str(value), [value], -value, value + 0.5, *_NUMBERS)
    elif isinstance(value, str):
        choices = ([value], {"name": value}, *_TEXTS)
    else:
        choices = (*_NOTHING, [value], "x", 5)
    node.holder[node.key] = draw(st.sampled_from(choices))
    return f"{type(value).__name__} to {node.holder[node.key]!r:.20}"


def _truncate(draw: DrawFn, node: Node, content: Any) -> str:
    value = node.value
    half = len(value) // 2
    if isinstance(value, dict):
        node.holder[node.key] = dict(list(value.items())[:half])
    else:
        node.holder[node.key] = value[:half]
    return "half"


def _empty(draw: DrawFn, node: Node, content: Any) -> str:
    node.holder[node.key] = type(node.value)()
    return "empty"


def _relink(draw: DrawFn, node: Node, content: Any) -> str:
    others = [
        other.value
        for other in nodes(content)
        if other.path == node.path and other.value != node.value
    ]
    plain = [value for value in others if not isinstance(value, (dict, list))]
    if not plain:
        node.holder[node.key] = draw(st.sampled_from((999, "elsewhere")))
        return "nowhere"
    node.holder[node.key] = draw(st.sampled_from(plain))
    return "to another"


def _recase(draw: DrawFn, node: Node, content: Any) -> str:
    node.holder[node.key] = draw(st.sampled_from((node.value.swapcase(), node.value.upper())))
    return "letter case"


def _renormalise(draw: DrawFn, node: Node, content: Any) -> str:
    value = node.value
    if isinstance(value, str):
        forms = (
            unicodedata.normalize("NFD", value),
            unicodedata.normalize("NFC", value),
            f"./{value}",
            f" {value}",
            value.replace("/", "\\"),
        )
        node.holder[node.key] = draw(st.sampled_from(forms))
        return "other form of text"
    whole = value == int(value) if abs(value) < 1e300 else False
    node.holder[node.key] = draw(
        st.sampled_from((float(value), str(value), *((int(value),) if whole else ())))
    )
    return "other form of number"


_DAMAGE = {
    "drop": _drop,
    "duplicate": _duplicate,
    "reorder": _reorder,
    "rename": _rename,
    "retype": _retype,
    "truncate": _truncate,
    "empty": _empty,
    "relink": _relink,
    "recase": _recase,
    "renormalise": _renormalise,
}
KINDS = tuple(_DAMAGE)
