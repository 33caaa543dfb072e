"""The rule `operating-point`, on scores worked out by hand.

Ten workers in val, seven of them found, at scores 0.95, 0.85 … 0.35. On the probe `tuned` false
boxes at 0.9 and 0.6 on one frame, 0.5 on a second and 0.2 on a third; on `other` one at 0.62.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.evidence import LineChart
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_datasets, write_json
from tests.judged import judged, measured
from tests.others import Images

BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
WORKERS = {f"{number}.jpg": [BOX] for number in range(10)}
DETECTIONS = {
    f"{number}.jpg": [("worker", score, 10.0, 10.0, 40.0, 40.0)]
    for number, score in enumerate((0.95, 0.85, 0.75, 0.65, 0.55, 0.45, 0.35))
}
TUNED = {"a.jpg": [0.9, 0.6], "b.jpg": [0.5], "c.jpg": [0.2]}
OTHER = {"d.jpg": [0.62], "e.jpg": []}

Evaluate = Callable[..., RuleResult]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """A function from the rule's table to its result, or to that of another item."""
    datasets: dict[str, tuple[Images, Images]] = {
        "val": (WORKERS, DETECTIONS),
        "tuned": (dict.fromkeys(TUNED, ()), _boxes(TUNED)),
        "other": (dict.fromkeys(OTHER, ()), _boxes(OTHER)),
    }
    config, files = write_datasets(tmp_path, datasets, ["worker"])

    def run(rule: str, item: str = "operating-point") -> RuleResult:
        return judged(tmp_path, f"{config}[rules.operating-point]\n{rule}", files)[item]

    return run


def _boxes(scores: dict[str, list[float]]) -> dict[str, list[Any]]:
    return {
        name: [
            ("worker", score, 30.0 * index, 0.0, 20.0, 20.0) for index, score in enumerate(several)
        ]
        for name, several in scores.items()
    }


def test_lowest_threshold_within_the_budget_of_boxes(evaluate: Evaluate) -> None:
    """At 0.6 the second box is left out, at anything lower it counts. Four workers score more."""
    result = evaluate("max-boxes = 1\nmin-recall = 0.4")

    assert result.verdict == "passed"
    assert measured(result) == {
        "threshold": 0.6,
        "boxes": 1,
        "images": 1,
        "recall": 0.4,
        "recall[worker]": 0.4,
        "boxes[other]": 1,
        "images[other]": 1,
    }
    assert result.message.startswith("score > 0.6 up to 0.65 meets both: 1 false box on tuned")
    assert "score-threshold of [model] is 0.3" in result.message


def test_lowest_threshold_within_the_budget_of_images(evaluate: Evaluate) -> None:
    """Two boxes on one frame are one image; the box at 0.5 is on the second."""
    result = evaluate("max-images = 1\nmin-recall = 0.5")

    assert (result.verdict, measured(result)["threshold"]) == ("passed", 0.5)
    assert measured(result)["recall"] == 0.5


def test_no_threshold_meets_both(evaluate: Evaluate) -> None:
    """Recall 0.5 takes the box at 0.55, and over that there are two false boxes."""
    result = evaluate("max-boxes = 1\nmin-recall = 0.5")

    assert result.verdict == "failed"
    assert result.message == (
        "no threshold meets both: the budget of tuned asks for score > 0.6, where recall of "
        "worker is 0.400 and its floor 0.5; the floors ask for score > 0.55, where there are "
        "2 false boxes"
    )


def test_a_floor_that_no_threshold_reaches(evaluate: Evaluate) -> None:
    result = evaluate("max-boxes = 9\nmin-recall = 0.8")

    assert (result.verdict, measured(result)["recall"]) == ("failed", 0.7)
    assert result.message.endswith("no threshold at all reaches that floor")


def test_chosen_on_one_probe_it_may_fail_on_another(evaluate: Evaluate) -> None:
    result = evaluate(
        "max-boxes = 1\nmin-recall = 0.4\n[rules.operating-point.probes.other]\nmax-boxes = 0"
    )

    assert result.verdict == "failed"
    assert [
        measurement.name for measurement in result.measurements if measurement.passed is False
    ] == ["boxes[other]"]
    assert "it does not hold on another probe: boxes[other]" in result.message


def test_the_other_way_round(evaluate: Evaluate) -> None:
    """On `other` the budget of no box asks for 0.62; on `tuned` one box is left over that."""
    result = evaluate('tune-on = "other"\nmax-boxes = 0\nmin-recall = 0.4')

    assert measured(result)["threshold"] == 0.62
    assert measured(result)["boxes[tuned]"] == 1
    assert result.verdict == "failed"


def test_without_a_second_probe_it_says_so(evaluate: Evaluate) -> None:
    result = evaluate("check-on = []\nmax-boxes = 1\nmin-recall = 0.4")

    assert result.verdict == "passed"
    assert "there is no other probe to check it on" in result.message


