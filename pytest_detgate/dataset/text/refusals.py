"""Plain words for what is wrong with a result file, in place of those of its decoder."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from pytest_detgate.counts import with_noun
from pytest_detgate.dataset.text.json_decoding import TOO_LARGE

_LOCATION = re.compile(r" - at `\$(?:\.annotations)?(?:\[(\d+)\])?\.?([^`]*)`$")
_WRONG = re.compile(r"Expected `?([^`]*?)`?(?: of length (\d+))?(?:, got `?([^`]*?)`?)?$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`$")
# What the decoder says of a number in quotes.
_TEXT_NUMBER = re.compile(r"Invalid enum value ('.*')$")
_WORDS = {
    "int": "a number",
    "float": "a number",
    "float | str": "a number",
    "int | float | str": "a number or text",
    "str": "text",
    "str | null": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_FIELDS = "image_id, category_id, bbox and score"
_SHOWN = 8


def plain_refusal(text: str, content: bytes) -> str:
    """Return what a decoder says of the results in `content`, in plain words; other texts stay."""
    match = _LOCATION.search(text)
    what = text if match is None else text[: match.start()]
    row, field = (None, "") if match is None else (match[1], match[2])
    where = field if row is None else f"detection {row}" + (f": {field}" if field else "")
    if missing := _MISSING.search(what):
        head = what[: missing.start()]
        if row is not None and not field:
            return f"{head}{where} has no `{missing[1]}`; {_expected(content, int(row))}"
        if match is None and missing[1] == "annotations":
            return f"{head}no list of detections; {_expected(content, None)}"
        return f"{head}{where} has no `{missing[1]}`" if where else text
    if wrong := _WRONG.search(what):
        expected, length, actual = wrong[1], wrong[2], wrong[3]
        if length:
            count = f", found {actual}" if actual else ""
            return f"{what[: wrong.start()]}{where}: expected {with_noun(length, 'value')}{count}"
        words = f"{_word(actual)}; expected {_word(expected)}"
        if where.endswith("bbox"):
            words = f"{_word(actual)}; expected [x, y, width, height]"
        return f"{what[: wrong.start()]}{where or 'it'} is {words}"
    if TOO_LARGE in what and where:
        return what.replace(TOO_LARGE, f"{where}: {TOO_LARGE}")
    if number := _TEXT_NUMBER.search(what):
        return f"{what[: number.start()]}{where}: expected a number, found the text {number[1]}"
    return text


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind)


def _expected(content: bytes, row: int | None) -> str:
    """What each detection has, and what is there in its place."""
    keys = _keys(content, row)
    there = ""
    if keys:
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        there = f", found {', '.join(keys[:_SHOWN])}{more}"
    if row is None:
        return (
            f"expected a list in which each has {_FIELDS}, or an object with such a list as "
            f"`annotations`{there}"
        )
    return f"expected {_FIELDS}{there}"


def _keys(content: bytes, row: int | None) -> list[str]:
    decode: Callable[..., object] = msgspec.json.decode
    try:
        if row is None:
            return list(msgspec.json.decode(content, type=dict[str, msgspec.Raw]))
        rows = decode(content, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
        if isinstance(rows, dict):
            rows = msgspec.json.decode(rows["annotations"], type=list[msgspec.Raw])
        assert isinstance(rows, list)
        return list(msgspec.json.decode(rows[row], type=dict[str, msgspec.Raw]))
    except (msgspec.MsgspecError, KeyError, RecursionError, UnicodeError):
        return []
