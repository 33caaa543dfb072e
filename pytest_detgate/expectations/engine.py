"""Great Expectations on a table in memory: nothing is written, shown or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import DataError
from pytest_detgate.expectations.columns import ColumnTable
from pytest_detgate.expectations.vocabulary import Asked, Vocabulary, quiet
from pytest_detgate.expectations.wanted import Wanted
from pytest_detgate.plain import plain_value

_TAG = "detgate"
_NO_NULLS = "expect_column_values_to_not_be_null"
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


def answers(table: ColumnTable, asked: Sequence[Asked], vocabulary: Vocabulary) -> list[Answer]:
    """Hold expectations against a table, an answer for each.

    What one of them cannot be asked raises `DataError`: an unknown argument or column, no value
    to look at, or a crash inside.
    """
    for one in asked:
        _require_columns(one, table)
    with quiet():
        built = [one.built({_TAG: at}) for at, one in enumerate(asked)]
        batch = _batch(table)
        _require_values(batch, vocabulary, asked)
        results = _validated(batch, built, [one.wanted for one in asked])
    return [_answer(one, result) for one, result in zip(asked, results, strict=True)]


def _require_columns(asked: Asked, table: ColumnTable) -> None:
    for column in asked.columns:
        if column not in table.columns:
            what = f"column of {table.dataset}'s {table.name}"
            raise DataError(
                f"{asked.wanted.said}: {unknown(what, column, table.possible_columns())}"
            )


def _require_values(batch: Any, vocabulary: Vocabulary, asked: Sequence[Asked]) -> None:
    """An expectation on no value at all would be met without anything having been seen."""
    looked_at: dict[tuple[str, str], tuple[Asked, str]] = {}
    for one in asked:
        if "null" not in one.kind.expectation_type:
            for column in one.columns:
                looked_at.setdefault((column, repr(one.condition)), (one, column))
    pairs = list(looked_at.values())
    kind = vocabulary.kinds[_NO_NULLS]
    built = [
        kind(column=column, mostly=0, meta={_TAG: at}, **one.condition)
        for at, (one, column) in enumerate(pairs)
    ]
    results = _validated(batch, built, [one.wanted for one, _ in pairs])
    for (one, column), result in zip(pairs, results, strict=True):
        rows, nulls = result.result["element_count"], result.result["unexpected_count"]
        if rows == 0:
            none = "no row meets row_condition" if one.condition else "there are no rows"
            raise DataError(f"{one.wanted.said}: {none}, so nothing could be looked at")
        if rows == nulls:
            raise DataError(
                f"{one.wanted.said}: no row has a value of {column!r}, "
                "so nothing could be looked at"
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
