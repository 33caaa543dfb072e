"""Whether anything could fail an expectation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_detgate.expectations.models import ExpectationModel
from pytest_detgate.expectations.parameters import is_parameter
from pytest_detgate.expectations.requested import Requested

# Arguments that are limits.
_LIMITS = (
    *("min_value", "max_value", "value", "value_set", "value_pairs_set", "column_set", "sum_total"),
    *("regex", "regex_list", "like_pattern", "like_pattern_list", "strftime_format"),
    *("json_schema", "type_", "type_list", "partition_object", "quantile_ranges", "threshold"),
)
_OF_SPREAD = frozenset(
    {"expect_column_value_z_scores_to_be_less_than", "expect_column_values_to_not_be_outliers"}
)
# What these measure is not below, and where a second number is given not above it.
_ALWAYS: Mapping[str, tuple[float, float | None]] = {
    "expect_table_row_count_to_be_between": (0, None),
    "expect_table_column_count_to_be_between": (0, None),
    "expect_column_unique_value_count_to_be_between": (0, None),
    "expect_column_value_lengths_to_be_between": (0, None),
    "expect_column_stdev_to_be_between": (0, None),
    "expect_column_proportion_of_unique_values_to_be_between": (0, 1),
    "expect_column_proportion_of_non_null_values_to_be_between": (0, 1),
}


def limit_mistake(requested: Requested, model: ExpectationModel) -> str | None:
    """Why nothing could fail an expectation: no limit in it, an empty one, one that every value
    meets, or `mostly` = 0; None where something could."""
    limits = _limits(requested, model)
    empty = [name for name, value in limits.items() if value is not None and _is_empty(value)]
    if empty:
        return f"{empty[0]} is empty, so nothing could fail it"
    missing = [name for name, value in limits.items() if value is None]
    if len(missing) == len(limits) > 0 or "threshold" in missing:
        return f"it has no limit, so nothing could fail it; give {' or '.join(missing)}"
    if model.name in _ALWAYS and _takes_all(*_ALWAYS[model.name], requested.arguments):
        return f"with {limit_text(requested, model)} nothing could fail it"
    if requested.arguments.get("mostly", model.default("mostly")) == 0:
        return "with mostly = 0 nothing could fail it"
    return None


def needs_spread(model: ExpectationModel) -> bool:
    """Whether an expectation measures values by their spread."""
    return model.name in _OF_SPREAD


def limit_text(requested: Requested, model: ExpectationModel) -> str:
    """The limits of an expectation, as they are written: `min_value = 64`."""
    names = [name for name in model.limits if name not in ("mostly", *model.columns)]
    given = {name: requested.arguments.get(name) for name in names}
    if model.is_own:
        given = {name: requested.arguments.get(name, model.default(name)) for name in names}
    return ", ".join(f"{name} = {value}" for name, value in given.items() if value is not None)


def _limits(requested: Requested, model: ExpectationModel) -> dict[str, Any]:
    own = [name for name in _LIMITS if name in model.limits]
    if model.name == "expect_table_columns_to_match_ordered_list":
        own = ["column_list"]
    # The default of a core class takes anything; a class of the project may set a limit.
    default = model.default if model.is_own else (lambda name: None)
    return {name: requested.arguments.get(name, default(name)) for name in own}


def _is_empty(limit: Any) -> bool:
    """Whether a limit is empty, as an empty set or ranges that are open at both ends."""
    if is_parameter(limit):
        return False
    if isinstance(limit, Mapping):
        if "value_ranges" in limit:
            return not limit["value_ranges"] or any(map(_is_open, limit["value_ranges"]))
        return not limit
    return isinstance(limit, (str, list, tuple, set)) and not limit


def _takes_all(least: float, most: float | None, arguments: Mapping[str, Any]) -> bool:
    """Whether limits take every value from `least` to `most`, which None leaves open."""
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if any(is_parameter(limit) or isinstance(limit, str) for limit in (low, high)):
        return False
    takes_low = low is None or low < least or (low == least and not arguments.get("strict_min"))
    if high is None or most is None:
        return takes_low and high is None
    return takes_low and (high > most or (high == most and not arguments.get("strict_max")))


def _is_open(bounds: Any) -> bool:
    return isinstance(bounds, (list, tuple)) and all(end is None for end in bounds)
