"""Great Expectations on a table in memory, which writes, shows and sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import DataError
from pytest_detgate.expectations.columns import ColumnTable
from pytest_detgate.expectations.coverage import Coverage, needs_spread, require_limit
from pytest_detgate.expectations.requested import Requested
from pytest_detgate.expectations.vocabulary import KnownExpectation, Vocabulary, quiet
from pytest_detgate.plain import plain_value

_TAG = "detgate"
_NO_NULLS = "expect_column_values_to_not_be_null"
_DIFFERENT = "expect_column_unique_value_count_to_be_between"
# Results have row numbers; the values of the rows are looked up in the table.
_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """Whether one expectation is met, the unexpected `rows` of the table where they are known, and
    a sentence on all that was observed."""

    type: str
    columns: tuple[str, ...]
    met: bool
    rows: Sequence[int]
    sentence: str


def evaluate(
    table: ColumnTable, expectations: Sequence[KnownExpectation], vocabulary: Vocabulary
) -> tuple[list[ExpectationResult], list[Coverage]]:
    """Evaluate expectations on a table: the result of each, and the coverage of each that looks at
    values.

    `DataError` where one cannot be evaluated: an unknown argument or column, no limit that could
    be broken, no row or value to look at, or a crash inside.
    """
    for one in expectations:
        _require_columns(one, table)
    with quiet():
        built = [one.build({_TAG: index}) for index, one in enumerate(expectations)]
        for one in expectations:
            require_limit(one)
        if not len(table):
            raise DataError(
                f"{expectations[0].label}: there are no rows, so nothing could be looked at"
            )
        batch = _batch(table)
        looked = _coverage(batch, vocabulary, expectations, table)
        _require_spread(batch, vocabulary, [one for one in expectations if needs_spread(one)])
        results = _validate(batch, built, [one.requested for one in expectations])
    return [_result(one, result) for one, result in zip(expectations, results, strict=True)], looked


def _require_columns(known: KnownExpectation, table: ColumnTable) -> None:
    for column in known.columns:
        if column not in table.columns:
            what = f"column of {table.dataset}'s {table.name}"
            raise DataError(f"{known.label}: {unknown(what, column, table.possible_columns())}")


def _coverage(
    batch: Any, vocabulary: Vocabulary, expectations: Sequence[KnownExpectation], table: ColumnTable
) -> list[Coverage]:
    """Count the rows and missing values of every column that an expectation looks at, under its
    condition.

    An expectation on no row or no value would be met without a look at anything: `DataError`.
    """
    counted: dict[tuple[str, str], tuple[KnownExpectation, str]] = {}
    for one in expectations:
        # For a table as a whole, any column shows how many rows meet the condition.
        for column in one.columns or tuple(table.columns)[:1]:
            counted.setdefault((column, repr(one.condition)), (one, column))
    pairs = list(counted.values())
    kind = vocabulary.kinds[_NO_NULLS]
    built = [
        kind(column=column, mostly=0, meta={_TAG: index}, **one.condition)
        for index, (one, column) in enumerate(pairs)
    ]
    results = _validate(batch, built, [one.requested for one, _ in pairs])
    numbers = {
        key: (result.result["element_count"], result.result["unexpected_count"])
        for key, result in zip(counted, results, strict=True)
    }
    looked = []
    for one in expectations:
        for column in one.columns or tuple(table.columns)[:1]:
            rows, nulls = numbers[column, repr(one.condition)]
            if rows == 0:
                raise DataError(
                    f"{one.label}: no row meets row_condition, so nothing could be looked at"
                )
            if one.looks_at_nulls or not one.columns:
                continue
            if rows == nulls:
                raise DataError(
                    f"{one.label}: no row has a value of {column!r}, so nothing could be looked at"
                )
            looked.append(Coverage(f"{one.label}, {column}", rows, nulls))
    return looked


def _require_spread(
    batch: Any, vocabulary: Vocabulary, expectations: Sequence[KnownExpectation]
) -> None:
    """Raise `DataError` where all values of a column are the same: none can be an outlier."""
    kind = vocabulary.kinds[_DIFFERENT]
    built = [
        kind(column=one.columns[0], min_value=2, meta={_TAG: index}, **one.condition)
        for index, one in enumerate(expectations)
    ]
    results = _validate(batch, built, [one.requested for one in expectations])
    for one, result in zip(expectations, results, strict=True):
        if not result.success:
            raise DataError(
                f"{one.label}: all values of {one.columns[0]!r} are the same, so nothing "
                "could fail it"
            )


def _batch(table: ColumnTable) -> Any:
    import great_expectations
    import pandas
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    # Without this configuration even an ephemeral context makes a folder, for a site.
    config = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults())
    context = great_expectations.get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = {"globally": False}
    # Frozen columns are copied: an expectation of the project may change its input.
    frame = pandas.DataFrame({name: column.copy() for name, column in table.columns.items()})
    asset = context.data_sources.add_pandas(_TAG).add_dataframe_asset(table.name)
    whole = asset.add_batch_definition_whole_dataframe("whole")
    return whole.get_batch({"dataframe": frame})


def _validate(batch: Any, built: Sequence[Any], requested: Sequence[Requested]) -> list[Any]:
    """Return the result of each expectation. They are validated together, because each call makes
    a digest of the whole table; one by one only if that fails, to find which of them fails."""
    from great_expectations import ExpectationSuite

    if not built:
        return []
    try:
        suite = ExpectationSuite(name=_TAG, expectations=list(built))
        results = batch.validate(suite, result_format=_RESULT_FORMAT).results
    except Exception as error:
        if len(built) == 1:
            text = " ".join(str(error).split())
            raise _crash(requested[0], f"{type(error).__name__}: {text}") from None
        return [
            result
            for expectation, one in zip(built, requested, strict=True)
            for result in _validate(batch, [expectation], [one])
        ]
    # They may come in another order.
    results = sorted(results, key=lambda result: int(result.expectation_config.meta[_TAG]))
    for result, one in zip(results, requested, strict=True):
        reason = _exception_in(result.exception_info or {})
        if reason is None and result.success is None:
            reason = "it did not say whether it is met"
        if reason is not None:
            raise _crash(one, reason)
    return results


def _result(known: KnownExpectation, result: Any) -> ExpectationResult:
    met = bool(result.success)
    rows = result.result.get("unexpected_index_list") or ()
    return ExpectationResult(
        type=known.kind.expectation_type,
        columns=known.columns,
        met=met,
        rows=() if met else rows,
        sentence=f"{known.call}: {_observation(result.result)}",
    )


def _observation(result: Mapping[str, Any]) -> str:
    count, total = result.get("unexpected_count"), result.get("element_count")
    if count is not None:
        return f"{count} of {total} rows" if total is not None else f"{count} unexpected values"
    return f"observed {plain_value(result.get('observed_value'))}"


def _exception_in(info: Mapping[str, Any]) -> str | None:
    """The message of the first exception: one dictionary for the expectation, or one for each
    metric."""
    for entry in [info] if "raised_exception" in info else info.values():
        if entry.get("raised_exception"):
            return " ".join(str(entry.get("exception_message")).split())
    return None


def _crash(requested: Requested, reason: str) -> DataError:
    return DataError(f"{requested.label}: Great Expectations could not evaluate it: {reason}")
