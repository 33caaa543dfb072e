"""How much of a table an expectation looks at, and whether anything could fail it.

Great Expectations skips rows without a value, and an expectation on nothing is met. Both are
counted before anything is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_detgate.errors import DataError
from pytest_detgate.expectations.vocabulary import KnownExpectation

# Arguments that are limits.
_LIMITS = (
    *("min_value", "max_value", "value", "value_set", "value_pairs_set", "column_set", "sum_total"),
    *("regex", "regex_list", "like_pattern", "like_pattern_list", "strftime_format"),
    *("json_schema", "type_", "type_list", "partition_object", "quantile_ranges", "threshold"),
)
_OF_SPREAD = frozenset(
    {"expect_column_value_z_scores_to_be_less_than", "expect_column_values_to_not_be_outliers"}
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many `rows` an expectation has to look at, and how many of them it skips, because they
    have no value in one of its columns; `label` names the expectation and the column."""

    label: str
    rows: int
    nulls: int


def require_limit(known: KnownExpectation) -> None:
    """Raise `DataError` where nothing could fail an expectation: no limit in it, an empty one, or
    `mostly` = 0."""
    limits = _limits(known)
    empty = [name for name, value in limits.items() if value is not None and _is_empty(value)]
    if empty:
        raise DataError(f"{known.label}: {empty[0]} is empty, so nothing could fail it")
    missing = [name for name, value in limits.items() if value is None]
    if len(missing) == len(limits) > 0 or "threshold" in missing:
        raise DataError(
            f"{known.label}: it has no limit, so nothing could fail it; give {' or '.join(missing)}"
        )
    if known.mostly == 0:
        raise DataError(f"{known.label}: with mostly = 0 nothing could fail it")


def needs_spread(known: KnownExpectation) -> bool:
    """Whether an expectation measures values by their spread."""
    return known.kind.expectation_type in _OF_SPREAD


def worst(coverages: Sequence[Coverage]) -> Coverage | None:
    """Return the coverage with the largest share of skipped rows."""
    return max(coverages, key=lambda coverage: coverage.nulls / coverage.rows, default=None)


def _limits(known: KnownExpectation) -> dict[str, Any]:
    kind = known.kind
    own = [name for name in _LIMITS if name in kind.success_keys]
    if kind.expectation_type == "expect_table_columns_to_match_ordered_list":
        own = ["column_list"]
    # The default of a core class takes anything; a class of the project may set a limit.
    if kind.__module__.startswith("great_expectations."):
        return {name: known.requested.arguments.get(name) for name in own}
    return {name: known.argument(name) for name in own}


def _is_empty(limit: Any) -> bool:
    """Whether a limit is empty, as an empty set or ranges that are open at both ends."""
    if isinstance(limit, Mapping):
        if "value_ranges" in limit:
            return any(_is_open(bounds) for bounds in limit["value_ranges"])
        return not limit
    return isinstance(limit, (str, list, tuple, set)) and not limit


def _is_open(bounds: Any) -> bool:
    return isinstance(bounds, (list, tuple)) and all(end is None for end in bounds)
