"""The expectations that Great Expectations knows, by name, and their arguments."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_detgate.config.wording import found, unknown
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.expectations.requested import BOOKKEEPING, Requested

INSTALL = "pip install 'pytest-detgate[expectations]'"
_COLUMNS = ("column", "column_A", "column_B", "column_list")
# Arguments that every expectation takes.
_COMMON = frozenset({"description", "meta", "notes", "severity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownExpectation:
    """A requested expectation and its class. An argument that is not given has the default of the
    class: a class of the project may fix its column."""

    requested: Requested
    kind: Any

    @property
    def label(self) -> str:
        """How an error names it."""
        return self.requested.label

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it looks at."""
        return self._columns(key for key in _COLUMNS if key in self.kind.domain_keys)

    @property
    def possible_fields(self) -> tuple[str, ...]:
        """Every name in it that may be a column, also the words of its condition on rows."""
        words = re.findall(r"[^\W\d]\w*", str(self.condition.get("row_condition", "")))
        return (*self._columns(_COLUMNS), *words)

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
        return "null" in self.kind.expectation_type

    def argument(self, key: str) -> Any:
        """One of its arguments, or the default of its class."""
        default = getattr(_fields(self.kind).get(key), "default", None)
        return self.requested.arguments.get(key, default)

    @property
    def call(self) -> str:
        """The expectation as a call, after its description where it has one."""
        arguments = self.requested.arguments
        own = {key: value for key, value in arguments.items() if key not in _COMMON}
        typed = ", ".join(f"{key}={found(value)}" for key, value in own.items())
        text = f"{self.kind.expectation_type}({typed})"
        return f"{arguments['description']}: {text}" if arguments.get("description") else text

    @property
    def condition(self) -> dict[str, Any]:
        """The arguments that choose its rows."""
        values = {key: self.argument(key) for key in ("row_condition", "condition_parser")}
        return {key: value for key, value in values.items() if value is not None}

    def build(self, tag: Mapping[str, Any]) -> Any:
        """Build the expectation, with a tag that its result has, too."""
        allowed = _arguments(self.kind)
        for name in self.requested.arguments:
            if name not in allowed:
                raise DataError(f"{self.label}: {unknown('argument', name, allowed)}")
        meta = {**(self.requested.arguments.get("meta") or {}), **tag}
        try:
            return self.kind(**{**self.requested.arguments, "meta": meta})
        except Exception as error:
            raise DataError(f"{self.label}: {_reason(error)}") from None


class Vocabulary:
    """Every expectation class, those of the project included, under both spellings of its name."""

    def __init__(self) -> None:
        with quiet():
            import great_expectations.expectations.core  # noqa: F401  it registers them
            from great_expectations.expectations import registry

            names = sorted(registry.list_registered_expectation_implementations())
            kinds = {name: registry.get_expectation_impl(name) for name in names}
        self.kinds = {**kinds, **{kind.__name__: kind for kind in kinds.values()}}

    def known(self, requested: Requested) -> KnownExpectation:
        """Look up an expectation; an unknown name raises `DataError` with the nearest one."""
        if requested.type not in self.kinds:
            # The other spelling of a name is always near, and would only repeat it.
            snake = "_" in requested.type
            known = [name for name in self.kinds if ("_" in name) == snake]
            raise DataError(
                f"{requested.source}: there is no expectation {requested.type!r}"
                f"{nearest(requested.type, known)}"
            )
        return KnownExpectation(requested=requested, kind=self.kinds[requested.type])


def require_great_expectations() -> None:
    """Raise `DataError` with what to install unless Great Expectations can be imported."""
    try:
        with quiet():
            import great_expectations
            import pandas
    except ImportError as error:
        raise DataError(f"Great Expectations cannot be imported ({error}); {INSTALL}") from None
    del great_expectations, pandas


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore the warnings of Great Expectations: a project may turn warnings into errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _fields(kind: Any) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(kind, "model_fields", None) or kind.__fields__
    return fields


def _arguments(kind: Any) -> list[str]:
    own = [name for name in _fields(kind) if name not in BOOKKEEPING]
    return sorted(own, key=_COMMON.__contains__)


def _reason(error: Exception) -> str:
    """The first error that pydantic finds in the arguments, on one line."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    first = errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "__root__")
    return f"{where}: {first['msg']}" if where else str(first["msg"])
