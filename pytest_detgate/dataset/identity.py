"""Matching of ids: from what a file wrote to row numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED

Id = int | str


def id_column(ids: Sequence[Any]) -> NDArray[Any]:
    """Ids as an int64 column where all are 64-bit integers, else as an object column."""
    if all(type(value) is int for value in ids):
        try:
            return np.array(ids, dtype=np.int64)
        except OverflowError:
            pass
    column = np.empty(len(ids), dtype=object)
    column[:] = ids
    return column


def rows_of(wanted: NDArray[Any], listed: NDArray[Any]) -> NDArray[np.int64]:
    """(len(wanted),) row of each wanted id among the listed ones, `UNLISTED` where it is not.

    An id written as text in one place and as a number in the other ("2299" and 2299) is the same
    id. Of ids that are listed twice the first row counts; callers refuse those before they rely
    on the answer.
    """
    if wanted.dtype == np.int64 and listed.dtype == np.int64:
        return _rows_of_integers(wanted, listed)
    rows = {value: row for row, value in reversed(list(enumerate(listed.tolist())))}
    texts = {str(value): row for value, row in rows.items()}
    found = (rows.get(value, texts.get(str(value), UNLISTED)) for value in wanted.tolist())
    return np.fromiter(found, dtype=np.int64, count=len(wanted))


def repeated(ids: NDArray[Any]) -> list[Any]:
    """The ids that occur more than once, in order of first appearance."""
    if ids.dtype == np.int64 and len(np.unique(ids)) == len(ids):
        return []
    return [value for value, count in Counter(ids.tolist()).items() if count > 1]


def _rows_of_integers(wanted: NDArray[np.int64], listed: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(listed) == 0:
        return np.full(len(wanted), UNLISTED, dtype=np.int64)
    order = np.argsort(listed, kind="stable")
    ordered = listed[order]
    position = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[position] == wanted, order[position], UNLISTED)
