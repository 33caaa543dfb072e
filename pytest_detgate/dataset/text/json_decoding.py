"""JSON text to typed values, with an error that says where.

Real COCO files hold the literals NaN and Infinity, which JSON does not know; they are read as
the numbers they mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.text.files import as_utf8
from pytest_detgate.dataset.text.json_keys import refuse_repeated_keys
from pytest_detgate.dataset.text.other_files import what_else
from pytest_detgate.errors import DataError

T = TypeVar("T")

TOO_DEEP = "lists and objects are nested too deeply in it to be read"

TOO_LARGE = "a number is too large"

_HEAD = 1024

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""A number field that may hold one of the literals; `number` makes a float of it."""

LITERALS = frozenset({"NaN", "Infinity", "-Infinity"})
"""What the literals are in a field that may hold text: an id of that text is none."""

_STRING_OR_LITERAL = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b')
_LITERAL_AS_VALUE = re.compile(rb"(?<=[\[,:\s])(?:NaN|-?Infinity)(?=[\s,\]}])")
_BYTE = re.compile(r"\(byte (\d+)\)")


def _none(value: object) -> Sequence[msgspec.Raw]:
    return ()


def decode_json(
    content: bytes,
    kind: type[T],
    path: Path,
    arrays: Callable[[T], Sequence[msgspec.Raw]] = _none,
    *,
    strict: bool = True,
    unique_keys: bool = True,
) -> T:
    """Decode `content` as a `kind`; what is wrong raises `DataError` with file and place. Without
    `strict` a number may be text, "5".

    A key that occurs twice in one object is wrong, too. `arrays` gives the long arrays of the value
    that are still text, and whose rows are checked when they are decoded. `unique_keys=False` is
    for a file whose keys were checked when it was read before.
    """
    content = as_utf8(content, path)

    def decoded(text: bytes) -> T:
        value = msgspec.json.decode(text, type=kind, strict=strict)
        if unique_keys:
            refuse_repeated_keys(text, arrays(value), path)
        return value

    try:
        return decoded(content)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {_refused(error)}") from None
    except RecursionError:
        raise DataError(f"{path}: {TOO_DEEP}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error.reason}") from None
    except msgspec.DecodeError as error:
        first = error
    # Quoting a literal inside a string makes text that is no JSON, so the quick way,
    # which does not know strings, either is right or fails.
    for quote in (_quote_all_literals, _quote_literals):
        quoted = quote(content)
        if quoted is None:
            continue
        try:
            return decoded(quoted)
        except msgspec.ValidationError as error:
            raise DataError(f"{path}: {_refused(error)}") from None
        except RecursionError:
            raise DataError(f"{path}: {TOO_DEEP}") from None
        except msgspec.DecodeError:
            pass
    raise DataError(f"{path}: {_malformed(first, content)}") from None


def number(value: Number) -> float:
    """A number that may have been one of the literals NaN, Infinity and -Infinity."""
    return float(value)


def numbers(values: Sequence[Number | None]) -> NDArray[np.float64]:
    """A column of numbers, NaN where there is none."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _quote_all_literals(content: bytes) -> bytes | None:
    """The text with all that looks like NaN and Infinity put in quotes; None where nothing does."""
    quoted, count = _LITERAL_AS_VALUE.subn(rb'"\g<0>"', content)
    return quoted if count else None


def _quote_literals(content: bytes) -> bytes | None:
    """The text with bare NaN and Infinity put in quotes; None where there is none."""
    has_literal = False

    def quote(match: re.Match[bytes]) -> bytes:
        nonlocal has_literal
        token = match[0]
        if token.startswith(b'"'):
            return token
        has_literal = True
        return b'"' + token + b'"'

    quoted = _STRING_OR_LITERAL.sub(quote, content)
    return quoted if has_literal else None


def _refused(error: msgspec.ValidationError) -> str:
    return str(error).replace("Number out of range", TOO_LARGE)


def _malformed(error: msgspec.DecodeError, content: bytes) -> str:
    if not content.strip():
        return "the file is empty"
    other = what_else(content[:_HEAD])
    if other:
        return f"not JSON{other}"
    text = str(error)
    match = _BYTE.search(text)
    position = int(match[1]) if match else len(content)
    line = content.count(b"\n", 0, position) + 1
    column = position - (content.rfind(b"\n", 0, position) + 1) + 1
    where = f"line {line}, column {column} (byte {position} of {len(content)})"
    if "truncated" in text:
        return f"cut off at {where}: the JSON does not end"
    return f"not valid JSON at {where}: {text}"
