"""The rule `expectations`: what it finds, on every table, and how it says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import bind_rules
from tests.content import write_json
from tests.needs import import_or_skip
from tests.rules.expecting import HEAD, expect, texts

import_or_skip("great_expectations")

EXISTS = {"type": "expect_column_to_exist", "kwargs": {"column": "width"}}


@pytest.mark.parametrize(
    "kind", ["expect_column_values_to_be_between", "ExpectColumnValuesToBeBetween"]
)
def test_rows_that_are_unexpected_are_named(
    evaluated: Callable[..., RuleResult], kind: str
) -> None:
    result = evaluated(expect("images", kind, column="width", min_value=300))

    assert result.verdict == "failed"
    assert result.message == "1 of 1 expectation on the images of train is not met"
    assert [(m.name, m.value, m.limit) for m in result.measurements] == [
        ("count", 1, 0),
        ("expectations", 1, None),
        ("rows", 3, None),
    ]
    name = "expect_column_values_to_be_between"
    assert texts(result) == [
        (None, f"{name}(column='width', min_value=300): 2 of 3 rows"),
        ("roof_10.jpg", f"width 100.0: {name}"),
        ("yard_2.jpg", f"width 200.0: {name}"),
    ]
    assert result.findings_total == 3


def test_findings_on_annotations_have_box_and_class(
    evaluated: Callable[..., RuleResult],
) -> None:
    result = evaluated(
        expect(
            "annotations",
            "expect_column_pair_values_a_to_be_greater_than_b",
            column_A="width",
            column_B="height",
            or_equal=True,
            row_condition='image == "roof_10.jpg"',
            condition_parser="pandas",
        )
    )

    assert [msgspec.to_builtins(finding) for finding in result.findings[1:]] == [
        {
            "text": "width 5.0, height 70.0: expect_column_pair_values_a_to_be_greater_than_b",
            "dataset": "train",
            "image": "roof_10.jpg",
            "box": (9.0, 9.0, 5.0, 70.0),
            "label": "helmet",
        }
    ]


def test_findings_on_detections_have_a_score(evaluated: Callable[..., RuleResult]) -> None:
    result = evaluated(
        expect("detections", "expect_column_values_to_be_between", column="score", min_value=0.3)
    )

    finding = result.findings[1]
    assert (finding.image, finding.label, finding.score) == ("roof_10.jpg", "vest", 0.2)
    assert finding.box == (9, 9, 5, 50)


@pytest.mark.parametrize(
    ("table", "kind", "arguments", "verdict"),
    [
        ("images", "expect_column_values_to_be_unique", {"column": "file_name"}, "passed"),
        (
            "images",
            "expect_column_values_to_be_in_set",
            {"column": "clip", "value_set": ["yard", "roof"]},
            "passed",
        ),
        (
            "images",
            "expect_column_max_to_be_between",
            {"column": "frame", "max_value": 9},
            "failed",
        ),
        (
            "images",
            "expect_column_sum_to_be_between",
            {"column": "boxes", "min_value": 4, "max_value": 4},
            "passed",
        ),
        ("images", "expect_column_values_to_not_be_null", {"column": "site"}, "failed"),
        (
            "images",
            "expect_column_values_to_not_be_null",
            {"column": "site", "mostly": 0.6},
            "passed",
        ),
        ("images", "expect_column_to_exist", {"column": "site"}, "passed"),
        ("images", "expect_column_to_exist", {"column": "weather"}, "failed"),
        ("images", "expect_table_row_count_to_equal", {"value": 3}, "passed"),
        ("annotations", "expect_column_values_to_not_be_null", {"column": "class"}, "failed"),
        (
            "annotations",
            "expect_column_values_to_not_be_null",
            {"column": "occluded", "mostly": 0.5},
            "passed",
        ),
        (
            "annotations",
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "image_width", "column_B": "width"},
            "passed",
        ),
        (
            "annotations",
            "expect_column_values_to_be_in_set",
            {"column": "crowd", "value_set": [False]},
            "failed",
        ),
        (
            "detections",
            "expect_compound_columns_to_be_unique",
            {"column_list": ["image", "class"]},
            "passed",
        ),
    ],
)
def test_columns(
    evaluated: Callable[..., RuleResult],
    table: str,
    kind: str,
    arguments: dict[str, Any],
    verdict: str,
) -> None:
    result = evaluated(expect(table, kind, **arguments))

    assert result.verdict == verdict, result.message


def test_max_allows_some(evaluated: Callable[..., RuleResult]) -> None:
    met = '\n[[rules.expectations.expect]]\ntype = "expect_table_row_count_to_equal"\nvalue = 3'
    rule = expect("images", "expect_table_row_count_to_equal", value=4) + met

    assert evaluated(rule).verdict == "failed"
    assert evaluated("max = 1\n" + rule).verdict == "passed"


def test_saved_suite_is_run(evaluated: Callable[..., RuleResult], tmp_path: Path) -> None:
    """As great_expectations 1.24 saves it, and one entry as versions before 1.0 did."""
    suite = {
        "name": "images",
        "id": None,
        "expectations": [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "width", "min_value": 50.0, "batch_id": "pandas-images"},
                "meta": {},
                "notes": "smaller is a thumbnail",
                "severity": "critical",
            },
            {
                "expectation_type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "site", "value_set": ["north"], "result_format": "BASIC"},
            },
        ],
        "meta": {"great_expectations_version": "1.24.1"},
    }
    write_json(tmp_path / "suites/images.json", suite)

    result = evaluated('table = "images"\nsuite = "suites/images.json"')

    assert texts(result) == [
        (
            None,
            "expect_column_values_to_be_in_set(column='site', value_set=['north']): 1 of 3 rows",
        ),
        ("yard_2.jpg", "site south: expect_column_values_to_be_in_set"),
    ]


def test_several_are_answered_in_their_order(evaluated: Callable[..., RuleResult]) -> None:
    """Great Expectations may answer in an order of its own."""
    kinds = [
        ("expect_table_row_count_to_equal", "value = 4"),
        ("expect_column_max_to_be_between", "column = 'width'\nmax_value = 9"),
        ("expect_column_values_to_be_unique", "column = 'height'"),
        ("expect_column_max_to_be_between", "column = 'id'\nmax_value = 6"),
        ("expect_table_row_count_to_equal", "value = 3"),
        ("expect_table_row_count_to_equal", "value = 5"),
    ]

    result = evaluated(
        "table = 'images'\n"
        + "".join(
            f"[[rules.expectations.expect]]\ntype = '{kind}'\n{arguments}\n"
            for kind, arguments in kinds
        )
    )

    assert [text for image, text in texts(result) if image is None] == [
        "expect_table_row_count_to_equal(value=4): observed 3",
        "expect_column_max_to_be_between(column='width', max_value=9): observed 640.0",
        "expect_column_values_to_be_unique(column='height'): 2 of 3 rows",
        "expect_column_max_to_be_between(column='id', max_value=6): observed 7",
        "expect_table_row_count_to_equal(value=5): observed 3",
    ]
    assert result.measurements[0].value == 5


def test_quantiles_of_whole_numbers_can_be_judged(evaluated: Callable[..., RuleResult]) -> None:
    """Great Expectations 1.24.1 itself cannot write its answer down, and crashes over it."""
    rule = expect("images", "expect_column_quantile_values_to_be_between", column="boxes")
    ranges = "quantile_ranges = { quantiles = [0.1, 0.5], value_ranges = [[0, 1], [%d, 2]] }"

    assert evaluated(f"{rule}\n{ranges % 0}").verdict == "passed"
    assert evaluated(f"{rule}\n{ranges % 3}".replace("[3, 2]", "[0, 1]")).verdict == "failed"


def test_table_of_detections_needs_detections(tmp_path: Path) -> None:
    path = tmp_path / "detgate.toml"
    write_json(tmp_path / "s.json", {"expectations": [EXISTS]})
    for table, needed in (("detections", ("train",)), ("images", ())):
        path.write_text(HEAD + f'[rules.expectations]\ntable = "{table}"\nsuite = "s.json"\n')
        (bound,) = bind_rules(Project(load_configuration(path), tmp_path))
        assert bound.targets[0].detections == needed


def test_expectation_class_of_the_projects_own(
    evaluated: Callable[..., RuleResult], tmp_path: Path
) -> None:
    (tmp_path / "own_expectations.py").write_text(
        "import great_expectations.expectations as gxe\n"
        "class ExpectWidthOfOurCameras(gxe.ExpectColumnValuesToBeInSet):\n"
        "    column: str = 'width'\n"
        "    value_set: list[int] = [640, 200]\n"
    )

    result = evaluated(
        expect("images", "expect_width_of_our_cameras"),
        head='plugins = ["own_expectations"]\n' + HEAD,
    )

    assert texts(result) == [
        (None, "expect_width_of_our_cameras(): 1 of 3 rows"),
        ("roof_10.jpg", "width 100.0: expect_width_of_our_cameras"),
    ]


def test_column_that_an_own_class_fixes_is_read_and_looked_at(
    evaluated: Callable[..., RuleResult], tmp_path: Path
) -> None:
    (tmp_path / "own_columns.py").write_text(
        "import great_expectations.expectations as gxe\n"
        "class ExpectKnownSite(gxe.ExpectColumnValuesToBeInSet):\n"
        "    column: str = 'site'\n"
        "    value_set: list[str] = ['north', 'south']\n"
        "class ExpectKnownWeather(ExpectKnownSite):\n"
        "    column: str = 'weather'\n"
    )
    head = 'plugins = ["own_columns"]\n' + HEAD

    assert evaluated(expect("images", "ExpectKnownSite"), head).verdict == "passed"
    result = evaluated(expect("images", "ExpectKnownWeather"), head)
    assert result.verdict == "not-evaluated"
    assert "no column of train's images 'weather'" in result.message
