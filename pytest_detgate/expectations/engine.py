"""Great Expectations on a table in memory: nothing is written, shown or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import DataError
from pytest_detgate.expectations.columns import ColumnTable
from pytest_detgate.expectations.coverage import Looked, needs_spread, require_limit
from pytest_detgate.expectations.requested import Wanted
from pytest_detgate.expectations.vocabulary import Asked, Vocabulary, quiet
from pytest_detgate.plain import plain_value

_TAG = "detgate"
_NO_NULLS = "expect_column_values_to_not_be_null"
_DIFFERENT = "expect_column_unique_value_count_to_be_between"
# Rows are told by their number; the values in them are looked up in the table itself.
_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether one expectation is met; `rows` of the table that are unexpected, where they can be
    told, and a sentence on what was found in all."""

    type: str
    columns: tuple[str, ...]
    met: bool
    rows: Sequence[int]
    sentence: str


def answers(
    table: ColumnTable, asked: Sequence[Asked], vocabulary: Vocabulary
) -> tuple[list[Answer], list[Looked]]:
    """Hold expectations against a table: an answer for each, and how much each that looks at
    values has looked at.

    What one of them cannot be asked raises `DataError`: an unknown argument or column, no limit
    that could be broken, no row or value to look at, or a crash inside.
    """
    for one in asked:
        _require_columns(one, table)
    with quiet():
        built = [one.built({_TAG: at}) for at, one in enumerate(asked)]
        for one in asked:
            require_limit(one)
        if not len(table):
            raise DataError(
                f"{asked[0].wanted.said}: there are no rows, so nothing could be looked at"
            )
        batch = _batch(table)
        looked = _counted(batch, vocabulary, asked, table)
        _require_spread(batch, vocabulary, [one for one in asked if needs_spread(one)])
        results = _validated(batch, built, [one.wanted for one in asked])
    return [_answer(one, result) for one, result in zip(asked, results, strict=True)], looked


def _require_columns(asked: Asked, table: ColumnTable) -> None:
    for column in asked.columns:
        if column not in table.columns:
            what = f"column of {table.dataset}'s {table.name}"
            raise DataError(
                f"{asked.wanted.said}: {unknown(what, column, table.possible_columns())}"
            )


def _counted(
    batch: Any, vocabulary: Vocabulary, asked: Sequence[Asked], table: ColumnTable
) -> list[Looked]:
    """Rows and missing values of every column that an expectation looks at, under its condition.

    An expectation on no row or no value at all would be met without anything having been seen:
    `DataError`."""
    counted: dict[tuple[str, str], tuple[Asked, str]] = {}
    for one in asked:
        # Of a table as a whole any column tells how many rows meet the condition.
        for column in one.columns or tuple(table.columns)[:1]:
            counted.setdefault((column, repr(one.condition)), (one, column))
    pairs = list(counted.values())
    kind = vocabulary.kinds[_NO_NULLS]
    built = [
        kind(column=column, mostly=0, meta={_TAG: at}, **one.condition)
        for at, (one, column) in enumerate(pairs)
    ]
    results = _validated(batch, built, [one.wanted for one, _ in pairs])
    numbers = {
        key: (result.result["element_count"], result.result["unexpected_count"])
        for key, result in zip(counted, results, strict=True)
    }
    looked = []
    for one in asked:
        for column in one.columns or tuple(table.columns)[:1]:
            rows, nulls = numbers[column, repr(one.condition)]
            if rows == 0:
                raise DataError(
                    f"{one.wanted.said}: no row meets row_condition, so nothing could be looked at"
                )
            if one.looks_at_nulls or not one.columns:
                continue
            if rows == nulls:
                raise DataError(
                    f"{one.wanted.said}: no row has a value of {column!r}, "
                    "so nothing could be looked at"
                )
            looked.append(Looked(f"{one.wanted.said}, {column}", rows, nulls))
    return looked


def _require_spread(batch: Any, vocabulary: Vocabulary, asked: Sequence[Asked]) -> None:
    """Raise `DataError` where all values of a column are one: none of them can be an outlier."""
    kind = vocabulary.kinds[_DIFFERENT]
    built = [
        kind(column=one.columns[0], min_value=2, meta={_TAG: at}, **one.condition)
        for at, one in enumerate(asked)
    ]
    results = _validated(batch, built, [one.wanted for one in asked])
    for one, result in zip(asked, results, strict=True):
        if not result.success:
            raise DataError(
                f"{one.wanted.said}: all values of {one.columns[0]!r} are the same, so nothing "
                "could fail it"
            )


def _batch(table: ColumnTable) -> Any:
    import great_expectations
    import pandas
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    # Without a configuration of its own even an ephemeral context makes a folder, for a site.
    config = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults())
    context = great_expectations.get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = {"globally": False}
    # Frozen columns are copied: an expectation of the project's own may change what it is given.
    frame = pandas.DataFrame({name: column.copy() for name, column in table.columns.items()})
    asset = context.data_sources.add_pandas(_TAG).add_dataframe_asset(table.name)
    whole = asset.add_batch_definition_whole_dataframe("whole")
    return whole.get_batch({"dataframe": frame})


def _validated(batch: Any, built: Sequence[Any], wanted: Sequence[Wanted]) -> list[Any]:
    """The result of each expectation. They are validated together, because each call makes a
    digest of the whole table; one by one only where that fails, to tell which of them it is."""
    from great_expectations import ExpectationSuite

    if not built:
        return []
    try:
        suite = ExpectationSuite(name=_TAG, expectations=list(built))
        results = batch.validate(suite, result_format=_RESULT_FORMAT).results
    except Exception as error:
        if len(built) == 1:
            said = " ".join(str(error).split())
            raise _crashed(wanted[0], f"{type(error).__name__}: {said}") from None
        return [
            result
            for expectation, one in zip(built, wanted, strict=True)
            for result in _validated(batch, [expectation], [one])
        ]
    # They may come in an order of their own.
    results = sorted(results, key=lambda result: int(result.expectation_config.meta[_TAG]))
    for result, one in zip(results, wanted, strict=True):
        reason = _exception_in(result.exception_info or {})
        if reason is None and result.success is None:
            reason = "it did not say whether it is met"
        if reason is not None:
            raise _crashed(one, reason)
    return results


def _answer(asked: Asked, result: Any) -> Answer:
    met = bool(result.success)
    rows = result.result.get("unexpected_index_list") or ()
    return Answer(
        type=asked.kind.expectation_type,
        columns=asked.columns,
        met=met,
        rows=() if met else rows,
        sentence=f"{asked.call}: {_found(result.result)}",
    )


def _found(result: Mapping[str, Any]) -> str:
    count, total = result.get("unexpected_count"), result.get("element_count")
    if count is not None:
        return f"{count} of {total} rows" if total is not None else f"{count} unexpected values"
    return f"observed {plain_value(result.get('observed_value'))}"


def _exception_in(info: Mapping[str, Any]) -> str | None:
    """The message of the first exception: one dictionary for the expectation, or one a metric."""
    for entry in [info] if "raised_exception" in info else info.values():
        if entry.get("raised_exception"):
            return " ".join(str(entry.get("exception_message")).split())
    return None


def _crashed(wanted: Wanted, reason: str) -> DataError:
    return DataError(f"{wanted.said}: Great Expectations could not evaluate it: {reason}")
