"""More than 100 objects on an image, and areas that COCO ignores: nothing is left out of recall.

200 objects stand on one image, all are found and nothing else is. AP looks at the best 100
detections of an image, so precision is 1 up to recall 0.5 and 0 beyond: of the recall points 0,
0.01 ... 1 these are 51, and AP is 51/101.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import judged, measured, split_tables

GRID = [(40.0 * (n % 20), 40.0 * (n // 20), 20.0, 20.0) for n in range(200)]
DENSE = {"a_1.jpg": [("crate", *box) for box in GRID], "a_2.jpg": []}
DETECTIONS = {"a_1.jpg": [("crate", 0.9 - n / 1000, *box) for n, box in enumerate(GRID)]}

Gate = Callable[..., dict[str, RuleResult]]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    def run(rules: str, change: Callable[[Any], None] | None = None) -> dict[str, RuleResult]:
        content = coco_content(DENSE, ["crate"])
        if change is not None:
            change(content)
        write_json(tmp_path / "val.json", content)
        write_json(tmp_path / "calm.json", coco_content({"b_1.jpg": []}, ["crate"]))
        files = {
            "val": result_content(DENSE, DETECTIONS, ["crate"]),
            "calm": result_content({"b_1.jpg": []}, {"b_1.jpg": DETECTIONS["a_1.jpg"]}, ["crate"]),
        }
        paths = {
            name: write_json(tmp_path / f"{name}-f.json", file) for name, file in files.items()
        }
        probe = '[probes.calm]\nannotations = "calm.json"\nimages = "images"\n'
        return judged(tmp_path, split_tables(val="images") + probe + rules, paths)

    return run


def test_ap_says_that_it_looks_at_100_detections(gate: Gate) -> None:
    rules = (
        "[rules.mean-ap]\nmin = 0.9\n[rules.class-ap]\nmin = 0.9\n[rules.size-ap]\nsmall = 0.9\n"
        '[rules.slice-ap]\nby = "width"\nmin = 0.9\n'
    )
    for result in gate(rules).values():
        assert result.verdict == "failed"
        assert measured(result)["ap"] == pytest.approx(51 / 101)
        assert (
            "(COCO bbox; 100 detections beyond the best 100 of an image and class do not count)"
            in result.message
        )
    for result in gate("[scoring]\nmax-detections = 200\n" + rules).values():
        assert result.verdict == "passed"
        assert measured(result)["ap"] == pytest.approx(1)
        assert "(COCO bbox, 200 detections)" in result.message


def test_everything_else_sees_all_detections(gate: Gate) -> None:
    """Scores are 0.701 to 0.900, all right: the error of calibration is 1 minus their mean."""
    items = gate(
        "[rules.recall]\nmin = 1.0\n[rules.calibration]\nmax = 0.5\n"
        "[rules.operating-point]\nmax-boxes = 200\nmin-recall = 1.0\n"
        "[rules.probe-fp]\nmax-boxes = 150\n"
    )

    assert (measured(items["recall[crate]"])["found"], items["recall[crate]"].verdict) == (
        200,
        "passed",
    )
    assert measured(items["calibration"])["detections"] == 200
    assert measured(items["calibration"])["ece"] == pytest.approx(1 - 0.8005)
    assert items["operating-point"].verdict == "passed"
    assert measured(items["operating-point"])["recall"] == 1
    assert (measured(items["probe-fp[calm]"])["boxes"], items["probe-fp[calm]"].verdict) == (
        200,
        "failed",
    )


@pytest.mark.parametrize("area", [-400.0, -1e-9, 2e10, 1e300, float("inf"), float("nan")])
def test_no_area_hides_a_box_from_recall(gate: Gate, area: float) -> None:
    """50 of 200 boxes are not found; their area says that COCO need not look for them."""

    def change(content: Any) -> None:
        for annotation in content["annotations"][:50]:
            annotation["bbox"][0] += 1000
            annotation["area"] = area

    items = gate(
        "[rules.recall]\nmin = 0.1\nmin-boxes = 200\n[rules.operating-point]\nmax-boxes = 200\n"
        "min-recall = 0.1\n[scoring]\nmax-detections = 200\n[rules.class-ap]\nmin = 0.1\n"
        "min-boxes = 200\n[rules.size-ap]\nsmall = 0.1\n",
        change,
    )

    assert measured(items["recall[crate]"]) == {"recall": 0.75, "found": 150, "boxes": 200}
    assert measured(items["operating-point"])["recall"] == 0.75
    # The 150 that are found come after 50 false boxes, so precision is at best 150/200.
    assert measured(items["class-ap[crate]"])["ap"] == pytest.approx(76 / 101 * 0.75)
    assert measured(items["class-ap[crate]"])["boxes"] == 200
    assert measured(items["size-ap[small]"]) == {
        "ap": pytest.approx(76 / 101 * 0.75),
        "boxes": 200,
    }


def test_support_counts_the_boxes_that_are_judged(gate: Gate) -> None:
    def change(content: Any) -> None:
        for annotation in content["annotations"][:50]:
            annotation["iscrowd"] = 1

    rules = "[rules.recall]\nmin = 0.1\nmin-boxes = {}\n"
    enough, short = (gate(rules.format(least), change) for least in (150, 151))

    assert enough["recall[crate]"].verdict == "passed"
    assert measured(enough["recall[crate]"])["boxes"] == 150
    assert short["recall[crate]"].message == (
        "too little evidence: class 'crate' in val has 150 boxes, and min-boxes asks for 151"
    )


def test_areas_that_are_not_used_are_noted(tmp_path: Path) -> None:
    from pytest_detgate.dataset.coco.reader import read_coco

    content = coco_content(DENSE, ["crate"])
    for area, annotation in zip((-1, 1e11, float("inf")), content["annotations"], strict=False):
        annotation["area"] = area
    dataset = read_coco(write_json(tmp_path / "val.json", content), tmp_path, "val")

    assert dataset.notes == (
        "3 annotations have an area below 0 or over 1e+10; the area of the box counts instead",
    )


def test_a_huge_false_box_is_no_pass(tmp_path: Path) -> None:
    """COCO ignores a detection of more than 1e10 square pixels where it matches nothing."""
    frames = {"b_1.jpg": [("crate", 0.0, 0.0, 20.0, 20.0)]}
    detections = {"b_1.jpg": [("crate", 0.9, 0.0, 0.0, 1e6, 1e6)]}
    write_json(tmp_path / "calm.json", coco_content(frames, ["crate"]))
    path = write_json(tmp_path / "found.json", result_content(frames, detections, ["crate"]))
    config = (
        '[probes.calm]\nannotations = "calm.json"\nimages = "images"\n'
        "[rules.probe-fp]\nmax-boxes = 0\n"
    )
    (result,) = judged(tmp_path, config, {"calm": path}).values()

    assert result.verdict == "not-evaluated"
    assert "box [0.0, 0.0, 1000000.0, 1000000.0] is larger than any image" in result.message


def test_the_error_budget_says_what_it_does_not_look_at(gate: Gate) -> None:
    """Of 200 objects that are all found it sees 100, as tidecv does."""
    rule = "[rules.error-budget]\nmiss = 0.9\n"
    capped = gate(rule)["error-budget[miss]"]
    whole = gate("[scoring]\nmax-detections = 200\n" + rule)["error-budget[miss]"]

    assert measured(capped)["count"] == 100
    assert capped.message.endswith("; 100 detections beyond the best 100 of an image do not count")
    assert measured(whole)["count"] == 0
    assert "do not count" not in whole.message
