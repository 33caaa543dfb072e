"""What suites of Great Expectations 0.18 say in other words than those of 1.0 and later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_detgate.errors import DataError

_NEW_NAMES = {
    "expect_multicolumn_values_to_be_unique": (
        "expect_select_column_values_to_be_unique_within_record"
    ),
}
_GONE = {
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": (
        "expect_column_quantile_values_to_be_between"
    ),
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": (
        "expect_column_quantile_values_to_be_between"
    ),
    "expect_column_chisquare_test_p_value_to_be_greater_than": (
        "expect_column_kl_divergence_to_be_less_than"
    ),
    "expect_column_pair_cramers_phi_value_to_be_less_than": (
        "expect_column_pair_values_to_be_in_set"
    ),
}
"""Expectations that 1.0 does not have, and what comes nearest."""
_DROPPED = frozenset({"include_config", "profiler_config", "auto"})
"""Arguments that say nothing once the limits are there."""
_SWITCHES = {
    "parse_strings_as_datetimes": "compare texts, or use "
    "expect_column_values_to_match_strftime_format",
    "allow_cross_type_comparisons": "compare values of one type",
    "output_strftime_format": "compare texts",
}
"""Arguments that are gone, and what to do where one is switched on."""
_CONDITION_PARSERS = {"great_expectations__experimental__": "great_expectations"}
_DOUBLE_SIDED = "expect_column_value_z_scores_to_be_less_than"


def current(kind: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and arguments of a saved expectation as 1.0 and later have them; `DataError` with
    the new name for what they do not have."""
    if kind in _GONE:
        raise DataError(f"{kind} is gone since Great Expectations 1.0; {_GONE[kind]} comes nearest")
    if arguments.get("auto") and not _has_limit(arguments):
        raise DataError("auto = true is gone since Great Expectations 1.0; give the limits")
    converted = {}
    for name, value in arguments.items():
        if name in _SWITCHES and value:
            raise DataError(f"{name} is gone since Great Expectations 1.0; {_SWITCHES[name]}")
        if name not in _DROPPED and name not in _SWITCHES:
            converted[name] = value
    if converted.get("condition_parser") in _CONDITION_PARSERS:
        converted["condition_parser"] = _CONDITION_PARSERS[converted["condition_parser"]]
    if kind == _DOUBLE_SIDED:
        converted.setdefault("double_sided", True)
    return _NEW_NAMES.get(kind, kind), converted


def old_key(entry: Mapping[str, Any]) -> str | None:
    """What to write in place of a word of 0.18 in an expectation of `detgate.toml`, if it has
    one."""
    if "expectation_type" in entry:
        return "`expectation_type` is called `type` since Great Expectations 1.0"
    if "kwargs" in entry:
        return "the arguments are keys of the entry itself, not of `kwargs`"
    kind = entry.get("type")
    if kind in _NEW_NAMES:
        return f"{kind} is called {_NEW_NAMES[kind]} since Great Expectations 1.0"
    try:
        current(str(kind), entry)
    except DataError as error:
        return str(error)
    gone = next((name for name in (*_SWITCHES, *_DROPPED) if name in entry), None)
    return None if gone is None else f"{gone} is gone since Great Expectations 1.0; leave it out"


def notes_of(meta: Mapping[str, Any]) -> list[str]:
    """The notes that 0.18 has in the meta data of an expectation."""
    notes = meta.get("notes")
    content = notes.get("content") if isinstance(notes, Mapping) else notes
    lines = content if isinstance(content, list) else [content]
    return [line for line in lines if isinstance(line, str)]


def _has_limit(arguments: Mapping[str, Any]) -> bool:
    names = ("min_value", "max_value", "value_set", "regex", "column_set", "quantile_ranges")
    return any(arguments.get(name) is not None for name in names)
