"""The folder `gx` beside the record: results as Great Expectations itself writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.needs import import_or_skip
from tests.plugin.conftest import CONFIG, GateProject

import_or_skip("great_expectations")

RULES = """
[rules.expectations]
table = "images"
[[rules.expectations.expect]]
type = "expect_column_values_to_be_between"
column = "width"
min_value = 100000
description = "wide"
[[rules.expectations.expect]]
type = "expect_column_to_exist"
column = "width"
severity = "warning"
"""
DATASET = CONFIG.split("[probes", maxsplit=1)[0]


def gate(project: GateProject, rules: str) -> Path:
    project.write("detgate.toml", DATASET + rules)
    project.gate_here("detgate.toml", with_predictions=False)
    return project.pytester.path / "detgate-report"


def test_results_open_in_great_expectations(project: GateProject) -> None:
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    folder = gate(project, RULES)
    (rule,) = (rule for rule in project.report["rules"] if rule["id"] == "expectations[train]")
    assert rule["documents"] == ["gx/expectations-train.json"]
    document = json.loads((folder / rule["documents"][0]).read_text())
    train = project.pytester.path / "data/train.json"
    images = len(json.loads(train.read_text())["images"])

    result = expectationSuiteValidationResultSchema.load(document)
    assert (result["success"], result["statistics"]["evaluated_expectations"]) == (False, 2)
    first, other = result["results"]
    assert (first.success, other.success) == (False, True)
    assert first.result["unexpected_count"] == first.result["element_count"] == images
    assert len(first.result["partial_unexpected_list"]) == min(images, 20)
    assert first.expectation_config.type == "expect_column_values_to_be_between"
    page = ValidationResultsPageRenderer().render(result)
    html = DefaultJinjaPageView().render(page)
    assert "width" in html
    assert f"{images} unexpected values found" in html
    assert '<a href="gx/expectations-train.json">' in (folder / "index.html").read_text()


def test_results_of_earlier_runs_are_removed(project: GateProject) -> None:
    folder = gate(project, RULES)
    own = folder / "gx/mine.json"
    own.write_text("{}")
    (folder / "gx/expectations-train.json").rename(folder / "gx/expectations-other.json")
    gate(project, "[rules.box-bounds]\n")

    assert [path.name for path in (folder / "gx").iterdir()] == ["mine.json"]


def test_what_is_hidden_is_hidden_there(project: GateProject) -> None:
    folder = gate(project, RULES + "[report]\nredact = ['w.de']\n")
    text = (folder / "gx/expectations-train.json").read_text()

    assert "wide" not in text
    assert '"description":"[redacted]"' in text


def many(project: GateProject, megabytes: float) -> dict[str, Any]:
    """Let the rule find 3,000 boxes at fault, and gate with this limit."""
    boxes = [[10, 10, 20, 20], [30, 30, 20, 20], [50, 50, 20, 20]]
    images = [
        {"id": n, "file_name": f"yard_{n}.jpg", "width": 640, "height": 480} for n in range(1000)
    ]
    annotations = [
        {"id": 3 * n + i, "image_id": n, "category_id": 1, "bbox": [*box[:2], 20 + n, 20]}
        for n in range(1000)
        for i, box in enumerate(boxes)
    ]
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "helmet_off"}],
    }
    project.write("data/train.json", json.dumps(content))
    rules = (
        "[rules.expectations]\ntable = 'annotations'\nsplits = ['train']\n"
        "[[rules.expectations.expect]]\ntype = 'expect_column_values_to_be_between'\n"
        "column = 'width'\nmax_value = 19\n"
        f"[report]\nmax-findings-megabytes = {megabytes}\n"
    )
    gate(project, rules)
    rule: dict[str, Any] = project.report["rules"][0]
    return rule


def test_findings_files_are_capped(project: GateProject) -> None:
    rule = many(project, 0.1)
    folder = project.pytester.path / "detgate-report"

    assert rule["findings_total"] == 3001
    (name,) = rule["findings_files"]
    path = folder / name
    assert 50_000 < path.stat().st_size <= 100_000
    file = json.loads(path.read_text())
    listed = [annotation for annotation in file["annotations"] if "attributes" in annotation]
    # All but the finding of the expectation itself, which is on no image.
    assert len(listed) + rule["findings_not_written"] == 3000
    # The worst are the widest boxes, of the last images.
    assert {image["file_name"] for image in file["images"]} >= {f"yard_{n}.jpg" for n in (999, 998)}
    assert "yard_0.jpg" not in {image["file_name"] for image in file["images"]}
    assert "(max-findings-megabytes)" in (folder / "index.html").read_text()


def test_all_findings_are_there_under_the_limit(project: GateProject) -> None:
    rule = many(project, 20)

    assert rule["findings_not_written"] == 0
    file = json.loads(
        (project.pytester.path / "detgate-report" / rule["findings_files"][0]).read_text()
    )
    assert (
        len([annotation for annotation in file["annotations"] if "attributes" in annotation])
        == 3000
    )


def test_no_room_is_no_file(project: GateProject) -> None:
    rule = many(project, 0)

    assert rule["findings_files"] == []
    assert rule["findings_not_written"] == 3000


TELL_IMPORTS = """
import sys
def pytest_sessionfinish(session):
    worker = getattr(session.config, "workerinput", {}).get("workerid", "main")
    if "great_expectations" in sys.modules:
        open(f"has-{worker}", "w").close()
"""


def test_one_worker_imports_it_for_all(project: GateProject) -> None:
    """Four items on two workers; each has the verdict that it has alone."""
    tables = "".join(
        f"[[rules.expectations]]\nname = '{table}'\ntable = '{table}'\n"
        "[[rules.expectations.expect]]\ntype = 'expect_column_values_to_be_between'\n"
        f"column = 'width'\nmin_value = {least}\nseverity = 'warning'\n"
        for table, least in (("images", 100_000), ("annotations", 1))
    )
    project.write("detgate.toml", DATASET + tables)
    project.write("tells.py", TELL_IMPORTS)
    arguments = ("detgate.toml", "-p", "tells", "-n", "2")
    # A fork has what its parent imported.
    project.pytester.runpytest_subprocess(*arguments)

    assert project.verdicts() == {
        "expectations.images[train]": "warned",
        "expectations.images[val]": "warned",
        "expectations.annotations[train]": "passed",
        "expectations.annotations[val]": "passed",
    }
    has = sorted(path.name for path in project.pytester.path.glob("has-*"))
    assert len(has) == 1
    assert has[0].startswith("has-gw")
    findings = {rule["id"]: rule["findings_total"] for rule in project.report["rules"]}
    assert findings["expectations.images[train]"] == 1 + 2
    assert len(list((project.pytester.path / "detgate-report/gx").iterdir())) == 4
