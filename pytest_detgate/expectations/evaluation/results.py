"""What came out of expectations: of each by itself, and in Great Expectations' own form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_detgate.expectations.evaluation.worst import Rows
from pytest_detgate.expectations.requested import Requested
from pytest_detgate.findings import Table

NO_ROWS: Rows = np.array([], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """What came out of one expectation.

    `met` is None where it could not be evaluated, for the `reason`. `rows` are the unexpected rows
    of the table, the worst first, where they are known; `unexpected` is their number. `observed` is
    what was observed, in words, `share` the share of the rows with a value that meet it, which is
    compared with `mostly`, and `limit` what else it is compared with. `missing` rows have no value.
    """

    requested: Requested
    name: str
    columns: tuple[str, ...] = ()
    met: bool | None = None
    reason: str = ""
    observed: str = ""
    limit: str = ""
    share: float | None = None
    mostly: float | None = None
    unexpected: int | None = None
    missing: int | None = None
    rows: Rows = field(default_factory=lambda: NO_ROWS)

    @property
    def sentence(self) -> str:
        """The expectation and what was observed."""
        description = self.requested.arguments.get("description")
        call = f"{self.requested.call(self.name)}: {self.observed}"
        return f"{description}: {call}" if description else call


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The results of all expectations on a table, in their order, and the result as Great
    Expectations writes it."""

    results: Sequence[ExpectationResult]
    document: dict[str, Any] | None = None

    @property
    def evaluated(self) -> list[ExpectationResult]:
        """Those that could be evaluated."""
        return [result for result in self.results if result.met is not None]

    @property
    def reasons(self) -> list[str]:
        """Why others could not be."""
        return [
            f"{result.requested.label}: {result.reason}"
            for result in self.results
            if result.met is None
        ]


COLUMNS = [
    *("expectation", "columns", "limit", "observed", "share", "mostly", "met", "severity"),
    *("unexpected rows", "rows without a value", "description"),
]
MOST_ROWS = 100
"""Rows of one table; the page shows no more of one."""


def tables_of(results: Sequence[ExpectationResult]) -> dict[str, Table]:
    """All expectations as tables by title: those that are not met first."""
    order = sorted(results, key=lambda result: (result.met is True, result.met is None))
    parts = [order[start : start + MOST_ROWS] for start in range(0, len(order), MOST_ROWS)]
    titles = ["Expectations", *(f"Expectations ({number})" for number in range(2, len(parts) + 1))]
    return {
        title: Table(columns=COLUMNS, rows=[_row(result) for result in part])
        for title, part in zip(titles, parts, strict=False)
    }


def _row(result: ExpectationResult) -> list[float | int | str | bool | None]:
    return [
        f"{result.requested.source}: {result.name}",
        ", ".join(result.columns),
        result.limit,
        result.observed,
        result.share,
        result.mostly,
        f"not evaluated: {result.reason}" if result.met is None else result.met,
        result.requested.severity,
        result.unexpected,
        result.missing,
        result.requested.words,
    ]
