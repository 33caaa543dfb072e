"""The rule `operating-point`, on scores worked out by hand.

Ten workers in val, seven of them found, at scores 0.95, 0.85 … 0.35. On the probe `tuned` false
boxes at 0.9 and 0.6 on one frame, 0.5 on a second and 0.2 on a third; on `other` one at 0.62.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.audit.record import RuleResult
from tests.conftest import coco, results
from tests.judged import judged, measured

BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
WORKERS = {f"{number}.jpg": [BOX] for number in range(10)}
FOUND = {
    f"{number}.jpg": [("worker", score, 10.0, 10.0, 40.0, 40.0)]
    for number, score in enumerate((0.95, 0.85, 0.75, 0.65, 0.55, 0.45, 0.35))
}
TUNED = {"a.jpg": [0.9, 0.6], "b.jpg": [0.5], "c.jpg": [0.2]}
OTHER = {"d.jpg": [0.62], "e.jpg": []}

Evaluate = Callable[[str], RuleResult]


@pytest.fixture
def evaluate(tmp_path: Path, write_json: Any) -> Evaluate:
    """A function from the rule's table to its only result."""
    files = {}
    config = ""
    for name, table, images, found in (
        ("val", "dataset.splits", WORKERS, FOUND),
        ("tuned", "probes", dict.fromkeys(TUNED, ()), _boxes(TUNED)),
        ("other", "probes", dict.fromkeys(OTHER, ()), _boxes(OTHER)),
    ):
        write_json(tmp_path / f"{name}.json", coco(images, ["worker"]))
        files[name] = write_json(
            tmp_path / f"{name}-found.json", results(images, found, ["worker"])
        )
        config += f'[{table}.{name}]\nannotations = "{name}.json"\nimages = "images"\n'

    def run(rule: str) -> RuleResult:
        (result,) = judged(tmp_path, f"{config}[rules.operating-point]\n{rule}", files).values()
        return result

    return run


def _boxes(scores: dict[str, list[float]]) -> dict[str, list[Any]]:
    return {
        name: [("worker", score, 30.0 * at, 0.0, 20.0, 20.0) for at, score in enumerate(several)]
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
    assert [held.name for held in result.measurements if held.passed is False] == ["boxes[other]"]
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


def test_trade_off_is_in_the_record(evaluate: Evaluate) -> None:
    table = evaluate("max-boxes = 1\nmin-recall = 0.4").tables["trade-off"]
    rows = {row[0]: row[1:] for row in table.rows}

    assert table.columns == [
        "threshold",
        "boxes on tuned",
        "boxes on other",
        "recall",
        "recall of worker",
    ]
    assert rows[0.0] == [4, 1, 0.7, 0.7]
    assert rows[0.55] == [2, 1, 0.4, 0.4]
    assert rows[0.9] == [0, 0, 0.1, 0.1]
    assert len(rows) == 100


def test_class_without_ground_truth_is_not_evaluated(tmp_path: Path, write_json: Any) -> None:
    classes = ["worker", "forklift"]
    write_json(tmp_path / "val.json", coco(WORKERS, classes))
    write_json(tmp_path / "p.json", coco({"a.jpg": []}, classes))
    files = {
        "val": write_json(tmp_path / "v.json", results(WORKERS, FOUND, classes)),
        "p": write_json(tmp_path / "f.json", []),
    }
    config = (
        '[dataset.splits.val]\nannotations = "val.json"\nimages = "i"\n'
        '[probes.p]\nannotations = "p.json"\nimages = "i"\n'
        "[rules.operating-point]\nmax-boxes = 0\nmin-recall = 0.1"
    )
    (result,) = judged(tmp_path, config, files).values()

    assert result.verdict == "not-evaluated"
    assert "class 'forklift' has no ground truth in val" in result.message
