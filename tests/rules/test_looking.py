"""An item that looked at less than it had to never passes, whatever its rule found in the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.config.tables.run_tables import WaiverTable
from pytest_detgate.findings import Measurement
from pytest_detgate.gaps import Extent
from pytest_detgate.inputs.detections.sources import NoDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import BoundRule, bind_rules
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.rules.verdicts.verdict import judge
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import judged as results_of

BOX = [10.0, 10.0, 20.0, 20.0]
OUTSIDE = [90.0, 90.0, 20.0, 20.0]
DANGLING = {"id": 3, "image_id": 2, "category_id": 7, "bbox": BOX, "iscrowd": 0, "area": 400}


@pytest.fixture
def two_images() -> dict[str, Any]:
    """Two images of 100 x 100 pixels with one box each; the class of a third box is not listed."""
    return {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 100} for n in (1, 2)],
        "categories": [{"id": 1, "name": "cone"}],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": BOX, "iscrowd": 0, "area": 400}
            for n in (1, 2)
        ]
        + [DANGLING],
    }


def bound_rule(folder: Path, content: Any, table: str) -> tuple[BoundRule, Inputs]:
    (folder / "train.json").write_bytes(msgspec.json.encode(content))
    path = folder / "detgate.toml"
    path.write_text(
        f'[dataset.splits.train]\nannotations = "train.json"\nimages = "."\n{table}',
        encoding="utf-8",
    )
    project = Project(load_configuration(path), folder)
    (bound,) = bind_rules(project)
    return bound, Inputs(project, NoDetections())


def judged(folder: Path, content: Any, table: str, *waivers: WaiverTable) -> RuleResult:
    bound, inputs = bound_rule(folder, content, table)
    return judge(bound, bound.targets[0], inputs, waivers)


def test_what_was_left_out_is_counted_and_named(tmp_path: Path, two_images: dict[str, Any]) -> None:
    result = judged(tmp_path, two_images, "[rules.box-bounds]")

    assert result.verdict == "not-evaluated"
    assert result.message == (
        "1 of 3 annotations of train was not looked at (1 annotation refers to categories that "
        "the file does not list: 7); of the rest: 0 of 3 boxes are outside their image"
    )
    assert (result.looked_at, result.to_look_at, result.look_unit) == (2, 3, "annotations")
    assert result.left_out == ["1 annotation refers to categories that the file does not list: 7"]
    assert all(measured.passed is None for measured in result.measurements)


def test_what_fails_in_the_rest_still_fails(tmp_path: Path, two_images: dict[str, Any]) -> None:
    two_images["annotations"][0]["bbox"] = OUTSIDE

    result = judged(tmp_path, two_images, "[rules.box-bounds]")

    assert result.verdict == "failed"
    assert "1 of 3 annotations of train was not looked at" in result.message


def test_neither_severity_nor_waiver_lets_it_pass(
    tmp_path: Path, two_images: dict[str, Any]
) -> None:
    two_images["annotations"][0]["bbox"] = OUTSIDE
    warning = '[rules.box-bounds]\nseverity = "warning"'
    waiver = msgspec.convert(
        {
            "item": "box-bounds[train]",
            "reason": "known",
            "owner": "ada",
            "until": "2999-01-01",
        },
        WaiverTable,
    )

    assert judged(tmp_path, two_images, warning).verdict == "not-evaluated"
    by_waiver = judged(tmp_path, two_images, "[rules.box-bounds]", waiver)
    assert by_waiver.verdict != "waived"


def test_a_rule_that_measures_the_gap_is_not_stopped_by_it(
    tmp_path: Path, two_images: dict[str, Any]
) -> None:
    result = judged(tmp_path, two_images, "[rules.dangling-annotations]\nmax = 1")

    assert result.verdict == "passed"
    assert (result.looked_at, result.to_look_at, result.look_unit) == (2, 2, "images")


@pytest.mark.parametrize(
    ("extent", "verdict"),
    [
        (Extent(unit="slices", to_look_at=3, looked_at=3), "passed"),
        (Extent(unit="slices", to_look_at=3, looked_at=2), "not-evaluated"),
        (Extent(unit="slices", to_look_at=3, looked_at=2, allowed=1), "passed"),
        (Extent(unit="slices", to_look_at=3, looked_at=0, allowed=3), "not-evaluated"),
        (Extent(unit="slices", to_look_at=0, looked_at=0), "not-evaluated"),
    ],
)
def test_a_rule_counts_in_units_of_its_own(
    tmp_path: Path, two_images: dict[str, Any], extent: Extent, verdict: str
) -> None:
    del two_images["annotations"][-1]
    bound, inputs = bound_rule(tmp_path, two_images, "[rules.class-support]\nmin-boxes = 1")

    class Counting(type(bound.rule), frozen=True, kw_only=True):  # type: ignore[misc, call-arg]
        def check(self, target: Target, inputs: Any) -> Outcome:
            measurement = [Measurement.at_most("count", 0, 0)]
            return Outcome(message="fine", measurements=measurement, extent=extent)

    rule = Counting(min_boxes=1)
    result = judge(BoundRule(rule, bound.location, bound.targets), bound.targets[0], inputs)

    assert result.verdict == verdict
    assert (result.looked_at, result.to_look_at) == (extent.looked_at, extent.to_look_at) or (
        not extent.to_look_at
    )


@pytest.mark.parametrize("start", [0.0, 1e308])
def test_products_that_are_infinite_crash_no_rule(tmp_path: Path, start: float) -> None:
    """A project may turn warnings into errors, as this one does."""
    box = ("helmet_off", start, start, 1e308, 1e308)
    images = {f"{number}.jpg": [box] for number in range(4)}
    content = coco_content(images)
    for annotation in content["annotations"]:
        annotation["area"] = 1  # that of the box is no number of JSON
    result = result_content(images, {"0.jpg": [("helmet_off", 0.9, 0, 0, 9, 9)]})
    for name, part in (("train", content), ("val", content), ("found", result)):
        write_json(tmp_path / f"{name}.json", part)
    tables = "".join(
        f'[dataset.splits.{name}]\nannotations = "{name}.json"\nimages = "."\n'
        for name in ("train", "val")
    )
    rules = '[rules.mean-ap]\nmin = 0.9\n[rules.split-drift]\nbetween = ["train", "val"]\n'

    results = results_of(tmp_path, f"{tables}{rules}", {"val": tmp_path / "found.json"})

    assert not [result.message for result in results.values() if "crashed" in result.message]
