"""Limits of the values in a file, so that a small file cannot take all memory or time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_detgate.detector.torch_file.refusals import UnreadableError
from pytest_detgate.detector.torch_file.stand_ins import StandIn

MOST_OPERATIONS = 5_000_000
"""Steps of a pickle, each of a byte or more. A model of 10,000 tensors takes 400,000."""
# Python shows no whole number of more than 4,300 digits.
_MOST_BITS = 1024
_MOST_KEY_BITS = 64
_MOST_KEY_PARTS = 8
_MOST_TUPLE_KEYS = 10_000
_MOST_VALUES = 20_000_000
_DEEPEST = 200
# What makes a value copies its arguments, which a file can name again and again.
_COPIES, _SMALL_COPIES = 4, 1_000_000
_SIZED = (str, bytes, list, tuple, dict, set, frozenset)


def require_short(number: object) -> object:
    """Return a value, unless it is a whole number of too many digits to be shown."""
    if type(number) is int and number.bit_length() > _MOST_BITS:
        raise UnreadableError(f"a whole number has {number.bit_length():,} bits")
    return number


class Limits:
    """What the values of one file may take, all together."""

    def __init__(self, file_size: int) -> None:
        self._copies_left = _COPIES * file_size + _SMALL_COPIES
        self._tuple_keys_left = _MOST_TUPLE_KEYS

    def require_key(self, key: object) -> object:
        """Return a value that can be a key; to look others up could take for ever."""
        parts = key if type(key) is tuple and len(key) <= _MOST_KEY_PARTS else (key,)
        for part in parts:
            is_long = type(part) is int and part.bit_length() > _MOST_KEY_BITS
            is_plain = part is None or isinstance(part, (str, bytes, bool, int, float, StandIn))
            if is_long or not is_plain:
                raise UnreadableError(f"the key of a dictionary is a {type(part).__name__}")
        if parts is key:
            # Of tuples anybody can find many that Python's dictionaries confuse.
            self._tuple_keys_left -= 1
            if self._tuple_keys_left < 0:
                raise UnreadableError(f"over {_MOST_TUPLE_KEYS:,} of its keys are tuples")
        return key

    def copy(self, arguments: Iterable[object]) -> None:
        """Count the arguments of a call, which are copied by what it makes."""
        self._copies_left -= sum(len(value) for value in arguments if isinstance(value, _SIZED))
        if self._copies_left < 0:
            raise UnreadableError("its values are copied until they are much larger than the file")


def require_tree(value: object) -> None:
    """Raise `UnreadableError` if a value holds itself, or would be endless when written out.

    A list of a few bytes can hold another one twice, which again holds another one twice.
    """
    sizes: dict[int, int] = {}
    path: set[int] = set()
    stack = [(value, False)]
    while stack:
        current, is_done = stack.pop()
        key, inner = id(current), _inner(current)
        if is_done:
            path.discard(key)
            sizes[key] = 1 + sum(sizes.get(id(part), 1) for part in inner)
            if sizes[key] > _MOST_VALUES:
                raise UnreadableError(f"written out it has over {_MOST_VALUES:,} values")
        elif key in path:
            raise UnreadableError("one of its values holds itself")
        elif inner and key not in sizes:
            path.add(key)
            if len(path) > _DEEPEST:
                raise UnreadableError(f"its values are nested more than {_DEEPEST} deep")
            stack.append((current, True))
            stack.extend((part, False) for part in inner)


def _inner(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return [*value.values(), getattr(value, "_metadata", None)]
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else []
