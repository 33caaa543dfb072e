"""Matching of ids: from what a file wrote to row numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.keys import keys
from pytest_detgate.dataset.tables import UNLISTED, object_column
from pytest_detgate.dataset.text.json_decoding import LITERALS

Id = int | str
Ids = NDArray[Any] | list[Any]
"""Ids of some rows: an int64 array where all are whole numbers of 64 bits."""

_DENSE = 4
"""How many times more numbers than ids a table may span that is looked up by number."""
_AT_ONCE = 1 << 15
"""Ids that are looked up at once: what is computed of them stays in the cache of a processor."""


def id_column(ids: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    """Ids as an int64 column where all are 64-bit integers, else as an object column."""
    if isinstance(ids, np.ndarray):
        return ids
    if set(map(type, ids)) <= {int}:
        try:
            return np.array(ids, dtype=np.int64)
        except OverflowError:
            pass
    return object_column(ids)


def shown_id(ids: NDArray[Any], row: int) -> str:
    """The id at one row as its file has it: `7`, `'a7'`."""
    return repr(ids[row : row + 1].tolist()[0])


def joined_ids(parts: Sequence[Ids]) -> NDArray[Any]:
    """One column of the ids of all parts."""
    if all(isinstance(part, np.ndarray) and part.dtype == np.int64 for part in parts):
        return np.concatenate(parts)
    plain = (part if isinstance(part, list) else part.tolist() for part in parts)
    return id_column(list(chain.from_iterable(plain)))


def whole_ids(ids: list[Any], field: str) -> Ids:
    """Ids as a decoder gave them, with 5.0, as tables write the id 5, made whole.

    A fraction, NaN and Infinity raise `msgspec.ValidationError` with their row, as the decoder
    itself would.
    """
    kinds = set(map(type, ids))
    if float in kinds or (str in kinds and not LITERALS.isdisjoint(ids)):
        for row, value in enumerate(ids):
            if isinstance(value, float) and value.is_integer():
                ids[row] = int(value)
            elif isinstance(value, float) or value in LITERALS:
                text = json.dumps(float(value))
                raise msgspec.ValidationError(
                    f"Expected a whole number or text, got `{text}` - at `$[{row}].{field}`"
                )
    column = id_column(ids)
    return column if column.dtype == np.int64 else ids


def rows_of(wanted: NDArray[Any], listed: NDArray[Any]) -> NDArray[np.int64]:
    """(len(wanted),) row of each wanted id among the listed ones, `UNLISTED` where it is not.

    Ids are equal where their keys are (`keys.key`); None is no id. Of ids that are listed twice
    the first row counts; callers refuse those before they rely on the answer.
    """
    if wanted.dtype == np.int64 and listed.dtype == np.int64:
        return _rows_of_integers(wanted, listed)
    rows = {name: row for row, name in reversed(list(enumerate(keys(listed))))} | {None: UNLISTED}
    rows_found = (rows.get(name, UNLISTED) for name in keys(wanted))
    return np.fromiter(rows_found, dtype=np.int64, count=len(wanted))


def repeated(ids: NDArray[Any]) -> list[Any]:
    """The ids that occur more than once, in order of first appearance, as they first occur."""
    return [ids[rows[:1]].tolist()[0] for rows in repeated_rows(ids)]


def repeated_rows(ids: NDArray[Any]) -> list[NDArray[np.int64]]:
    """The rows of each id that occurs more than once, in order of first appearance.

    Ids are equal where their keys are (`keys.key`). None is no id.
    """
    if ids.dtype == np.int64:
        if all_different(ids):
            return []
        order = np.argsort(ids, kind="stable")
        starts = np.flatnonzero(np.r_[True, ids[order[1:]] != ids[order[:-1]]])
        several = np.flatnonzero(np.diff(np.r_[starts, len(ids)]) > 1)
        ends = np.r_[starts[1:], len(ids)]
        groups = [order[starts[index] : ends[index]] for index in several]
        return sorted(groups, key=lambda rows: int(rows[0]))
    return repeated_key_rows(keys(ids))


def repeated_key_rows(names: Sequence[str | None]) -> list[NDArray[np.int64]]:
    """The rows of each key that occurs more than once, in order of first appearance."""
    if len(set(names)) == len(names):
        return []
    count = Counter(names)
    rows_of_name: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is not None and count[name] > 1:
            rows_of_name.setdefault(name, []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in rows_of_name.values()]


def all_different(ids: NDArray[np.int64]) -> bool:
    """Say whether no id occurs twice."""
    if len(ids) < 2 or (ids[1:] > ids[:-1]).all():
        return True
    ordered = np.sort(ids)
    return bool((ordered[1:] > ordered[:-1]).all())


def _rows_of_integers(wanted: NDArray[np.int64], listed: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(listed) == 0:
        return np.full(len(wanted), UNLISTED, dtype=np.int64)
    least, most = int(listed.min()), int(listed.max())
    if most - least < _DENSE * (len(listed) + len(wanted)):
        return _rows_of_dense_integers(wanted, listed, least, most)
    order = np.argsort(listed, kind="stable")
    ordered = listed[order]
    position = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[position] == wanted, order[position], UNLISTED)


def _rows_of_dense_integers(
    wanted: NDArray[np.int64], listed: NDArray[np.int64], least: int, most: int
) -> NDArray[np.int64]:
    """The same for ids that lie close together: a table of all of them answers at once."""
    row = np.full(most - least + 2, UNLISTED, dtype=np.int64)
    # The last assignment wins, so backwards the first row does.
    row[listed[::-1] - least] = np.arange(len(listed) - 1, -1, -1)
    last = np.uint64(len(row) - 1)
    rows_found = np.empty(len(wanted), dtype=np.int64)
    for start in range(0, len(wanted), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        # Without a sign an id below the least one is a large number, also where it overflows.
        position = np.minimum((wanted[part] - least).view(np.uint64), last)
        rows_found[part] = row[position.view(np.int64)]
    return rows_found
