"""The rule `expectations`: what it finds, what it says of mistakes, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_detgate.audit.record import RuleResult
from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import ConfigError
from pytest_detgate.gate.detections import ResultFiles
from pytest_detgate.gate.inputs import GateInputs
from pytest_detgate.gate.judge import judge
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.registry import bind_rules

pytest.importorskip("great_expectations", exc_type=ImportError)

HEAD = """
[dataset]
frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
[dataset.splits.train]
annotations = "train.json"
images = "images"
"""
COCO = {
    "images": [
        {"id": 5, "file_name": "yard_1.jpg", "width": 640, "height": 480, "site": "north"},
        {"id": 6, "file_name": "yard_2.jpg", "width": 200, "height": 480, "site": "south"},
        {"id": 7, "file_name": "roof_10.jpg", "width": 100, "height": 80, "sight": 3},
    ],
    "categories": [{"id": 1, "name": "helmet"}, {"id": 2, "name": "vest"}],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 1, "bbox": [1, 2, 30, 40], "area": 1200},
        {"id": 2, "image_id": 5, "category_id": 2, "bbox": [5, 6, 7, 8], "occluded": 1},
        {"id": 3, "image_id": 7, "category_id": 1, "bbox": [9, 9, 5, 70], "iscrowd": 1},
        {"id": 4, "image_id": 7, "category_id": 9, "bbox": [9, 9, 9, 9], "occluded": 0},
    ],
}
FOUND = [
    {"image_id": 5, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9},
    {"image_id": 7, "category_id": 2, "bbox": [9, 9, 5, 50], "score": 0.2},
]


@pytest.fixture
def evaluated(tmp_path: Path, write_json: Any) -> Callable[..., RuleResult]:
    """A function from a rule's table to the result of its only item."""
    write_json(tmp_path / "train.json", COCO)
    found = write_json(tmp_path / "found.json", FOUND)

    def evaluate(rule: str, head: str = HEAD) -> RuleResult:
        path = tmp_path / "detgate.toml"
        path.write_text(head + "[rules.expectations]\n" + textwrap.dedent(rule), encoding="utf-8")
        project = Project(load_configuration(path), tmp_path)
        (bound,) = bind_rules(project)
        (target,) = bound.targets
        return judge(bound, target, GateInputs(project, ResultFiles({"train": found}, project)))

    return evaluate


def expect(table: str, kind: str, **arguments: object) -> str:
    """A rule's table with one expectation."""
    lines = [f'table = "{table}"', "[[rules.expectations.expect]]", f'type = "{kind}"']
    return "\n".join(
        [*lines, *(f"{key} = {json.dumps(value)}" for key, value in arguments.items())]
    )


def texts(result: RuleResult) -> list[tuple[str | None, str]]:
    """Image and text of each finding."""
    return [(finding.image, finding.text) for finding in result.findings]


