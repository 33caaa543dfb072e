"""How much of a table an expectation looks at, and whether anything could fail it.

Great Expectations passes over rows without a value, and what it finds nothing in is met. Both
are counted before anything is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_detgate.errors import DataError
from pytest_detgate.expectations.vocabulary import Asked

# Arguments that hold something against the data; the others say how.
_LIMITS = (
    *("min_value", "max_value", "value", "value_set", "value_pairs_set", "column_set", "sum_total"),
    *("regex", "regex_list", "like_pattern", "like_pattern_list", "strftime_format"),
    *("json_schema", "type_", "type_list", "partition_object", "quantile_ranges", "threshold"),
)
_OF_SPREAD = frozenset(
    {"expect_column_value_z_scores_to_be_less_than", "expect_column_values_to_not_be_outliers"}
)


@dataclass(frozen=True, slots=True)
class Looked:
    """How many `rows` an expectation has to look at, and how many of them have no value in one of
    its columns, so that it passes over them; `what` names the expectation and the column."""

    what: str
    rows: int
    nulls: int


def require_limit(asked: Asked) -> None:
    """Raise `DataError` where nothing could fail an expectation: no limit in it, an empty one, or
    `mostly` = 0."""
    limits = _limits(asked)
    empty = [name for name, value in limits.items() if value is not None and _is_empty(value)]
    if empty:
        raise DataError(f"{asked.wanted.said}: {empty[0]} is empty, so it holds nothing")
    missing = [name for name, value in limits.items() if value is None]
    if len(missing) == len(limits) > 0 or "threshold" in missing:
        raise DataError(
            f"{asked.wanted.said}: it has no limit, so nothing could fail it; give "
            f"{' or '.join(missing)}"
        )
    if asked.mostly == 0:
        raise DataError(f"{asked.wanted.said}: with mostly = 0 nothing could fail it")


def needs_spread(asked: Asked) -> bool:
    """Whether an expectation measures values by how far they lie apart."""
    return asked.kind.expectation_type in _OF_SPREAD


def worst(looked: Sequence[Looked]) -> Looked | None:
    """The expectation that passes over the largest share of its rows."""
    return max(looked, key=lambda one: one.nulls / one.rows, default=None)


def _limits(asked: Asked) -> dict[str, Any]:
    kind = asked.kind
    own = [name for name in _LIMITS if name in kind.success_keys]
    if kind.expectation_type == "expect_table_columns_to_match_ordered_list":
        own = ["column_list"]
    # The default of a core class takes anything; a class of the project's own may set a limit.
    if kind.__module__.startswith("great_expectations."):
        return {name: asked.wanted.arguments.get(name) for name in own}
    return {name: asked.argument(name) for name in own}


def _is_empty(limit: Any) -> bool:
    """Whether a limit has nothing in it, as an empty set, or ranges that are open at both ends."""
    if isinstance(limit, Mapping):
        if "value_ranges" in limit:
            return any(_is_open(bounds) for bounds in limit["value_ranges"])
        return not limit
    return isinstance(limit, (str, list, tuple, set)) and not limit


def _is_open(bounds: Any) -> bool:
    return isinstance(bounds, (list, tuple)) and all(end is None for end in bounds)
