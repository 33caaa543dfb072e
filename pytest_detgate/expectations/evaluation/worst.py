"""The rows that do not meet an expectation, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.expectations.evaluation.vocabulary import KnownExpectation
from pytest_detgate.expectations.wide_tables.fields import Column

Rows = NDArray[np.int64]
Badness = Callable[[KnownExpectation, Mapping[str, Column], Rows], NDArray[np.float64]]


def worst_first(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Rows:
    """Sort unexpected rows by how far they are from what is expected, where that has a measure;
    rows that are equally bad, and all others, stay in the order of the file."""
    measure = _MEASURES.get(known.model.name)
    if measure is None or len(rows) < 2:
        return rows
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            badness = measure(known, columns, rows)
    except (TypeError, ValueError):
        # Texts and dates have an order and no distance.
        return rows
    order: Rows = rows[np.argsort(-np.nan_to_num(badness, nan=-np.inf), kind="stable")]
    return order


def _numbers(columns: Mapping[str, Column], name: str, rows: Rows) -> NDArray[np.float64]:
    return columns[name][rows].astype(np.float64)


def _lengths(columns: Mapping[str, Column], name: str, rows: Rows) -> NDArray[np.float64]:
    return np.array([len(value) for value in columns[name][rows].tolist()], dtype=np.float64)


def _beyond(known: KnownExpectation, values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = known.argument("min_value"), known.argument("max_value")
    below = -np.inf if low is None else float(low) - values
    above = -np.inf if high is None else values - float(high)
    return np.maximum(below, above)


def _between(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    return _beyond(known, _numbers(columns, known.columns[0], rows))


def _lengths_between(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    return _beyond(known, _lengths(columns, known.columns[0], rows))


def _length_equal(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    return np.abs(_lengths(columns, known.columns[0], rows) - float(known.argument("value")))


def _from_middle(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    column = columns[known.columns[0]].astype(np.float64)
    middle = np.nanmean if "z_scores" in known.model.name else np.nanmedian
    return np.abs(column[rows] - middle(column))


def _greater(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    first, second = known.argument("column_A"), known.argument("column_B")
    return _numbers(columns, second, rows) - _numbers(columns, first, rows)


def _equal(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    return np.abs(_greater(known, columns, rows))


def _sum(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    total = sum(_numbers(columns, name, rows) for name in known.columns)
    return np.abs(total - float(known.argument("sum_total")))


def _frequent(known: KnownExpectation, columns: Mapping[str, Column], rows: Rows) -> Any:
    keys = list(zip(*(columns[name][rows].tolist() for name in known.columns), strict=True))
    count: dict[Any, int] = {}
    for key in keys:
        count[key] = count.get(key, 0) + 1
    return np.array([count[key] for key in keys], dtype=np.float64)


_MEASURES: dict[str, Badness] = {
    "expect_column_values_to_be_between": _between,
    "expect_column_value_lengths_to_be_between": _lengths_between,
    "expect_column_value_lengths_to_equal": _length_equal,
    "expect_column_value_z_scores_to_be_less_than": _from_middle,
    "expect_column_values_to_not_be_outliers": _from_middle,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": _equal,
    "expect_multicolumn_sum_to_equal": _sum,
    "expect_column_values_to_be_unique": _frequent,
    "expect_compound_columns_to_be_unique": _frequent,
}