@pytest.mark.parametrize(
    "kind", ["expect_column_values_to_be_between", "ExpectColumnValuesToBeBetween"]
)
def test_rows_that_are_unexpected_are_named(
    evaluated: Callable[..., RuleResult], kind: str
) -> None:
    result = evaluated(expect("images", kind, column="width", min_value=300))

    assert result.verdict == "failed"
    assert result.message == "1 of 1 expectations on the images of train are not met"
    assert [(m.name, m.value, m.limit) for m in result.measurements] == [
        ("count", 1, 0),
        ("expectations", 1, None),
        ("rows", 3, None),
    ]
    name = "expect_column_values_to_be_between"
    assert texts(result) == [
        (None, f"{name}(column='width', min_value=300): 2 of 3 rows"),
        ("yard_2.jpg", f"width 200.0: {name}"),
        ("roof_10.jpg", f"width 100.0: {name}"),
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

    found = result.findings[1]
    assert (found.image, found.label, found.score) == ("roof_10.jpg", "vest", 0.2)
    assert found.box == (9, 9, 5, 50)


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
    rule = expect("images", "expect_table_row_count_to_equal", value=4)

    assert evaluated("max = 1\n" + rule).verdict == "passed"


def test_saved_suite_is_run(
    evaluated: Callable[..., RuleResult], tmp_path: Path, write_json: Any
) -> None:
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
                "severity": "warning",
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


def toml(value: object) -> str:
    """A value as TOML: as JSON, but for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {json.dumps(entry)}" for key, entry in value.items()) + "}"
    return json.dumps(value)


def test_empty_table_says_nothing(
    evaluated: Callable[..., RuleResult], tmp_path: Path, write_json: Any
) -> None:
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
        ('{"expectations": []}', "a suite without expectations says yes without having looked"),
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


def test_several_are_answered_in_their_order(evaluated: Callable[..., RuleResult]) -> None:
    """Great Expectations answers in an order of its own."""
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
    for table, needed in (("detections", ("train",)), ("images", ())):
        path.write_text(HEAD + f'[rules.expectations]\ntable = "{table}"\nsuite = "s.json"\n')
        (bound,) = bind_rules(Project(load_configuration(path), tmp_path))
        assert bound.targets[0].detections == needed


GUARD = """
import os, sys

def guard(event, arguments):
    # urllib3 binds a socket of its own host when it is imported, to learn whether IPv6 works.
    allowed = ("socket.__new__", "socket.bind", "socket.gethostname")
    if event.startswith("socket.") and event not in allowed:
        raise SystemExit(f"{event} {arguments}")
    if event in ("subprocess.Popen", "os.mkdir", "os.rename", "os.remove", "os.system"):
        raise SystemExit(f"{event} {arguments}")
    if event == "open":
        path, mode, flags = arguments
        if flags is not None and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise SystemExit(f"{event} {arguments}")

sys.addaudithook(guard)
"""
EVALUATE = """
from pathlib import Path
from pytest_detgate.config.load import load_configuration
from pytest_detgate.gate.detections import NoDetections
from pytest_detgate.gate.inputs import GateInputs
from pytest_detgate.gate.judge import judge
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.registry import bind_rules

project = Project(load_configuration(Path("detgate.toml")), Path())
(bound,) = bind_rules(project)
result = judge(bound, bound.targets[0], GateInputs(project, NoDetections()))
print("MODULE", "great_expectations" in __import__("sys").modules)
print("VERDICT", result.verdict, result.message)
"""


def in_a_process(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a folder, without byte code being written."""
    return subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_nothing_is_sent_written_or_shown(tmp_path: Path, write_json: Any) -> None:
    write_json(tmp_path / "train.json", COCO)
    rule = expect("images", "expect_column_values_to_be_between", column="width", min_value=300)
    (tmp_path / "detgate.toml").write_text(HEAD + "[rules.expectations]\n" + rule)

    done = in_a_process(tmp_path, GUARD + EVALUATE)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "MODULE True",
        "VERDICT failed 1 of 1 expectations on the images of train are not met",
    ]
    assert done.returncode == 0


@pytest.mark.parametrize(
    "act", ["open('x', 'w')", "import socket; socket.create_connection(('127.0.0.1', 9))"]
)
def test_the_guard_of_that_test_guards(tmp_path: Path, act: str) -> None:
    assert in_a_process(tmp_path, GUARD + act).returncode == 1


def test_missing_package_says_how_to_install_it(tmp_path: Path, write_json: Any) -> None:
    write_json(tmp_path / "train.json", COCO)
    rule = expect("images", "expect_column_to_exist", column="width")
    (tmp_path / "detgate.toml").write_text(HEAD + "[rules.expectations]\n" + rule)

    done = in_a_process(
        tmp_path, "import sys; sys.modules['great_expectations'] = None\n" + EVALUATE
    )

    assert "VERDICT not-evaluated Great Expectations cannot be imported" in done.stdout
    assert "pip install 'pytest-detgate[expectations]'" in done.stdout


def test_other_rules_do_not_import_it(tmp_path: Path, write_json: Any) -> None:
    write_json(tmp_path / "train.json", COCO)
    (tmp_path / "detgate.toml").write_text(HEAD + "[rules.empty-gt-share]\nmin = 0\n")

    done = in_a_process(tmp_path, EVALUATE)

    assert done.stdout.splitlines()[0] == "MODULE False"
    assert "VERDICT passed" in done.stdout
