"""How much of a table an expectation looks at.

Great Expectations skips rows without a value, and an expectation on nothing is met. Both are
looked for before anything is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_detgate.counts import counted_of
from pytest_detgate.errors import DataError
from pytest_detgate.expectations.evaluation.vocabulary import KnownExpectation
from pytest_detgate.expectations.limits import needs_spread
from pytest_detgate.expectations.wide_tables.fields import Column


class Domain:
    """The rows that conditions choose, each condition asked once."""

    def __init__(self, columns: Mapping[str, Column], any_column: str) -> None:
        """`any_column` is a column that the table has."""
        self._columns = columns
        self._any_column = any_column
        self._engine: Any = None
        self._chosen: dict[str, Column] = {}

    def rows(self, built: Any, known: KnownExpectation) -> Column:
        """The numbers of the rows that an expectation looks at."""
        condition = getattr(built, "row_condition", None)
        parser = getattr(built, "condition_parser", None)
        key = repr((known.condition, parser))
        if key not in self._chosen:
            self._chosen[key] = self._choose(condition, parser)
        return self._chosen[key]

    def _choose(self, condition: Any, parser: Any) -> Column:
        count = len(self._columns[self._any_column])
        if condition is None:
            return np.arange(count)
        import pandas
        from great_expectations.execution_engine import PandasExecutionEngine

        if self._engine is None:
            frame = pandas.DataFrame(dict(self._columns))
            self._engine = PandasExecutionEngine(batch_data_dict={"detgate": frame})
        domain = {
            "column": self._any_column,
            "row_condition": condition,
            "condition_parser": parser,
        }
        try:
            records = self._engine.get_domain_records(domain)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise DataError(f"row_condition: {type(error).__name__}: {reason}") from None
        rows: Column = records.index.to_numpy()
        return rows


def require_values(
    known: KnownExpectation, columns: Mapping[str, Column], rows: Column, max_null_share: float
) -> None:
    """Raise `DataError` where these rows of a table have too few values for an expectation."""
    if not len(rows):
        raise DataError("no row meets row_condition, so nothing could be looked at")
    for column in () if known.looks_at_nulls else known.columns:
        values = columns[column][rows]
        n_null = int(np.count_nonzero(_is_null(values)))
        if n_null == len(rows):
            raise DataError(f"no row has a value of {column!r}, so nothing could be looked at")
        if n_null > max_null_share * len(rows):
            raise DataError(
                f"{column}: {counted_of(n_null, len(rows), 'row', 'have')} no "
                f"value, over max-null-share = {max_null_share:g}"
            )
        if needs_spread(known.model) and _is_constant(values):
            raise DataError(f"all values of {column!r} are the same, so nothing could fail it")


def _is_null(values: Column) -> Column:
    if values.dtype.kind == "f":
        null: Column = np.isnan(values)
        return null
    if values.dtype.kind != "O":
        return np.zeros(len(values), dtype=np.bool_)
    return np.array([value is None or value != value for value in values.tolist()], dtype=np.bool_)


def _is_constant(values: Column) -> bool:
    return len(set(values[~_is_null(values)].tolist())) < 2
