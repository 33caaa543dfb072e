"""Great Expectations on a table in memory: nothing is written, shown or sent.

Every expectation is validated alone, so that one that crashes is told by its own name.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_detgate.config.wording import found, unknown
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.expectations.columns import ColumnTable
from pytest_detgate.expectations.wanted import (
    BOOKKEEPING,
    COLUMN_ARGUMENTS,
    Wanted,
    columns_of,
)

# What every expectation takes beside what makes it this one.
_COMMON = frozenset({"description", "meta", "notes", "severity"})
INSTALL = "pip install 'pytest-detgate[expectations]'"
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


class Expectations:
    """A table that expectations can be held against."""

    def __init__(self, table: ColumnTable) -> None:
        self._table = table
        with _quiet():
            self._kinds = _kinds()
            self._batch = _batch(table)

    def answer(self, wanted: Wanted) -> Answer:
        """Hold one expectation against the table. Whatever it cannot be asked raises `DataError`:
        an unknown name, argument or column, no value to look at, or a crash inside."""
        kind = self._kind(wanted)
        columns = columns_of(
            wanted.arguments, (key for key in COLUMN_ARGUMENTS if key in kind.domain_keys)
        )
        for column in columns:
            self._require_column(wanted, column)
        with _quiet():
            expectation = _built(kind, wanted)
            if "null" not in kind.expectation_type:
                for column in columns:
                    self._require_values(wanted, column)
            result = self._validated(expectation, wanted)
        return _answer(kind.expectation_type, columns, wanted, result)

    def _kind(self, wanted: Wanted) -> Any:
        if wanted.type not in self._kinds:
            # The other spelling of a name is always near, and would only repeat it.
            snake = "_" in wanted.type
            known = [name for name in self._kinds if ("_" in name) == snake]
            raise DataError(
                f"{wanted.place}: there is no expectation {wanted.type!r}"
                f"{nearest(wanted.type, known)}"
            )
        return self._kinds[wanted.type]

    def _require_column(self, wanted: Wanted, column: str) -> None:
        if column not in self._table.columns:
            what = f"column of {self._table.dataset}'s {self._table.name}"
            raise DataError(
                f"{_said(wanted)}: {unknown(what, column, self._table.possible_columns())}"
            )

    def _require_values(self, wanted: Wanted, column: str) -> None:
        """An expectation on no value at all would be met without anything having been seen."""
        condition = {
            key: wanted.arguments[key]
            for key in ("row_condition", "condition_parser")
            if key in wanted.arguments
        }
        kind = self._kinds["expect_column_values_to_not_be_null"]
        result = self._validated(kind(column=column, mostly=0, **condition), wanted).result
        if result["element_count"] == 0:
            rows = "no row meets row_condition" if condition else "there are no rows"
            raise DataError(f"{_said(wanted)}: {rows}, so nothing could be looked at")
        if result["element_count"] == result["unexpected_count"]:
            raise DataError(
                f"{_said(wanted)}: no row has a value of {column!r}, so nothing could be looked at"
            )

    def _validated(self, expectation: Any, wanted: Wanted) -> Any:
        try:
            result = self._batch.validate(expectation, result_format=_RESULT_FORMAT)
        except Exception as error:
            said = " ".join(str(error).split())
            raise _crashed(wanted, f"{type(error).__name__}: {said}") from None
        reason = _exception_in(result.exception_info)
        if reason is not None:
            raise _crashed(wanted, reason)
        if result.success is None:
            raise _crashed(wanted, "it did not say whether it is met")
        return result


def require_great_expectations() -> None:
    """Raise `DataError` with what to install unless Great Expectations can be imported."""
    try:
        with _quiet():
            import great_expectations
            import pandas
    except ImportError as error:
        raise DataError(f"Great Expectations cannot be imported ({error}); {INSTALL}") from None
    del great_expectations, pandas


def _kinds() -> dict[str, Any]:
    """Every expectation class under both spellings of its name."""
    import great_expectations.expectations.core  # noqa: F401  importing them registers them
    from great_expectations.expectations import registry

    names = sorted(registry.list_registered_expectation_implementations())
    kinds = {name: registry.get_expectation_impl(name) for name in names}
    return {**kinds, **{kind.__name__: kind for kind in kinds.values()}}


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
    asset = context.data_sources.add_pandas("detgate").add_dataframe_asset(table.name)
    whole = asset.add_batch_definition_whole_dataframe("whole")
    return whole.get_batch({"dataframe": frame})


def _built(kind: Any, wanted: Wanted) -> Any:
    arguments = _arguments(kind)
    for name in wanted.arguments:
        if name not in arguments:
            raise DataError(f"{_said(wanted)}: {unknown('argument', name, arguments)}")
    try:
        return kind(**wanted.arguments)
    except Exception as error:
        raise DataError(f"{_said(wanted)}: {_why(error)}") from None


def _arguments(kind: Any) -> list[str]:
    fields = getattr(kind, "model_fields", None) or kind.__fields__
    own = [name for name in fields if name not in BOOKKEEPING]
    return sorted(own, key=_COMMON.__contains__)


def _why(error: Exception) -> str:
    """The first thing that pydantic has against the arguments, on one line."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return f"{type(error).__name__}: {error}"
    first = errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "__root__")
    return f"{where}: {first['msg']}" if where else str(first["msg"])


def _answer(kind: str, columns: tuple[str, ...], wanted: Wanted, result: Any) -> Answer:
    met = bool(result.success)
    rows = result.result.get("unexpected_index_list") or ()
    return Answer(
        type=kind,
        columns=columns,
        met=met,
        rows=() if met else rows,
        sentence=f"{_called(kind, wanted.arguments)}: {_found(result.result)}",
    )


def _called(kind: str, arguments: Mapping[str, Any]) -> str:
    """The expectation as a call, after its description where it has one."""
    own = {key: value for key, value in arguments.items() if key not in _COMMON}
    text = f"{kind}({', '.join(f'{key}={found(value)}' for key, value in own.items())})"
    return f"{arguments['description']}: {text}" if arguments.get("description") else text


def _found(result: Mapping[str, Any]) -> str:
    count, total = result.get("unexpected_count"), result.get("element_count")
    if count is not None:
        return f"{count} of {total} rows" if total is not None else f"{count} unexpected values"
    return f"observed {result.get('observed_value')}"


def _exception_in(info: Any) -> str | None:
    """The message of the first exception: one dictionary for the expectation, or one a metric."""
    entries = [info] if "raised_exception" in (info or {}) else list((info or {}).values())
    for entry in entries:
        if entry.get("raised_exception"):
            return " ".join(str(entry.get("exception_message")).split())
    return None


def _crashed(wanted: Wanted, reason: str) -> DataError:
    return DataError(f"{_said(wanted)}: Great Expectations could not evaluate it: {reason}")


def _said(wanted: Wanted) -> str:
    return f"{wanted.place} ({wanted.type})"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings about its own code to Great Expectations: a project may make them errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
