"""What the rule `expectations` says of what it cannot be asked, and of crashes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from tests.content import write_json
from tests.needs import import_or_skip
from tests.rules.expecting import COCO, HEAD, expect, toml

import_or_skip("great_expectations")


@pytest.mark.parametrize(
    ("table", "kind", "arguments", "reason"),
    [
        (
            "images",
            "expect_column_values_to_be_betwen",
            {"column": "width"},
            "expect 1: there is no expectation 'expect_column_values_to_be_betwen'; "
            "did you mean 'expect_column_values_to_be_between'?",
        ),
        (
            "images",
            "ExpectColumnValueToBeUnique",
            {"column": "width"},
            "there is no expectation 'ExpectColumnValueToBeUnique'; "
            "did you mean 'ExpectColumnValuesToBeUnique'?",
        ),
        (
            "images",
            "expect_column_values_to_be_between",
            {"column": "width", "min_vlaue": 3},
            "expect 1 (expect_column_values_to_be_between): no argument 'min_vlaue'; "
            "did you mean 'min_value'? (there is: column, mostly, row_condition, ",
        ),
        (
            "images",
            "expect_column_values_to_be_between",
            {"column": "width", "result_format": "BASIC", "min_value": 3},
            "no argument 'result_format'",
        ),
        (
            "images",
            "expect_column_values_to_be_between",
            {"min_value": 3},
            "(expect_column_values_to_be_between): column: field required",
        ),
        (
            "images",
            "expect_column_values_to_be_between",
            {"column": "width", "min_value": 3, "mostly": 1.5},
            "mostly: ensure this value is less than or equal to 1.0",
        ),
        (
            "images",
            "expect_column_values_to_be_between",
            {"column": "widht", "min_value": 3},
            "no column of train's images 'widht'; did you mean 'width'? "
            "(there is: id, file_name, width, height, boxes, clip, frame, site, sight)",
        ),
        (
            "annotations",
            "expect_column_values_to_be_between",
            {"column": "occludde", "min_value": 3},
            "no column of train's annotations 'occludde'; did you mean 'occluded'?",
        ),
        (
            "detections",
            "expect_column_values_to_be_between",
            {"column": "area", "min_value": 3},
            "no column of train's detections 'area'",
        ),
        (
            "images",
            "expect_column_values_to_match_regex",
            {"column": "file_name", "regex": "("},
            "Great Expectations could not evaluate it: ",
        ),
        (
            "annotations",
            "expect_column_values_to_be_between",
            {
                "column": "width",
                "min_value": 3,
                "row_condition": "width > 1000",
                "condition_parser": "pandas",
            },
            "no row meets row_condition, so nothing could be looked at",
        ),
        (
            "annotations",
            "expect_column_distinct_values_to_be_in_set",
            {
                "column": "occluded",
                "value_set": [1],
                "row_condition": 'image == "yard_1.jpg" and width > 20',
                "condition_parser": "pandas",
            },
            "no row has a value of 'occluded', so nothing could be looked at",
        ),
    ],
)
def test_what_cannot_be_asked_is_not_evaluated(
    evaluated: Callable[..., RuleResult],
    table: str,
    kind: str,
    arguments: dict[str, Any],
    reason: str,
) -> None:
    result = evaluated(
        expect(table, kind)
        + "\n"
        + "\n".join(f"{key} = {toml(value)}" for key, value in arguments.items())
    )

    assert result.verdict == "not-evaluated"
    assert reason in result.message
    assert "\n" not in result.message


def test_empty_table_says_nothing(evaluated: Callable[..., RuleResult], tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", {**COCO, "annotations": []})

    result = evaluated(
        expect("annotations", "expect_column_values_to_be_between", column="width", min_value=3)
    )

    assert result.verdict == "not-evaluated"
    assert "there are no rows, so nothing could be looked at" in result.message


@pytest.mark.parametrize(
    ("suite", "reason"),
    [
        ("{", "suite.json: cut off at line 1"),
        ('{"expectations": []}', "a suite without expectations passes without looking at anything"),
        ('{"name": "x"}', "missing required field `expectations`"),
        ('{"expectations": [{"kwargs": {}}]}', "expectation 1: the key 'type' is missing"),
        (
            '{"expectations": [{"type": "expect_all"}]}',
            "suite.json: expectation 1: there is no expectation 'expect_all'",
        ),
        (None, "suite.json: no such file"),
    ],
)
def test_suite_that_is_none(
    evaluated: Callable[..., RuleResult], tmp_path: Path, suite: str | None, reason: str
) -> None:
    if suite is not None:
        (tmp_path / "suite.json").write_text(suite)

    result = evaluated('table = "images"\nsuite = "suite.json"')

    assert result.verdict == "not-evaluated"
    assert reason in result.message


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ('table = "images"', "expects nothing; give a table [[rules.expectations.expect]] or"),
        ('table = "image"\nsuite = "x"', "found 'image'; did you mean 'images'?"),
        ('suite = "x"', "the key 'table' is missing"),
        ('table = "images"\n[[rules.expectations.expect]]\ncolumn = "x"', "entry 1 needs a type"),
        (
            expect("images", "expect_column_values_to_be_between", column="x")
            + "\nmin_value = nan",
            "expect: entry 1 (expect_column_values_to_be_between): nan is no limit",
        ),
        ('table = "images"\nexpect = 3', "expected a list, each entry a table, found 3"),
        ('table = "images"\nsuite = "x"\nsplits = ["trian"]', "did you mean 'train'?"),
    ],
)
def test_configuration_errors(evaluated: Callable[..., RuleResult], rule: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        evaluated(rule)

    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("raises", "raise ValueError('no such\\ncamera')", "not evaluate it: no such camera"),
        ("silent", "return {'succes': True}", "it did not say whether it is met"),
    ],
)
def test_crash_inside_an_expectation_is_told(
    evaluated: Callable[..., RuleResult], tmp_path: Path, name: str, body: str, reason: str
) -> None:
    (tmp_path / f"own_{name}.py").write_text(
        "import great_expectations.expectations as gxe\n"
        f"class Expect{name.title()}(gxe.ExpectTableRowCountToEqual):\n"
        "    value: int = 3\n"
        "    def _validate(self, *arguments, **options):\n"
        f"        {body}\n"
    )

    result = evaluated(
        expect("images", f"expect_{name}"), head=f'plugins = ["own_{name}"]\n' + HEAD
    )

    assert result.verdict == "not-evaluated"
    assert reason in result.message
    assert "\n" not in result.message


@pytest.mark.parametrize("method", ["_validate", "get_validation_dependencies"])
def test_the_one_of_several_that_crashes_is_named(
    evaluated: Callable[..., RuleResult], tmp_path: Path, method: str
) -> None:
    name = method.strip("_").title().replace("_", "")
    (tmp_path / f"own_{method}.py").write_text(
        "import great_expectations.expectations as gxe\n"
        f"class ExpectNo{name}(gxe.ExpectTableRowCountToEqual):\n"
        "    value: int = 3\n"
        f"    def {method}(self, *arguments, **options):\n"
        "        raise ValueError('no such camera')\n"
    )
    fine = "[[rules.expectations.expect]]\ntype = 'expect_column_to_exist'\ncolumn = 'id'\n"

    result = evaluated(
        f"table = 'images'\n{fine}[[rules.expectations.expect]]\ntype = 'ExpectNo{name}'\n{fine}",
        head=f"plugins = ['own_{method}']\n{HEAD}",
    )

    assert result.verdict == "not-evaluated"
    assert result.message.startswith(f"expect 2 (ExpectNo{name}): Great Expectations could not")
    assert "no such camera" in result.message
