"""Great Expectations on a table in memory, which writes, shows and sends nothing.

Every expectation is evaluated by itself: one that cannot be evaluated says why, and costs none of
the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pytest_detgate.counts import counted
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.expectations.evaluation.coverage import Domain, require_values
from pytest_detgate.expectations.evaluation.document import document_of
from pytest_detgate.expectations.evaluation.results import NO_ROWS, Evaluation, ExpectationResult
from pytest_detgate.expectations.evaluation.vocabulary import KnownExpectation, known_expectation
from pytest_detgate.expectations.evaluation.worst import Rows, worst_first
from pytest_detgate.expectations.limits import limit_text
from pytest_detgate.expectations.models import quiet
from pytest_detgate.expectations.requested import Requested
from pytest_detgate.expectations.wide_tables.fields import Column
from pytest_detgate.expectations.wide_tables.wide_table import WideTable
from pytest_detgate.plain import plain_value

TAG = "detgate"
ANY_COLUMN = "file_name"
"""A column that every table has."""
# Results have row numbers; the values of the rows are looked up in the table.
_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}


def evaluate(
    table: WideTable,
    requested: Sequence[Requested],
    parameters: Mapping[str, Any],
    max_null_share: float = 1.0,
) -> Evaluation:
    """Evaluate expectations on a table.

    One is not evaluated where its parameters cannot be filled, a column is missing, nothing could
    fail it, there is no row or value to look at, more than `max_null_share` of its rows have no
    value, or it crashes.
    """
    with quiet():
        return _Run(table, requested, parameters, max_null_share).evaluation()


class _Run:
    """The evaluation of expectations on one table."""

    def __init__(
        self,
        table: WideTable,
        requested: Sequence[Requested],
        parameters: Mapping[str, Any],
        max_null_share: float,
    ) -> None:
        self._table = table
        self._requested = requested
        self._max_null_share = max_null_share
        self._reasons: dict[int, str] = {}
        self._known: dict[int, KnownExpectation] = {}
        self._built: dict[int, Any] = {}
        for index, expectation in enumerate(requested):
            self._try(
                index,
                lambda expectation=expectation: known_expectation(expectation, parameters),
                self._known,
            )
        self._columns = self._needed_columns()
        for index, known in list(self._known.items()):
            self._try(
                index, lambda index=index, known=known: self._build(index, known), self._built
            )

    def evaluation(self) -> Evaluation:
        """Validate what can be validated, all at once: each call makes a digest of the table."""
        results: dict[int, Any] = {}
        document = None
        if self._built:
            batch = self._batch()
            self._look()
            validated, whole = self._validate(batch, self._built)
            results.update(validated)
        rows = {index: self._unexpected(index, result) for index, result in results.items()}
        evaluated = [self._result(index, results, rows) for index in range(len(self._requested))]
        if results:
            document = document_of(whole, results, self._known, self._columns, rows)
        return Evaluation(results=evaluated, document=document)

    def _try(self, index: int, make: Any, made: dict[int, Any]) -> None:
        try:
            made[index] = make()
        except DataError as error:
            self._refuse(index, str(error))

    def _refuse(self, index: int, reason: str) -> None:
        label = self._requested[index].label
        self._reasons[index] = reason.removeprefix(f"{label}: ")
        self._built.pop(index, None)

    def _needed_columns(self) -> dict[str, Column]:
        """The columns that the expectations may look at."""
        names: list[str] = [ANY_COLUMN]
        for known in self._known.values():
            possible = known.possible_columns
            names += self._table.possible if possible is None else possible
        return self._table.columns(names)

    def _build(self, index: int, known: KnownExpectation) -> Any:
        for column in known.columns:
            if column not in self._columns:
                raise DataError(_unknown_column(column, self._table))
        if not len(self._table):
            raise DataError("there are no rows, so nothing could be looked at")
        return known.build({TAG: index})

    def _batch(self) -> Any:
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
        columns = {name: column.copy() for name, column in self._columns.items()}
        frame = pandas.DataFrame(columns)
        asset = context.data_sources.add_pandas(TAG).add_dataframe_asset(self._table.name)
        whole = asset.add_batch_definition_whole_dataframe("whole")
        return whole.get_batch({"dataframe": frame})

    def _look(self) -> None:
        """Refuse expectations that would look at nothing: Great Expectations skips rows without a
        value, and an expectation on nothing is met."""
        domain = Domain(self._columns, ANY_COLUMN)
        for index, built in list(self._built.items()):
            known = self._known[index]
            try:
                require_values(
                    known, self._columns, domain.rows(built, known), self._max_null_share
                )
            except DataError as error:
                self._refuse(index, str(error))

    def _validate(self, batch: Any, built: Mapping[int, Any]) -> tuple[dict[int, Any], Any]:
        """The result of each expectation that has one, and the whole. They are validated together;
        one by one only if that fails, to find which of them fails."""
        from great_expectations import ExpectationSuite

        if not built:
            return {}, None
        try:
            suite = ExpectationSuite(name=self._table.name, expectations=list(built.values()))
            whole = batch.validate(suite, result_format=_RESULT_FORMAT)
        except Exception as error:
            if len(built) == 1:
                text = " ".join(str(error).split())
                self._crash(next(iter(built)), f"{type(error).__name__}: {text}")
                return {}, None
            results: dict[int, Any] = {}
            whole = None
            for index, expectation in built.items():
                validated, part = self._validate(batch, {index: expectation})
                results.update(validated)
                whole = part or whole
            return results, whole
        # They may come in another order.
        result_of_index = {
            int(result.expectation_config.meta[TAG]): result for result in whole.results
        }
        for index, result in list(result_of_index.items()):
            reason = _exception_in(result.exception_info or {})
            if reason is None and result.success is None:
                reason = "it did not say whether it is met"
            if reason is not None:
                self._crash(index, reason)
                del result_of_index[index]
        return result_of_index, whole

    def _crash(self, index: int, reason: str) -> None:
        self._reasons[index] = f"Great Expectations could not evaluate it: {reason}"

    def _unexpected(self, index: int, result: Any) -> Rows:
        """The unexpected rows of one expectation, the worst first."""
        listed = result.result.get("unexpected_index_list") or ()
        return worst_first(self._known[index], self._columns, np.array(listed, dtype=np.int64))

    def _result(
        self, index: int, results: Mapping[int, Any], rows: Mapping[int, Rows]
    ) -> ExpectationResult:
        known = self._known.get(index)
        if known is None or index not in results:
            reason = self._reasons[index]
            expectation = self._requested[index] if known is None else known.requested
            return ExpectationResult(requested=expectation, name=expectation.type, reason=reason)
        result, validation = results[index].result, results[index]
        count, total = result.get("unexpected_count"), result.get("element_count")
        with_value = None if total is None else total - (result.get("missing_count") or 0)
        met = bool(validation.success)
        return ExpectationResult(
            requested=known.requested,
            name=known.model.name,
            columns=known.columns,
            met=met,
            observed=_observation(result),
            limit=limit_text(known.requested, known.model),
            share=None if not with_value or count is None else 1 - count / with_value,
            mostly=known.mostly if total is not None else None,
            unexpected=None if count is None else int(count),
            missing=result.get("missing_count"),
            rows=NO_ROWS if met else rows[index],
        )


def _unknown_column(column: str, table: WideTable) -> str:
    """Say that there is no such column; those of numbers by class are not listed."""
    near, listed = nearest(column, table.possible), ", ".join(table.names)
    return f"no column of {table.dataset}'s {table.name} {column!r}{near} (there is: {listed})"


def _observation(result: Mapping[str, Any]) -> str:
    count, total = result.get("unexpected_count"), result.get("element_count")
    if count is not None:
        return (
            f"{count} of {counted(total, 'row')}"
            if total is not None
            else counted(count, "unexpected value")
        )
    return f"observed {plain_value(result.get('observed_value'))}"


def _exception_in(info: Mapping[str, Any]) -> str | None:
    """The message of the first exception: one dictionary for the expectation, or one for each
    metric."""
    entries: Iterable[Any] = [info] if "raised_exception" in info else info.values()
    for entry in entries:
        if entry.get("raised_exception"):
            return " ".join(str(entry.get("exception_message")).split())
    return None
