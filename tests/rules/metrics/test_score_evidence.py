"""What the rules on AP, recall and absent classes show, on frames worked out by hand.

Ten frames hold one worker each. The detector finds five of them, at scores 0.9, 0.8 … 0.5, and
fires twice beside: at 0.75 on the first frame, at 0.35 on the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from pytest_detgate.evidence import BarChart, ByThreshold, LineChart
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import judged, measured, split_tables

BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
TEN = {f"{number}.jpg": [BOX] for number in range(10)}
DETECTIONS: dict[str, list[Any]] = {
    f"{number}.jpg": [("worker", round(0.9 - number / 10, 1), 10.0, 10.0, 40.0, 40.0)]
    for number in range(5)
}
FIRED = DETECTIONS | {
    "0.jpg": [*DETECTIONS["0.jpg"], ("worker", 0.75, 200.0, 10.0, 40.0, 40.0)],
    "9.jpg": [("worker", 0.35, 200.0, 10.0, 40.0, 40.0)],
}
Evaluate = Callable[..., dict[str, RuleResult]]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """A function from rules, images and detections to the results of the items."""

    def run(
        rules: str,
        images: Mapping[str, Sequence[Any]] = TEN,
        rows: Mapping[str, Sequence[Any]] = FIRED,
        classes: Sequence[str] = ("worker",),
    ) -> dict[str, RuleResult]:
        write_json(tmp_path / "val.json", coco_content(images, classes))
        detections = write_json(tmp_path / "found.json", result_content(images, rows, classes))
        return judged(tmp_path, split_tables(val="images") + rules, {"val": detections})

    return run


def by_threshold(result: RuleResult) -> ByThreshold:
    assert result.evidence.by_threshold is not None
    return result.evidence.by_threshold


def bars(result: RuleResult) -> list[tuple[str, float | None, float | None, bool | None]]:
    chart = result.evidence.charts[-1]
    assert isinstance(chart, BarChart)
    return [(bar.name, bar.value, bar.limit, bar.passed) for bar in chart.bars]


def test_recall_over_each_threshold(evaluate: Evaluate) -> None:
    """Over 0.3 five of ten, over 0.65 three, over 0.9 none; a box of 0.5 is not over 0.5."""
    result = evaluate("[rules.recall]\nmin = 0.5")["recall[worker]"]
    by = by_threshold(result)
    rows = dict(zip(by.thresholds, zip(*by.values.values(), strict=True), strict=True))

    assert list(by.values) == ["recall", "found"]
    assert {threshold: rows[threshold] for threshold in (0.0, 0.3, 0.5, 0.65, 0.9)} == {
        0.0: (0.5, 5),
        0.3: (0.5, 5),
        0.5: (0.4, 4),
        0.65: (0.3, 3),
        0.9: (0.0, 0),
    }
    assert by.held == {}
    chart = result.evidence.charts[0]
    assert isinstance(chart, LineChart)
    false = chart.panels[1].series[0]
    assert [false.y[false.x.index(threshold)] for threshold in (0.3, 0.35, 0.75)] == [2, 1, 0]
    # The fifth box is found up to 0.49, where the false box of 0.35 is gone.
    assert chart.about.endswith("The floor is reached up to 0.49, which would save 1 false box.")


def test_recall_says_which_threshold_would_reach_the_floor(evaluate: Evaluate) -> None:
    rule = "[rules.recall]\nmin = 0.5\nscore-threshold = 0.77"
    (chart,) = evaluate(rule)["recall[worker]"].evidence.charts
    (high,) = evaluate("[rules.recall]\nmin = 0.6")["recall[worker]"].evidence.charts

    assert chart.about.endswith(
        "Moving the threshold from 0.77 to 0.49 would reach the floor and cost 1 false box."
    )
    assert high.about.endswith("No threshold reaches the floor.")


def test_lower_bounds_of_recall_over_each_threshold(evaluate: Evaluate) -> None:
    """The exact bounds of 5, 3, 1 and 0 found of ten, one an image. At the operating point it is
    what the verdict holds."""
    rule = '[scoring]\nconfidence = 0.9\n[rules.recall]\nmin = 0.3\nbound = "lower"'
    result = evaluate(rule)["recall[worker]"]
    by = by_threshold(result)

    bounded = dict(zip(by.thresholds, by.held["recall"], strict=True))
    assert [bounded[threshold] for threshold in (0.3, 0.65, 0.85, 1.0)] == pytest.approx(
        [stats.beta.ppf(0.1, 5, 6), stats.beta.ppf(0.1, 3, 8), stats.beta.ppf(0.1, 1, 10), 0.0]
    )
    assert bounded[0.3] == result.measurements[0].judged_value


def test_recall_shows_frames_with_the_most_misses_first(evaluate: Evaluate) -> None:
    images = TEN | {"7.jpg": [BOX, ("worker", 100.0, 10.0, 40.0, 40.0)]}
    evidence = evaluate("[rules.recall]\nmin = 0.5", images)["recall[worker]"].evidence

    assert [frame.image for frame in evidence.frames] == [
        *("7.jpg", "5.jpg", "6.jpg", "8.jpg", "9.jpg")
    ]
    assert evidence.frames_total == 5
    assert evidence.frames[0].text == "2 of 2 worker not found (score > 0.3)"
    assert [box.found_at for box in evidence.frames[0].boxes] == [None, None]


def test_class_ap_shows_false_boxes_and_misses_by_turns(evaluate: Evaluate) -> None:
    evidence = evaluate("[rules.class-ap]\nmin = 0.5")["class-ap[worker]"].evidence

    assert [(frame.image, frame.text) for frame in evidence.frames[:3]] == [
        ("0.jpg", "highest false worker 0.75 (score > 0.3)"),
        ("5.jpg", "1 of 1 worker not found (score > 0.3)"),
        ("9.jpg", "1 of 1 worker not found; highest false worker 0.35 (score > 0.3)"),
    ]
    assert evidence.frames_total == 6
    assert [(box.score, box.false) for box in evidence.frames[0].boxes] == [
        (None, False),
        (0.9, False),
        (0.75, True),
    ]


def test_each_class_stands_beside_the_others_with_its_own_floor(evaluate: Evaluate) -> None:
    """All cones are found, half of the workers, no vest."""
    images = {name: [BOX, ("cone", 90.0, 0.0, 20.0, 20.0)] for name in TEN}
    images["0.jpg"].append(("vest", 150.0, 0.0, 20.0, 20.0))
    detections = {
        name: [*DETECTIONS.get(name, ()), ("cone", 0.9, 90.0, 0.0, 20.0, 20.0)] for name in TEN
    }
    rule = "[rules.class-ap]\nmin = 0.5\nclasses = {cone = 0.9, vest = 0.1}"
    items = evaluate(rule, images, detections, ("worker", "cone", "vest"))

    assert bars(items["class-ap[worker]"]) == [
        ("vest", 0.0, 0.1, False),
        ("worker", pytest.approx(51 / 101, rel=1e-5), 0.5, True),
        ("cone", 1.0, 0.9, True),
    ]
    chart = items["class-ap[cone]"].evidence.charts[-1]
    assert chart.about.startswith("2 of 3 classes are weaker than cone. ")
    bounds = items["class-ap[worker]"].measurements[0].interval
    assert bounds is not None
    worker = chart.bars[1]  # type: ignore[union-attr]
    assert (worker.low, worker.high) == pytest.approx((bounds.low, bounds.high), rel=1e-5)


def test_mean_ap_shows_the_mean_and_its_classes(evaluate: Evaluate) -> None:
    images = {name: [BOX, ("cone", 90.0, 0.0, 20.0, 20.0)] for name in TEN}
    detections = {
        name: [*DETECTIONS.get(name, ()), ("cone", 0.9, 90.0, 0.0, 20.0, 20.0)] for name in TEN
    }
    result = evaluate("[rules.mean-ap]\nmin = 0.5", images, detections, ("worker", "cone"))[
        "mean-ap"
    ]
    curve = result.evidence.charts[0]
    assert isinstance(curve, LineChart)

    # Precision is 1 for both classes up to recall 0.5, then only for cones.
    assert curve.panels[0].series[0].y == pytest.approx([1.0] * 51 + [0.5] * 50, abs=1e-6)
    assert bars(result) == [
        ("worker", pytest.approx(51 / 101, rel=1e-5), None, None),
        ("cone", 1.0, None, None),
    ]


def test_size_ap_stands_beside_the_other_sizes(evaluate: Evaluate) -> None:
    """Workers of 40 × 40 are medium; a small one is not found; there is no large one."""
    images = TEN | {"9.jpg": [BOX, ("worker", 200.0, 50.0, 20.0, 20.0)]}
    items = evaluate("[rules.size-ap]\nsmall = 0.1\nmedium = 0.5", images, DETECTIONS)

    assert bars(items["size-ap[medium]"]) == [
        ("small", 0.0, 0.1, None),
        ("medium", pytest.approx(51 / 101, rel=1e-5), 0.5, True),
        ("large", None, None, None),
    ]
    assert "AP is lowest for small boxes" in items["size-ap[small]"].evidence.charts[-1].about


def test_absent_classes_over_each_threshold(evaluate: Evaluate) -> None:
    detections = {
        "0.jpg": [("forklift", 0.8, 0, 0, 9, 9), ("forklift", 0.2, 50, 0, 9, 9)],
        "1.jpg": [("forklift", 0.4, 0, 0, 9, 9), ("worker", 0.9, 10.0, 10.0, 40.0, 40.0)],
    }
    rule = "[rules.absent-class-boxes]\nmax = 1"
    result = evaluate(rule, TEN, detections, ("worker", "forklift"))["absent-class-boxes[val]"]
    by = by_threshold(result)
    rows = dict(zip(by.thresholds, zip(*by.values.values(), strict=True), strict=True))

    assert list(by.values) == ["boxes", "boxes[forklift]"]
    assert [rows[threshold] for threshold in (0.1, 0.2, 0.3, 0.4, 0.8)] == [
        *((3, 3), (2, 2), (2, 2), (1, 1), (0, 0))
    ]
    assert [(frame.image, frame.text) for frame in result.evidence.frames] == [
        ("0.jpg", "highest box: forklift 0.80"),
        ("1.jpg", "highest box: forklift 0.40"),
    ]
    assert [box.false for box in result.evidence.frames[1].boxes] == [False, False, True]
    (chart,) = result.evidence.charts
    assert chart.about.endswith("Moving the threshold from 0.30 to 0.40 would meet the limit.")


def test_of_very_many_classes_failing_ones_have_evidence(evaluate: Evaluate) -> None:
    """Of very many classes only the failing ones have evidence."""
    classes = ["worker", *(f"thing{number}" for number in range(100))]
    images = TEN | {"x.jpg": [("thing7", 0.0, 0.0, 20.0, 20.0)]}
    rules = "[rules.class-ap]\nclasses = {worker = 0.4, thing7 = 0.4}\n"
    rules += "[rules.recall]\nclasses = {worker = 0.4, thing7 = 0.4}"
    items = evaluate(rules, images, FIRED, classes)

    for code in ("class-ap", "recall"):
        assert items[f"{code}[worker]"].verdict == "passed"
        assert items[f"{code}[worker]"].evidence.charts == []
        assert items[f"{code}[thing7]"].evidence.charts != []
        assert len(items[f"{code}[thing7]"].evidence.frames) == 1
    assert measured(items["recall[thing7]"])["recall"] == 0


def test_of_many_classes_passing_ones_have_no_frames(evaluate: Evaluate) -> None:
    """Of many classes those that pass have curves and no frames."""
    classes = ["worker", *(f"thing{number}" for number in range(20))]
    rules = "[rules.class-ap]\nclasses = {worker = 0.4}\n[rules.recall]\nclasses = {worker = %s}"

    passed = evaluate(rules % 0.4, TEN, FIRED, classes)
    failed = evaluate(rules % 0.6, TEN, FIRED, classes)["recall[worker]"].evidence

    for item in passed.values():
        assert item.verdict == "passed"
        assert item.evidence.charts != []
        assert (item.evidence.frames, item.evidence.frames_total) == ([], 0)
    assert (len(failed.frames), failed.frames_total) == (5, 5)


def test_boxes_that_sit_loosely_are_told_from_misses(evaluate: Evaluate) -> None:
    """Each box is moved by 10 of 40 pixels, an IoU of 30 / 50: AP50 is 1 and AP75 is 0."""
    moved = {name: [("worker", 0.9, 20.0, 10.0, 40.0, 40.0)] for name in TEN}
    result = evaluate("[rules.mean-ap]\nmin = 0.1\n", rows=moved)["mean-ap"]

    abouts = [chart.about for chart in result.evidence.charts]
    assert any(
        "AP50 is 1.000 and AP75 0.000" in about
        and "look at how closely boxes sit, in the ground truth too" in about
        for about in abouts
    )


def test_a_floor_that_is_just_reached_has_no_room(evaluate: Evaluate) -> None:
    """Five of ten are found at 0.3, the threshold, as at any below the lowest score, 0.5."""
    lowest = {name: [("worker", 0.31, 10.0, 10.0, 40.0, 40.0)] for name in list(TEN)[:5]}
    result = evaluate("[rules.recall]\nmin = 0.5\n", rows=lowest)["recall[worker]"]

    (about,) = [chart.about for chart in result.evidence.charts if "hreshold" in chart.about]
    assert "No higher threshold than 0.30 is known to reach the floor." in about
