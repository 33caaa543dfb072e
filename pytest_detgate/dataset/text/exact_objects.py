"""JSON objects that have just the keys of an earlier one, each of them once.

Their number of keys is known, so that a key which occurs twice shows in the number of colons: no
second look at the text is needed (`json_keys`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

_ESCAPED = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
# A key ends with a quote and, nearly always, a colon right behind it.
_BLANKS = (b" :", b"\t:", b"\n:", b"\r:")


class Nothing(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An object without keys."""


EMPTY = str | float | int | bool | None | Nothing | tuple[()]
"""A value that has no key: what is neither an object nor a list with something in it."""


def are_decodable(names: Collection[str]) -> bool:
    """Whether msgspec finds fields of these names: none is written with an escape in JSON."""
    return not any(_ESCAPED.search(name) for name in names)


def exact_struct(kinds: Mapping[str, Any], keys: Collection[str]) -> Any:
    """Return a type that decodes objects with these keys and no others.

    A key of `kinds` is an attribute of that type; all others hold an `EMPTY` value. `ValueError`
    for a key that is written with an escape.
    """
    if not are_decodable(keys):
        raise ValueError("a key that is written with an escape")
    names = {key if key in kinds else f"field_{index}": key for index, key in enumerate(keys)}
    return msgspec.defstruct(
        "Exact",
        [(name, kinds.get(key, EMPTY)) for name, key in names.items()],
        rename=names,
        forbid_unknown_fields=True,
        gc=False,
    )


def has_no_more_keys(text: bytes, expected: int) -> bool:
    """Return whether a JSON text has as many keys as `expected`, the number of different keys in
    each of its objects: then none occurs twice.

    False may also mean that it is unknown, as where a text in it holds a colon behind a quote.
    """
    if text.count(b":") == expected:
        return True
    # Times have colons, too.
    return text.count(b'":') == expected and not any(blank in text for blank in _BLANKS)
