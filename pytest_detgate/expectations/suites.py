"""Rules in Great Expectations' words, and suites of them as files."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_detgate.expectations.models import version
from pytest_detgate.expectations.requested import COMMON, Requested
from pytest_detgate.expectations.wide_tables.wide_table import TableName

LARGEST = 1.7976931348623157e308
"""The largest number: what is larger is infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExpectation:
    """An expectation on one of the wide tables, with its arguments."""

    table: TableName
    type: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InExpectations:
    """What an item asks for in Great Expectations' words; `lacks` is what these cannot say."""

    expectations: Sequence[TableExpectation] = ()
    lacks: str = ""


@dataclass(slots=True)
class Suite:
    """The expectations of all items on one table of a split."""

    split: str
    table: TableName
    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, expectation: TableExpectation, item: str, severity: str) -> None:
        """Add an expectation of an item, with the severity of its rule."""
        arguments = dict(expectation.arguments)
        own = {key: arguments.pop(key) for key in COMMON if key in arguments}
        meta = {**(own.get("meta") or {}), "pytest-detgate": item}
        entry = {
            "type": expectation.type,
            "kwargs": arguments,
            "meta": meta,
            "severity": own.get("severity") or severity,
        }
        entry |= {key: own[key] for key in ("description", "notes") if own.get(key)}
        self.entries.append(entry)

    def document(self) -> str:
        """The suite as Great Expectations saves it."""
        content = {
            "name": f"{self.split} {self.table}",
            "id": None,
            "expectations": self.entries,
            "meta": {"great_expectations_version": _version()},
            "notes": None,
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def of_table(table: TableName, type_: str, **arguments: Any) -> TableExpectation:
    """An expectation on a table."""
    return TableExpectation(table=table, type=type_, arguments=arguments)


def where(column: str, operator: str, value: Any) -> dict[str, Any]:
    """A condition on rows, as versions since 1.9 save it: a name may have blanks."""
    return {
        "type": "comparison",
        "column": {"name": column},
        "operator": operator,
        "parameter": value,
    }


def not_null(table: TableName, *columns: str) -> list[TableExpectation]:
    """Every row has a value in these columns."""
    kind = "expect_column_values_to_not_be_null"
    return [of_table(table, kind, column=column) for column in columns]


def as_requested(table: TableName, requested: Requested) -> TableExpectation:
    """A requested expectation, its parameters filled."""
    return TableExpectation(table=table, type=requested.type, arguments=requested.arguments)


def _version() -> str:
    try:
        return importlib.metadata.version("great-expectations")
    except importlib.metadata.PackageNotFoundError:
        return version()
