"""Expectations as Great Expectations itself builds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_detgate.errors import DataError
from pytest_detgate.expectations.limits import limit_mistake
from pytest_detgate.expectations.models import (
    COLUMN_KEYS,
    ExpectationModel,
    find_model,
    model_fields,
    quiet,
    version,
)
from pytest_detgate.expectations.requested import Requested, first_non_finite

INSTALL = "pip install 'pytest-detgate[expectations]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownExpectation:
    """A requested expectation, its parameters filled, and its model. An argument that is not given
    has the default of the class: a class of the project may fix its column."""

    requested: Requested
    model: ExpectationModel

    @property
    def label(self) -> str:
        """How an error names it."""
        return self.requested.label

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it looks at."""
        return self._columns(self.model.columns)

    @property
    def possible_columns(self) -> tuple[str, ...] | None:
        """Every name in it that may be a column, also the words of its condition on rows; None
        where it may look at any column."""
        of_all = self.model.is_own or self.model.name.startswith("expect_table_column")
        if of_all or self.argument("column_index") is not None:
            return None
        condition = self.condition.get("row_condition", "")
        words = _words(condition)
        return (*self._columns(COLUMN_KEYS), *words)

    def _columns(self, keys: Iterable[str]) -> tuple[str, ...]:
        values = [self.argument(key) for key in keys]
        lists = ([value] if isinstance(value, str) else value or () for value in values)
        return tuple(dict.fromkeys(str(name) for names in lists for name in names))

    @property
    def mostly(self) -> float | None:
        """The share of rows that must meet it, if it has one."""
        value = self.argument("mostly")
        return value if isinstance(value, (int, float)) else None

    @property
    def looks_at_nulls(self) -> bool:
        """Whether it looks for rows without a value."""
        return "null" in self.model.name

    def argument(self, key: str) -> Any:
        """One of its arguments, or the default of its class."""
        return self.requested.arguments.get(key, self.model.default(key))

    @property
    def condition(self) -> dict[str, Any]:
        """The arguments that choose its rows."""
        values = {key: self.argument(key) for key in ("row_condition", "condition_parser")}
        return {key: value for key, value in values.items() if value is not None}

    def build(self, tag: Mapping[str, Any]) -> Any:
        """Build the expectation, with a tag that its result has, too."""
        kind = _kind(self.model.name, self.requested)
        arguments = dict(self.requested.arguments)
        if "severity" not in model_fields(kind):
            # Great Expectations 1.8 does not know it, and it decides here only.
            arguments.pop("severity", None)
        try:
            return kind(**{**arguments, "meta": {**(arguments.get("meta") or {}), **tag}})
        except Exception as error:
            raise DataError(_reason(error)) from None


def known_expectation(requested: Requested, parameters: Mapping[str, Any]) -> KnownExpectation:
    """Look up an expectation and fill its parameters; `DataError` where that is not possible, or
    nothing could fail it."""
    model = find_model(requested.type)
    requested = requested.with_parameters(parameters)
    odd = first_non_finite(requested.arguments)
    mistake = limit_mistake(requested, model) if odd is None else f"{odd} is no limit"
    if mistake is not None:
        raise DataError(mistake)
    return KnownExpectation(requested=requested, model=model)


def require_great_expectations() -> None:
    """Raise `DataError` with what to install unless Great Expectations can be imported."""
    try:
        with quiet():
            import great_expectations.expectations.core
            import pandas
    except ImportError as error:
        raise DataError(f"Great Expectations cannot be imported ({error}); {INSTALL}") from None
    del great_expectations, pandas


def _words(condition: Any) -> list[str]:
    """The names of columns that a condition on rows may have: its words, and what is in back
    ticks or quotes."""
    text = str(condition)
    quoted = re.findall(r"`([^`]+)`|\"([^\"]+)\"|'([^']+)'", text)
    return [*re.findall(r"[^\W\d]\w*", text), *(part for parts in quoted for part in parts if part)]


def _kind(name: str, requested: Requested) -> Any:
    import great_expectations
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations import registry

    try:
        return registry.get_expectation_impl(name)
    except ExpectationNotFoundError:
        raise DataError(
            f"Great Expectations {great_expectations.__version__}, which is installed, has no "
            f"{requested.type}; {version()} has it"
        ) from None


def _reason(error: Exception) -> str:
    """The first error that pydantic finds in the arguments, on one line."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    first = errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "__root__")
    return f"{where}: {first['msg']}" if where else str(first["msg"])
