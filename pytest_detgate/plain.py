"""Results as plain JSON types: the one way from what a rule made to what is sent and written.

NumPy's scalars are not JSON, they are not always what they look like (`np.False_ is False` is
false), and since NumPy 2 their `repr` names their type. JSON itself has no NaN and no infinity.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from pytest_detgate.errors import DetgateError

S = TypeVar("S", bound=msgspec.Struct)

_WHOLE = range(-(2**63), 2**64)
"""Whole numbers that readers of JSON take; Python writes none of more than 4,300 digits."""

OVER_64_BITS = "a number of more than 64 bits"


def plain(value: S, name: str, *, finite: bool = True) -> S:
    """Return a struct of the same content with Python's own numbers, texts and containers.

    Raise `DetgateError` with `name` and the field for what the field cannot hold and, if `finite`,
    for NaN and infinity: where there is no value a field is None.
    """
    try:
        builtins = msgspec.to_builtins(value, str_keys=True, enc_hook=_builtin)
        reason = _unwritable(builtins) if finite else None
        if reason is None:
            return msgspec.convert(builtins, type(value))
    except (msgspec.ValidationError, TypeError) as error:
        reason = str(error)
    raise DetgateError(f"{name} cannot be written: {reason.removeprefix('.')}")


def is_writable(value: float | int) -> bool:
    """Whether JSON can hold a number: neither NaN nor infinite, nor of more than 64 bits."""
    return _unwritable(value) is None


def plain_number(value: object) -> float | int | None:
    """Return Python's own number for a number of any kind; None for what is no number."""
    if type(value) not in (int, float, bool):
        try:
            value = _builtin(value)
        except TypeError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def plain_value(value: object) -> object:
    """Return Python's own value for a value of any kind, to be shown; an object that is neither
    number, text nor container becomes its text."""
    return msgspec.to_builtins(
        value, str_keys=True, enc_hook=lambda part: _builtin(part, otherwise=str)
    )


def encode(value: msgspec.Struct | Sequence[object]) -> bytes:
    """Encode a part of a record, or a list, as JSON; what cannot be encoded in its texts becomes
    `?`."""
    try:
        return msgspec.json.encode(value, enc_hook=_builtin)
    except UnicodeEncodeError:
        builtins = msgspec.to_builtins(value, str_keys=True, enc_hook=_builtin)
        return msgspec.json.encode(_encodable(builtins))


def _builtin(value: object, otherwise: Callable[[object], object] | None = None) -> object:
    """Python's own value for one that msgspec does not know: NumPy's scalars and arrays, and
    subclasses of Python's types; `otherwise` makes one of anything else."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    tolist = getattr(value, "tolist", None)
    if tolist is not None:
        return tolist()
    if otherwise is None:
        raise TypeError(f"{type(value).__name__} is neither a number nor text")
    return otherwise(value)


def _unwritable(value: object) -> str | None:
    """Where the first number is that JSON cannot hold, and which: `.charts[0].span[1] is nan`."""
    if isinstance(value, float):
        return None if math.isfinite(value) else f" is {value}"
    if isinstance(value, int):
        return None if value in _WHOLE else f" is {OVER_64_BITS}"
    if isinstance(value, dict):
        for key, entry in value.items():
            if (unwritable := _unwritable(entry)) is not None:
                return f".{key}{unwritable}"
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            if (unwritable := _unwritable(entry)) is not None:
                return f"[{index}]{unwritable}"
    return None


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_encodable(entry) for entry in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(entry) for key, entry in value.items()}
    return value
