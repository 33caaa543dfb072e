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
    ("kind", "arguments", "line", "reason"),
    [
        (
            "expect_column_values_to_be_betwen",
            {"column": "width"},
            10,
            "type: entry 1 (expect_column_values_to_be_betwen): there is no expectation "
            "'expect_column_values_to_be_betwen'; did you mean "
            "'expect_column_values_to_be_between'?",
        ),
        (
            "ExpectColumnValueToBeUnique",
            {"column": "width"},
            10,
            "did you mean 'ExpectColumnValuesToBeUnique'?",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "width", "min_vlaue": 3},
            12,
            "min_vlaue: entry 1 (expect_column_values_to_be_between): no argument 'min_vlaue'; "
            "did you mean 'min_value'? (there is: column, mostly, row_condition, ",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "width", "min_value": 3, "result_format": "BASIC"},
            13,
            "no argument 'result_format'",
        ),
        (
            "expect_column_values_to_be_between",
            {"min_value": 3},
            9,
            "(expect_column_values_to_be_between): the argument 'column' is missing",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "width", "min_value": 3, "mostly": 1.5},
            13,
            "expected a number between 0 and 1, found 1.5",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "", "min_value": 3},
            11,
            "expected text that is not empty",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": ["width"], "min_value": 3},
            11,
            "expected text, found ['width']",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "width", "min_value": True},
            12,
            "expected a number or text, found true",
        ),
        (
            "expect_column_values_to_be_in_set",
            {"column": "width", "value_set": "640"},
            12,
            "expected a list, found '640'",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "width", "min_value": 3, "severity": "critcal"},
            13,
            'expected one of "critical", "warning", "info", found \'critcal\'; did you mean '
            "'critical'?",
        ),
        (
            "expect_column_values_to_match_regex",
            {"column": "file_name", "regex": "("},
            12,
            "'(' is no regular expression: missing )",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "width", "quantile_ranges": {"quantile": [0.5]}},
            12,
            "the key 'quantiles' is missing",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "width", "min_value": 3, "severity": {"$PARAMETER": "how"}},
            13,
            "severity: entry 1 (expect_column_values_to_be_between): expected text, found a table",
        ),
        (
            "expect_table_row_count_to_equal_other_table",
            {"other_table_name": "images"},
            10,
            "needs a database",
        ),
        (
            "expect_column_values_to_match_like_pattern",
            {"column": "file_name", "like_pattern": "a%"},
            10,
            "needs a database: tables of a data set are data frames",
        ),
    ],
)
def test_a_mistake_is_found_at_start(
    evaluated: Callable[..., RuleResult],
    kind: str,
    arguments: dict[str, Any],
    line: int,
    reason: str,
) -> None:
    lines = [f"{key} = {toml(value)}" for key, value in arguments.items()]
    with pytest.raises(ConfigError) as caught:
        evaluated("\n".join([expect("images", kind), *lines]))

    assert str(caught.value).startswith(f"detgate.toml:{line}: [rules.expectations")
    assert reason in str(caught.value)


def test_all_mistakes_are_found_at_once(evaluated: Callable[..., RuleResult]) -> None:
    wrong = (
        "[[rules.expectations.expect]]\ntype = 'expect_column_to_exists'\ncolumn = 'width'\n"
        "[[rules.expectations.expect]]\ntype = 'expect_column_to_exist'\ncolum = 'width'\n"
    )
    with pytest.raises(ConfigError, match="has 3 mistakes") as caught:
        evaluated(f"table = 'images'\n{wrong}")

    text = " ".join(str(caught.value).split())
    assert "did you mean 'expect_column_to_exist'?" in text
    assert "no argument 'colum'; did you mean 'column'?" in text
    assert "the argument 'column' is missing" in text


@pytest.mark.parametrize(
    ("table", "arguments", "reason"),
    [
        (
            "images",
            {"column": "widht", "min_value": 3},
            "no column of train's images 'widht'; did you mean 'width'? (there is: split, id, "
            "file_name, width, height, aspect, boxes, empty, clip, frame, boxes_helmet, "
            "boxes_vest, site, sight)",
        ),
        (
            "images",
            {"column": "boxes_helmt", "min_value": 3},
            "no column of train's images 'boxes_helmt'; did you mean 'boxes_helmet'?",
        ),
        (
            "annotations",
            {"column": "occludde", "min_value": 3},
            "no column of train's annotations 'occludde'; did you mean 'occluded'?",
        ),
        (
            "annotations",
            {"column": "boxes_helmt", "min_value": 3},
            "no column of train's annotations 'boxes_helmt'; did you mean 'boxes_helmet'?",
        ),
        (
            "detections",
            {"column": "crowd", "min_value": 3},
            "no column of train's detections 'crowd'",
        ),
        (
            "annotations",
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
            {
                "column": "width",
                "min_value": 3,
                "row_condition": "widht > 10",
                "condition_parser": "pandas",
            },
            "row_condition: UndefinedVariableError: name 'widht' is not defined",
        ),
        (
            "annotations",
            {
                "column": "occluded",
                "min_value": 1,
                "row_condition": 'image == "yard_1.jpg" and width > 20',
                "condition_parser": "pandas",
            },
            "no row has a value of 'occluded', so nothing could be looked at",
        ),
    ],
)
def test_what_the_data_has_not_is_not_evaluated(
    evaluated: Callable[..., RuleResult], table: str, arguments: dict[str, Any], reason: str
) -> None:
    kind = "expect_column_values_to_be_between"
    lines = [f"{key} = {toml(value)}" for key, value in arguments.items()]
    result = evaluated("\n".join([expect(table, kind), *lines]))

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
            "suite.json: expectation 1 (expect_all): there is no expectation 'expect_all'",
        ),
        (None, "suite.json: no such file"),
    ],
)
def test_suite_that_is_none(
    evaluated: Callable[..., RuleResult], tmp_path: Path, suite: str | None, reason: str
) -> None:
    if suite is not None:
        (tmp_path / "suite.json").write_text(suite)

    with pytest.raises(ConfigError) as caught:
        evaluated('table = "images"\nsuite = "suite.json"')

    assert str(caught.value).startswith("detgate.toml:9: [rules.expectations] suite: ")
    assert reason in str(caught.value)


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
            "min_value: entry 1 (expect_column_values_to_be_between): nan is no limit",
        ),
        ('table = "images"\nexpect = 3', "expected a list, each entry a table, found 3"),
        ('table = "images"\nsplits = ["trian"]\nsuite = "x"', "did you mean"),
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
    assert result.message.startswith(
        f"1 of 3 expectations of train was not looked at (expect 2 (ExpectNo{name}): Great "
        "Expectations could not evaluate it: "
    )
    assert "no such camera); of the rest: 0 of 2 expectations on the images" in result.message
    assert (result.looked_at, result.to_look_at) == (2, 3)