def test_a_budget_for_everything_keeps_every_box(evaluate: Evaluate) -> None:
    result = evaluate("max-boxes = 4\nmin-recall = 0.7")

    assert (result.verdict, measured(result)["threshold"]) == ("passed", 0)
    assert measured(result)["boxes"] == 4


def test_the_chart_shows_the_trade_off_at_every_threshold(evaluate: Evaluate) -> None:
    (chart,) = evaluate("max-boxes = 1\nmin-recall = 0.4").evidence.charts
    assert isinstance(chart, LineChart)
    assert chart.score_axis
    curves = {
        series.name: dict(zip(series.x, series.y, strict=True))
        for panel in chart.panels
        for series in panel.series
    }

    assert [
        tuple(curve[threshold] for curve in curves.values())
        for threshold in (0.0, 0.55, 0.6, 0.9, 1.0)
    ] == [
        (4, 1, 0.7, 0.7),
        (2, 1, 0.4, 0.4),
        (1, 1, 0.4, 0.4),
        (0, 0, 0.1, 0.1),
        (0, 0, 0, 0),
    ]
    assert list(curves) == [
        "tuned",
        "other",
        "all classes",
        "worker",
    ]
    assert all(len(curve) == 101 for curve in curves.values())
    assert [(mark.label, mark.at) for mark in chart.marks] == [
        ("chosen 0.60", 0.6),
        ("configured 0.30", 0.3),
    ]
    assert [mark.at for panel in chart.panels for mark in panel.marks] == [1, 1, 0.4]
    assert chart.about == (
        "At the chosen threshold 0.60: 1 false box on tuned, recall 0.400 on val; at the "
        "configured 0.30: 3 and 0.700. Every floor is met at the chosen one: set it as "
        "score-threshold."
    )


def test_false_boxes_are_shown_beside_recall(tmp_path: Path, evaluate: Evaluate) -> None:
    """Over 0.3 all seven workers are found, over 0.6 four of them; recall falls by 0.3."""
    rule = "max-boxes = 1\nmin-recall = 0.4\n[rules.probe-fp]\nmax-boxes = 1\n"
    result = evaluate(rule, "probe-fp[tuned]")
    (chart,) = result.evidence.charts
    assert isinstance(chart, LineChart)
    recall = chart.panels[-1].series[0]

    assert [panel.label for panel in chart.panels] == ["false boxes", "recall on val"]
    assert [recall.y[recall.x.index(threshold)] for threshold in (0.3, 0.6, 0.94, 0.95)] == [
        0.7,
        0.4,
        0.1,
        0.0,
    ]
    assert chart.about == (
        "False boxes on tuned over each score threshold, and recall on val. Moving the threshold "
        "from 0.30 to 0.60 would meet the budget and cost 30 points of recall on val."
    )


def test_a_probe_alone_asks_for_no_detections_of_the_split(
    tmp_path: Path, evaluate: Evaluate
) -> None:
    """Its result file is not even there."""
    evaluate("max-boxes = 1\nmin-recall = 0.4")  # writes the files
    (tmp_path / "val-found.json").unlink()
    config = (tmp_path / "detgate.toml").read_text().split("[rules.")[0]
    files = {name: tmp_path / f"{name}-found.json" for name in ("val", "tuned", "other")}
    results = judged(tmp_path, f"{config}[rules.probe-fp]\nmax-boxes = 1", files)

    (chart,) = results["probe-fp[tuned]"].evidence.charts
    assert isinstance(chart, LineChart)
    assert [panel.label for panel in chart.panels] == ["false boxes"]
    assert results["probe-fp[tuned]"].verdict == "failed"


def test_class_without_ground_truth_is_not_evaluated(tmp_path: Path) -> None:
    classes = ["worker", "forklift"]
    write_json(tmp_path / "val.json", coco_content(WORKERS, classes))
    write_json(tmp_path / "p.json", coco_content({"a.jpg": []}, classes))
    files = {
        "val": write_json(tmp_path / "v.json", result_content(WORKERS, DETECTIONS, classes)),
        "p": write_json(tmp_path / "f.json", result_content({"a.jpg": []}, {}, classes)),
    }
    config = (
        '[dataset.splits.val]\nannotations = "val.json"\nimages = "i"\n'
        '[probes.p]\nannotations = "p.json"\nimages = "i"\n'
        "[rules.operating-point]\nmax-boxes = 0\nmin-recall = 0.1"
    )
    (result,) = judged(tmp_path, config, files).values()

    assert result.verdict == "not-evaluated"
    assert "class 'forklift' has no ground truth in val" in result.message
    # Seven of ten workers are found.
    (result,) = judged(tmp_path, config.replace("0.1", "0.71"), files).values()
    assert result.verdict == "failed"
    assert "class 'forklift' has no ground truth in val" in result.message
