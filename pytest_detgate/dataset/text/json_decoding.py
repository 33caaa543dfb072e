"""JSON text to typed values, with an error that says where.

Real files hold the literals NaN and Infinity, which JSON does not know; they are read as the
numbers they mean, and never as texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.text.files import as_utf8
from pytest_detgate.dataset.text.json_keys import refuse_repeated_keys
from pytest_detgate.dataset.text.other_files import not_json
from pytest_detgate.errors import DataError

T = TypeVar("T")

TOO_DEEP = "lists and objects are nested too deeply in it to be read"

TOO_LARGE = "a number is too large"

SPELLED: Mapping[str, str] = {"nAn": "NaN", "iNfInItY": "Infinity", "-iNfInItY": "-Infinity"}
"""How the literals are written into a text that is to be decoded, in quotes: in a way that every
reader of numbers knows and that no one gives to a class or a file, and what they mean."""

LITERALS = frozenset(SPELLED)
"""What bare literals are where text is decoded that `decode_json` did not decode, in a `Raw`: no
id and no name. A text in quotes, "NaN", is one like any other."""

Number = float | Literal["nAn", "iNfInItY", "-iNfInItY"] | Literal["NaN", "Infinity", "-Infinity"]
"""A number field that may hold one of the literals, also in quotes; `number` makes a float of
it."""

_STRING_OR_LITERAL = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b')
_LITERAL_AS_VALUE = re.compile(rb"(?<=[\[,:\s])(?:NaN|-?Infinity)(?=[\s,\]}])")
_GOT = re.compile(r"got `(?:float|str)`")
_FRACTION = b"0.5"
_WRITTEN = {name.encode(): written for written, name in SPELLED.items()}
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
    `strict` a number may be text, "5". A bare NaN or Infinity is a float, and wrong where `kind`
    wants text or a whole number.

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
        raise DataError(f"{path}: not UTF-8 text: {error.reason}; save it as UTF-8") from None
    except msgspec.DecodeError as error:
        first = error
    # Quoting a literal inside a string makes text that is no JSON, so the quick way,
    # which does not know strings, either is right or fails.
    for replaced in (_all_replaced, _values_replaced):
        quoted = replaced(content, _quoted)
        if quoted is None:
            continue
        refusal: str | None = None
        try:
            value = with_numbers(decoded(quoted))
        except msgspec.ValidationError as error:
            refusal = _refused(error)
        except RecursionError:
            raise DataError(f"{path}: {TOO_DEEP}") from None
        except msgspec.DecodeError:
            continue
        as_fraction = _refusal_of(replaced(content, lambda literal: _FRACTION), kind, strict)
        if as_fraction != refusal:
            # Only a literal is refused as one of the two, a text or a fraction, and not as both.
            raise DataError(f"{path}: {_literal_refused(as_fraction or refusal or '', quoted)}")
        if refusal is not None:
            raise DataError(f"{path}: {refusal}")
        return value
    raise DataError(f"{path}: {_malformed(first, content)}") from None


def number(value: Number) -> float:
    """A number that may have been one of the literals NaN, Infinity and -Infinity."""
    return float(value)


def numbers(values: Sequence[Number | None]) -> NDArray[np.float64]:
    """A column of numbers, NaN where there is none."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def with_numbers(value: T) -> T:
    """What was decoded from a text with quoted literals, with the numbers that these mean; what is
    a `Raw` stays as it is."""
    return cast(T, _with_numbers(value))


def without_literals(values: list[Any]) -> list[Any]:
    """Decoded values of one field, None for a literal: some write it where a table had no value."""
    return [None if _is_no_value(value) else value for value in map(_with_numbers, values)]


def _is_no_value(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _with_numbers(value: Any) -> Any:
    if isinstance(value, str):
        return float(value) if value in LITERALS else value
    if isinstance(value, list):
        value[:] = map(_with_numbers, value)
    elif isinstance(value, dict):
        for name, own in value.items():
            value[name] = _with_numbers(own)
    elif isinstance(value, tuple):
        return tuple(map(_with_numbers, value))
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            own = getattr(value, name)
            new = _with_numbers(own)
            if new is not own:
                msgspec.structs.force_setattr(value, name, new)
    return value


def _refusal_of(content: bytes | None, kind: Any, strict: bool) -> str | None:
    try:
        msgspec.json.decode(content or b"", type=kind, strict=strict)
    except msgspec.ValidationError as error:
        return _refused(error)
    return None


def _literal_refused(refusal: str, quoted: bytes) -> str:
    """A refusal of a literal, which was decoded as a fraction or a text, with its own name."""
    names = [name for written, name in SPELLED.items() if f'"{written}"'.encode() in quoted]
    return _GOT.sub(f"got `{' or '.join(names)}`", refusal)


def _quoted(literal: bytes) -> bytes:
    return f'"{_WRITTEN[literal]}"'.encode()


def _all_replaced(content: bytes, by: Callable[[bytes], bytes]) -> bytes | None:
    """The text with all that looks like NaN and Infinity replaced; None where nothing does."""
    replaced, count = _LITERAL_AS_VALUE.subn(lambda match: by(match[0]), content)
    return replaced if count else None


def _values_replaced(content: bytes, by: Callable[[bytes], bytes]) -> bytes | None:
    """The text with bare NaN and Infinity replaced; None where there is none."""
    has_literal = False

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal has_literal
        token = match[0]
        if token.startswith(b'"'):
            return token
        has_literal = True
        return by(token)

    replaced = _STRING_OR_LITERAL.sub(replace, content)
    return replaced if has_literal else None


def _refused(error: msgspec.ValidationError) -> str:
    return str(error).replace("Number out of range", TOO_LARGE)


def _malformed(error: msgspec.DecodeError, content: bytes) -> str:
    if not content.strip():
        return "the file is empty"
    other = not_json(content)
    if other:
        return other
    text = str(error)
    match = _BYTE.search(text)
    position = int(match[1]) if match else len(content)
    line = content.count(b"\n", 0, position) + 1
    column = position - (content.rfind(b"\n", 0, position) + 1) + 1
    where = f"line {line}, column {column} (byte {position} of {len(content)})"
    if "truncated" in text:
        return f"cut off at {where}: the JSON does not end"
    return f"not valid JSON at {where}: {text}"
