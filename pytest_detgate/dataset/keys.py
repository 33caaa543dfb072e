"""Which ids and names are equal, in files of any origin.

Image ids, annotation ids, class ids, clips, values of slices and file names are equal where they
have the same key: where they are the same number (5, 5.0, and the texts "5" and "5.0"), or the same
text in Unicode's composed form (NFC). In a path `.` as a part, doubled slashes and the kind of
slash mean nothing, so that `./a.jpg` is `a.jpg`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
# A text without any of these is its own key.
_ODD_IN_KEYS = ("./", "//", "\\", ".0")
_SLASH, _DOT, _ZERO = map(ord, "/.0")
_BLANKS = re.compile(r"\s*/\s*")
# Where none of these occurs, names can differ only in letter case.
_ODD = ("\t", "\n", "\r", "\v", "\f")
_OUTER_BLANKS = ("\0 ", " \0", "/ ", " /")


def key(value: object) -> str | None:
    """Return what an id or name is compared by; None for none, and for a number that is none."""
    if value is None:
        return None
    if isinstance(value, str):
        return _text_key(value)
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def composed(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of classes in the form that they are compared and shown in."""
    return tuple(unicodedata.normalize("NFC", name) for name in names)


def keys(values: Sequence[Any] | NDArray[Any]) -> list[str | None]:
    """Return the key of each id or name."""
    listed: list[Any] = values.tolist() if isinstance(values, np.ndarray) else list(values)
    kinds = set(map(type, listed))
    if kinds == {str} and _are_plain(listed):
        return listed
    return list(map(str if kinds == {int} else key, listed))


def near_key(text: str) -> str:
    """Return what two names share that a person may take for one: they differ in letter case, in
    blanks around a part of the path, in characters that are not seen, or in how letters are
    composed."""
    if text.isascii():
        # All else would leave it as it is, and takes ten times as long.
        folded = text.lower().strip()
    else:
        text = "".join(mark for mark in text if unicodedata.category(mark) != "Cf")
        folded = unicodedata.normalize("NFKC", text).casefold().strip()
    folded = folded.replace("\\", "/")
    return _BLANKS.sub("/", folded) if "/" in folded else folded


def near_rows(listed: Sequence[str | None]) -> list[list[int]]:
    """Return the rows of the keys that differ and yet are near each other, the first of each key,
    in order of first appearance. None is no name."""
    names = [name for name in listed if name is not None]
    # All names together take a hundredth of the time that they take one by one.
    joined = "\0".join(["", *names, ""])
    lower = joined.lower()
    is_simple = (
        joined.isascii()
        and joined.count("\0") == len(names) + 1
        and not any(odd in joined for odd in _ODD)
        and not (" " in joined and any(blank in joined for blank in _OUTER_BLANKS))
    )
    if is_simple and lower == joined:
        return []  # nothing in it could be written in another way
    first = dict.fromkeys(names)
    folded = lower.split("\0")[1:-1] if is_simple else list(map(near_key, first))
    if is_simple and len(set(folded)) == len(first):
        return []
    of_name = dict(zip(names if is_simple else first, folded, strict=True))
    count = Counter(of_name[name] for name in first)
    groups: dict[str, dict[str, int]] = {}
    for row, name in enumerate(listed):
        if name is not None and count[of_name[name]] > 1:
            groups.setdefault(of_name[name], {}).setdefault(name, row)
    return [list(rows.values()) for rows in groups.values()]


def near_class_rows(listed: Sequence[str | None]) -> list[list[int]]:
    """The same for names of classes, in which a hyphen or an underscore is a blank, too."""
    groups: dict[str, dict[str, int]] = {}
    for row, name in enumerate(listed):
        if name is not None:
            groups.setdefault(near_class_key(name), {}).setdefault(name, row)
    return [list(rows.values()) for rows in groups.values() if len(rows) > 1]


def near_class_key(name: str) -> str:
    """Return what two names of classes share that were probably meant as one."""
    return " ".join(near_key(name).replace("_", " ").replace("-", " ").split())


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether texts are sure to be their own keys: all at once, as columns are long."""
    joined = "\0".join(texts)
    if not joined.isascii() or "\\" in joined:
        return False
    characters = np.frombuffer(f"\0{joined}\0".encode("ascii"), np.uint8)
    before_slash = characters[np.flatnonzero(characters == _SLASH) - 1]
    if ((before_slash == _SLASH) | (before_slash == _DOT)).any():
        return False
    last = characters[np.flatnonzero(characters == 0)[1:] - 1]
    return not ((last == _ZERO).any() and ".0" in joined)


def _text_key(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if text.isascii() and not any(odd in text for odd in _ODD_IN_KEYS):
        return text
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        return "0" if whole[1] == "-0" else whole[1]
    text = text.replace("\\", "/")
    if "./" not in text and "//" not in text:
        return text
    head = "/" if text.startswith("/") else ""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return head + "/".join(parts) if parts else text
