"""The wide tables as data frames of pandas, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_detgate.errors import DataError
from pytest_detgate.expectations.models import quiet
from pytest_detgate.expectations.wide_tables.fields import Column
from pytest_detgate.expectations.wide_tables.wide_table import WideTable

if TYPE_CHECKING:
    from pandas import DataFrame as DataFrame  # for those who name what they get

Form = Literal["csv", "parquet"]
INSTALL = "pip install 'pytest-detgate[tables]'"


def data_frame(table: WideTable, columns: Sequence[str] | None = None) -> DataFrame:
    """A table as a data frame, one row for each of its rows.

    Without `columns` it has all of them; tables of annotations and detections have the numbers by
    class only where they are named. An unknown column raises `DataError`.
    """
    try:
        import pandas
    except ImportError as error:
        raise DataError(f"pandas cannot be imported ({error}); {INSTALL}") from None
    wanted = table.names if columns is None else list(columns)
    made = table.required_columns(wanted)
    # Frozen columns are copied, so that a frame can be changed.
    return pandas.DataFrame({name: made[name].copy() for name in wanted})


def write_frame(table: WideTable, path: Path, form: Form, columns: Sequence[str] | None) -> int:
    """Write a table as a file; the number of its columns."""
    frame = data_frame(table, columns)
    aside = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if form == "csv":
            frame.to_csv(aside, index=False)
        else:
            _write_parquet(frame, aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return len(frame.columns)


def kind_of(column: Column) -> str:
    """What a column holds, in words."""
    if column.dtype.kind in "iu":
        return "whole number"
    if column.dtype.kind == "f":
        return "number"
    if column.dtype.kind == "b":
        return "true or false"
    kinds = {type(value) for value in column.tolist()} - {type(None)}
    words = {str: "text", bool: "true or false"}
    if not kinds:
        return "nothing"
    return words.get(next(iter(kinds)), "any") if len(kinds) == 1 else "any"


def _write_parquet(frame: DataFrame, path: Path) -> None:
    for name in frame.columns:
        if kind_of(frame[name].to_numpy()) == "any":
            # A column of a Parquet file has one type.
            frame[name] = [None if value is None else str(value) for value in frame[name]]
    try:
        with quiet():
            frame.to_parquet(path, index=False)
    except ImportError:
        raise DataError(f"Parquet files need pyarrow; {INSTALL}") from None
