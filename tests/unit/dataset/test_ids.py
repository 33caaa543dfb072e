"""Rows of ids, worked out by hand; which ids are equal is in `test_keys.py`."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from pytest_detgate.dataset.ids import (
    all_different,
    id_column,
    joined_ids,
    repeated,
    repeated_key_rows,
    repeated_rows,
    rows_of,
    shown_id,
    whole_ids,
)
from pytest_detgate.dataset.tables import UNLISTED, object_column

FAR = 10**12


def numbers(*ids: int) -> Any:
    return np.array(ids, dtype=np.int64)


@pytest.mark.parametrize(
    ("listed", "wanted", "rows"),
    [
        ((3, 5, 3, 7), (5, 7, 3, 4, 2, 8), (1, 3, 0, -1, -1, -1)),
        ((-2, 0, -1), (0, -1, -2, -3, 1), (1, 2, 0, -1, -1)),
        ((9,), (9, 8, 10, 9), (0, -1, -1, 0)),
        ((FAR, 5, FAR, -FAR), (5, FAR, 6, -FAR, 2 * FAR, -2 * FAR), (1, 0, -1, 3, -1, -1)),
        ((-(2**63), 2**63 - 1), (2**63 - 1, 0, -(2**63)), (1, -1, 0)),
        ((), (1, 2), (-1, -1)),
        ((1, 2), (), ()),
    ],
)
def test_the_first_row_of_each_wanted_number(
    listed: tuple[int, ...], wanted: tuple[int, ...], rows: tuple[int, ...]
) -> None:
    """Close together, and so far apart that no table of all numbers between them is made."""
    result = rows_of(numbers(*wanted), numbers(*listed))

    assert result.tolist() == list(rows)
    assert result.dtype == np.int64
    as_texts = object_column([str(entry) for entry in listed])
    assert rows_of(numbers(*wanted), as_texts).tolist() == list(rows)
    # One far away makes no difference to the rest.
    more = rows_of(numbers(*wanted), numbers(*listed, 7 * FAR))
    assert more.tolist() == list(rows)


@pytest.mark.parametrize("least", [-(2**63), -7, 0, 2**63 - 1 - 50_000])
def test_rows_of_many_numbers_near_and_far(least: int) -> None:
    """More than are looked up at once, beside the smallest and the largest numbers of 64 bits."""
    listed = [least + (7 * step) % 50_001 for step in range(0, 50_001, 2)]
    wanted = [least + step for step in range(50_001)] + [-(2**63), 2**63 - 1, least - 1 + 2**62]
    wanted = [number for number in wanted if -(2**63) <= number < 2**63]
    first = {number: row for row, number in reversed(list(enumerate(listed)))}

    rows = rows_of(numbers(*wanted), numbers(*listed))

    assert rows.tolist() == [first.get(number, UNLISTED) for number in wanted]


@pytest.mark.parametrize(
    ("ids", "rows"),
    [
        ((7, 3, 7, 9, 3, 3), [[0, 2], [1, 4, 5]]),
        ((7, 3, 3, 7), [[0, 3], [1, 2]]),
        ((1, 2, 3, 3), [[2, 3]]),
        ((1, 1), [[0, 1]]),
        ((3, 2, 1), []),
        ((1,), []),
        ((), []),
    ],
)
def test_ids_that_occur_more_than_once(ids: tuple[int, ...], rows: list[list[int]]) -> None:
    column = numbers(*ids)
    texts = [f"id {entry}" for entry in ids]

    assert [repeated_row.tolist() for repeated_row in repeated_rows(column)] == rows
    assert repeated(column) == [ids[group[0]] for group in rows]
    assert [repeated_key_row.tolist() for repeated_key_row in repeated_key_rows(texts)] == rows
    assert repeated(object_column(texts)) == [texts[group[0]] for group in rows]
    assert all_different(column) == (not rows)


def test_many_ids_that_occur_more_than_once_keep_their_order() -> None:
    """So many that NumPy does not keep the order of equal ones by chance."""
    result = repeated_rows(np.arange(100) % 3)

    assert [rows.tolist() for rows in result] == [
        list(range(number, 100, 3)) for number in range(3)
    ]
    far = np.arange(100) % 3 * FAR
    assert rows_of(numbers(0, FAR, 2 * FAR), far).tolist() == [0, 1, 2]


def test_none_is_no_id() -> None:
    assert repeated_key_rows([None, "a", None, "a"])[0].tolist() == [1, 3]
    assert repeated_key_rows([None, None]) == []


def test_whole_numbers_of_64_bits_are_a_column_of_numbers() -> None:
    assert id_column([1, 2**63 - 1]).dtype == np.int64
    assert id_column([]).dtype == np.int64
    for ids in ([1, 2**63], [1, "2"], [1, True], ["a"]):
        column = id_column(ids)
        assert (column.dtype, column.tolist()) == (np.dtype(object), ids)
    column = numbers(1)
    assert id_column(column) is column


def test_parts_become_one_column() -> None:
    for parts in ([numbers(1, 2), numbers(3)], [numbers(1), [2, 3]]):
        joined = joined_ids(parts)
        assert joined.dtype == np.int64
        assert joined.tolist() == [1, 2, 3]
    mixed = joined_ids([numbers(1), ["a"], object_column(["b"])])
    assert (mixed.dtype, mixed.tolist()) == (np.dtype(object), [1, "a", "b"])


def test_whole_fractions_are_whole_numbers() -> None:
    whole = whole_ids([1, 5.0], "id")
    assert isinstance(whole, np.ndarray)
    assert whole.tolist() == [1, 5]
    mixed = whole_ids(["a", 5.0, 7], "id")
    assert mixed == ["a", 5, 7]
    assert type(mixed[1]) is int

    with pytest.raises(msgspec.ValidationError) as caught:
        whole_ids([1.0, 2, 3.5], "image_id")
    assert str(caught.value) == "Expected a whole number or text, got `3.5` - at `$[2].image_id`"
    with pytest.raises(msgspec.ValidationError) as caught:
        whole_ids(["a", "nAn"], "id")  # as a bare NaN is written where it is decoded
    assert str(caught.value) == "Expected a whole number or text, got `NaN` - at `$[1].id`"
    assert whole_ids(["a", "NaN"], "id") == ["a", "NaN"]


def test_an_id_is_shown_as_its_file_has_it() -> None:
    assert shown_id(numbers(5, 7), 1) == "7"
    assert shown_id(object_column(["a7", 1]), 0) == "'a7'"
