"""An expectation that looked at nothing, or that nothing could fail, never passes.

Each of them passes in Great Expectations itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from tests.content import write_json
from tests.needs import import_or_skip
from tests.rules.expecting import COCO, expect, toml

import_or_skip("great_expectations")

Evaluated = Callable[..., RuleResult]
NOBODY = {"row_condition": "width > 1000", "condition_parser": "pandas"}


def rule(table: str, kind: str, **arguments: object) -> str:
    return "\n".join(
        [expect(table, kind), *(f"{key} = {toml(value)}" for key, value in arguments.items())]
    )


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("expect_table_row_count_to_be_between", {"max_value": 5}),
        ("expect_column_values_to_not_be_null", {"column": "width"}),
        ("expect_column_to_exist", {"column": "width"}),
        ("expect_column_values_to_be_unique", {"column": "id"}),
    ],
)
def test_an_empty_table_is_not_looked_at(
    evaluated: Evaluated, tmp_path: Path, kind: str, arguments: Any
) -> None:
    write_json(tmp_path / "train.json", {**COCO, "annotations": []})
    result = evaluated(rule("annotations", kind, **arguments))

    assert result.verdict == "not-evaluated"
    assert "there are no rows" in result.message


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("expect_table_row_count_to_be_between", {"max_value": 5}),
        ("expect_column_values_to_not_be_null", {"column": "width"}),
        ("expect_column_values_to_be_unique", {"column": "id"}),
    ],
)
def test_a_condition_that_no_row_meets_is_not_looked_at(
    evaluated: Evaluated, kind: str, arguments: Any
) -> None:
    result = evaluated(rule("images", kind, **arguments, **NOBODY))

    assert result.verdict == "not-evaluated"
    assert "no row meets row_condition" in result.message


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        ("expect_column_mean_to_be_between", {"column": "width"}, "give min_value or max_value"),
        (
            "expect_column_median_to_be_between",
            {"column": "width", "strict_min": True},
            "it has no limit",
        ),
        ("expect_table_row_count_to_be_between", {}, "it has no limit"),
        ("expect_column_values_to_match_regex", {"column": "file_name"}, "give regex"),
        ("expect_table_columns_to_match_ordered_list", {}, "give column_list"),
        ("expect_column_values_to_be_in_type_list", {"column": "width"}, "give type_list"),
        (
            "expect_column_kl_divergence_to_be_less_than",
            {"column": "width", "partition_object": {"values": [1], "weights": [1]}},
            "give threshold",
        ),
        (
            "expect_column_distinct_values_to_contain_set",
            {"column": "width", "value_set": []},
            "value_set is empty",
        ),
        (
            "expect_column_values_to_not_be_in_set",
            {"column": "width", "value_set": []},
            "value_set is empty",
        ),
        (
            "expect_table_columns_to_match_set",
            {"column_set": [], "exact_match": False},
            "column_set is empty",
        ),
        (
            "expect_column_values_to_match_regex",
            {"column": "file_name", "regex": ""},
            "regex is empty",
        ),
        (
            "expect_table_row_count_to_be_between",
            {"min_value": 0},
            "with min_value = 0 nothing could fail it",
        ),
        (
            "expect_column_value_lengths_to_be_between",
            {"column": "file_name", "min_value": -1},
            "with min_value = -1 nothing could fail it",
        ),
        (
            "expect_column_stdev_to_be_between",
            {"column": "width", "min_value": 0.0},
            "with min_value = 0.0 nothing could fail it",
        ),
        (
            "expect_column_proportion_of_unique_values_to_be_between",
            {"column": "width", "min_value": 0, "max_value": 1},
            "with min_value = 0, max_value = 1 nothing could fail it",
        ),
        (
            "expect_column_proportion_of_unique_values_to_be_between",
            {"column": "width", "max_value": 1.5},
            "with max_value = 1.5 nothing could fail it",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "width", "quantile_ranges": {"quantiles": [], "value_ranges": []}},
            "quantile_ranges is empty",
        ),
    ],
)
def test_what_nothing_could_fail_is_a_mistake(
    evaluated: Evaluated, kind: str, arguments: Any, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        evaluated(rule("images", kind, **arguments))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("expect_table_row_count_to_be_between", {"min_value": 0, "max_value": 900}),
        ("expect_column_value_lengths_to_be_between", {"min_value": 0, "strict_min": True}),
        ("expect_column_proportion_of_unique_values_to_be_between", {"min_value": 0.01}),
        (
            "expect_column_proportion_of_non_null_values_to_be_between",
            {"min_value": 0, "strict_min": True, "max_value": 1},
        ),
        ("expect_column_mean_to_be_between", {"column": "width", "min_value": 0}),
    ],
)
def test_limits_at_the_edge_that_something_could_fail(
    evaluated: Evaluated, kind: str, arguments: Any
) -> None:
    column = {} if kind.startswith("expect_table") else {"column": "file_name", **arguments}

    assert evaluated(rule("images", kind, **{**arguments, **column})).verdict == "passed"


def test_values_without_spread_are_not_evaluated(evaluated: Evaluated, tmp_path: Path) -> None:
    content = {
        **COCO,
        "annotations": [{**annotation, "iscrowd": 0} for annotation in COCO["annotations"]],
    }
    write_json(tmp_path / "train.json", content)
    arguments = {"column": "crowd", "threshold": 1, "double_sided": True}
    kind = "expect_column_value_z_scores_to_be_less_than"
    result = evaluated(rule("annotations", kind, **arguments))

    assert result.verdict == "not-evaluated"
    assert "all values of 'crowd' are the same" in result.message


def test_values_that_are_apart_have_a_z_score(evaluated: Evaluated) -> None:
    arguments = {"column": "width", "threshold": 5, "double_sided": True}
    result = evaluated(rule("images", "expect_column_value_z_scores_to_be_less_than", **arguments))

    assert result.verdict == "passed"


def quantiles(low: object) -> str:
    table = rule("images", "expect_column_quantile_values_to_be_between", column="width")
    return f"{table}\nquantile_ranges = {{ quantiles = [0.5], value_ranges = [[{low}, 900]] }}"


def test_open_ranges_of_quantiles_are_no_limit(evaluated: Evaluated, tmp_path: Path) -> None:
    """TOML has no null, a saved suite has."""
    ranges = {"quantiles": [0.1, 0.5], "value_ranges": [[0, 900], [None, None]]}
    entry = {
        "type": "expect_column_quantile_values_to_be_between",
        "kwargs": {"column": "width", "quantile_ranges": ranges},
    }
    write_json(tmp_path / "suite.json", {"expectations": [entry]})

    assert evaluated(quantiles(0)).verdict == "passed"
    with pytest.raises(ConfigError, match="quantile_ranges is empty"):
        evaluated('table = "images"\nsuite = "suite.json"')


@pytest.mark.parametrize("mostly", [0, 0.0])
def test_mostly_of_nothing_is_a_mistake(
    evaluated: Evaluated, tmp_path: Path, mostly: float
) -> None:
    arguments = {"column": "width", "min_value": 10**6, "mostly": mostly}
    with pytest.raises(ConfigError, match="with mostly = 0 nothing could fail it"):
        evaluated(rule("images", "expect_column_values_to_be_between", **arguments))

    entry = {"type": "expect_column_values_to_be_between", "kwargs": arguments}
    write_json(tmp_path / "suite.json", {"expectations": [entry]})
    with pytest.raises(ConfigError, match="with mostly = 0 nothing could fail it"):
        evaluated('table = "images"\nsuite = "suite.json"')


@pytest.mark.parametrize("allowed", [1, 2])
def test_max_is_below_the_number_of_expectations(
    evaluated: Evaluated, tmp_path: Path, allowed: int
) -> None:
    table = rule("images", "expect_table_row_count_to_equal", value=4)
    allows = f"allows {allowed} of 1 critical expectation not to be met"
    with pytest.raises(ConfigError, match=allows):
        evaluated(f"max = {allowed}\n{table}")

    entry = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 4}}
    write_json(tmp_path / "suite.json", {"expectations": [entry]})
    with pytest.raises(ConfigError, match=allows):
        evaluated(f'max = {allowed}\ntable = "images"\nsuite = "suite.json"')


@pytest.mark.parametrize(
    ("filled", "option", "verdict"),
    [
        (1, "", "not-evaluated"),
        (55, "", "not-evaluated"),
        (56, "", "passed"),
        (111, "max-null-share = 0.0\n", "not-evaluated"),
        (112, "max-null-share = 0.0\n", "passed"),
        (1, "max-null-share = 0.995\n", "passed"),
        (0, "max-null-share = 1.0\n", "not-evaluated"),
    ],
)
def test_rows_without_a_value_are_not_looked_at(
    evaluated: Evaluated, tmp_path: Path, filled: int, option: str, verdict: str
) -> None:
    """112 images of which so many say what the expectation is about."""
    images = [
        {
            "id": n,
            "file_name": f"{n}.jpg",
            "width": 9,
            "height": 9,
            "hour": 7 if n < filled else None,
        }
        for n in range(112)
    ]
    images.append({"id": 112, "file_name": "x.jpg", "width": 10, "height": 9, "hour": None})
    write_json(tmp_path / "train.json", {**COCO, "images": images, "annotations": []})
    condition = {"row_condition": "width == 9", "condition_parser": "pandas"}
    arguments = {"column": "hour", "max_value": 23, **condition}
    result = evaluated(option + rule("images", "expect_column_values_to_be_between", **arguments))

    assert result.verdict == verdict, result.message
    is_looked_at = verdict == "passed"
    assert (result.looked_at, result.to_look_at) == (int(is_looked_at), 1)
    assert result.look_unit == "expectations"
    if (filled, option) == (1, ""):
        assert result.message == (
            "expect 1 (expect_column_values_to_be_between): hour: 111 of 112 rows have no value, "
            "over max-null-share = 0.5"
        )


@pytest.mark.parametrize(
    ("name", "table", "is_right"),
    [
        ("annotations", "images", False),
        ("Annotations suite", "images", False),
        ("train-detections", "annotations", False),
        ("images", "images", True),
        ("images and annotations", "images", True),
        ("warehouse", "images", True),
    ],
)
def test_a_suite_for_another_table_is_refused(
    evaluated: Evaluated, tmp_path: Path, name: str, table: str, is_right: bool
) -> None:
    """Both tables have a column `width`."""
    entry = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "width", "max_value": 9999},
    }
    write_json(tmp_path / "suite.json", {"name": name, "expectations": [entry]})
    rules = f'table = "{table}"\nsuite = "suite.json"'
    if is_right:
        assert evaluated(rules).verdict == "passed"
        return
    with pytest.raises(ConfigError, match=f"and this is {table}"):
        evaluated(rules)


def test_every_column_of_a_suite_must_exist(evaluated: Evaluated, tmp_path: Path) -> None:
    entries = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "width"}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "score"}},
    ]
    write_json(tmp_path / "suite.json", {"expectations": entries})
    result = evaluated('table = "images"\nsuite = "suite.json"')

    assert result.verdict == "not-evaluated"
    assert "no column of train's images 'score'" in result.message
