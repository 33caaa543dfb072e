"""The rule `calibration`, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.evidence import LineChart
from tests.judged import measured
from tests.rules.model_rules import gate_on

BOX, ELSEWHERE = (0, 0, 10, 10), (50, 50, 10, 10)
TRUTH = {"a.jpg": [("helmet_off", *BOX)], "b.jpg": []}
# A right one of 0.9, and two wrong ones of 0.4 and 0.2.
DETECTIONS = {
    "a.jpg": [("helmet_off", 0.9, *BOX), ("no_vest", 0.4, *ELSEWHERE)],
    "b.jpg": [("helmet_off", 0.2, *BOX)],
}


def test_error_in_all_and_by_class(tmp_path: Path) -> None:
    config = "[rules.calibration]\nmax = 0.2\n[rules.calibration.classes]\nno_vest = 0.5\n"

    items, _ = gate_on(tmp_path, config, TRUTH, DETECTIONS)

    item = items["calibration"]
    assert item.verdict == "failed"
    assert measured(item) == {
        "ece": pytest.approx((0.1 + 0.4 + 0.2) / 3),
        "ece[helmet_off]": pytest.approx((0.1 + 0.2) / 2),
        "ece[no_vest]": pytest.approx(0.4),
        "detections": 3,
    }
    assert {m.name: m.passed for m in item.measurements} == {
        "ece": False,
        "ece[helmet_off]": None,
        "ece[no_vest]": True,
        "detections": None,
    }
    # The scores sum to 1.5, and one of three is right.
    assert "scores are 0.167 too high in the mean" in item.message


def test_reliability_by_bin(tmp_path: Path) -> None:
    """One detection in each of three bins; its exact 95% bounds are 0 and 0.95 where it is wrong,
    0.05 and 1 where it is right. The bin of 0.4 has the largest error."""
    config = "[rules.calibration]\nmax = 1\nbins = 4\n"

    items, _ = gate_on(tmp_path, config, TRUTH, DETECTIONS)

    (chart,) = items["calibration"].evidence.charts
    assert isinstance(chart, LineChart)
    (reliability, perfect), (counts,) = (panel.series for panel in chart.panels)
    assert reliability.x == counts.x == pytest.approx([0.2, 0.4, 0.9])
    assert reliability.y == [0, 0, 1]
    assert reliability.low == pytest.approx([0, 0, 0.05])
    assert reliability.high == pytest.approx([0.95, 0.95, 1])
    assert (perfect.x, perfect.y) == ([0, 1], [0, 1])
    assert counts.y == [1, 1, 1]
    assert "scores of 0.25 to 0.5: 0.40 in the mean, and 0.00 are right" in chart.about


def test_low_scores_are_left_out(tmp_path: Path) -> None:
    config = "[rules.calibration]\nmax = 0.1000001\nmin-score = 0.5\n"

    items, _ = gate_on(tmp_path, config, TRUTH, DETECTIONS)

    assert items["calibration"].verdict == "passed"
    assert measured(items["calibration"])["detections"] == 1


@pytest.mark.parametrize(
    ("table", "verdict", "reason"),
    [
        ("max = 1\nmin-detections = 4", "not-evaluated", "val has 3 detections"),
        ('max = 1\nmin-detections = 4\ntoo-little = "warn"', "warned", "val has 3 detections"),
        (
            "classes = {no_vest = 1}\nmin-detections = 2",
            "not-evaluated",
            "class 'no_vest' of val has 1 detection",
        ),
        (
            "max = 0\nclasses = {no_vest = 1}\nmin-score = 0.5",
            "failed",
            "class 'no_vest' of val has no detection with a score of at least 0.5",
        ),
        ("max = 1\nmin-score = 0.95", "not-evaluated", "val has no detection with a score of"),
        (
            "classes = {no_vest = 1}\nmin-score = 0.5",
            "not-evaluated",
            "class 'no_vest' of val has no detection with a score of at least 0.5",
        ),
    ],
)
def test_too_little_to_say_anything(tmp_path: Path, table: str, verdict: str, reason: str) -> None:
    items, _ = gate_on(tmp_path, f"[rules.calibration]\n{table}\n", TRUTH, DETECTIONS)

    assert items["calibration"].verdict == verdict
    assert reason in items["calibration"].message


def test_scores_that_are_no_shares(tmp_path: Path) -> None:
    detections = {"a.jpg": [("helmet_off", 7.5, *BOX)]}

    items, _ = gate_on(tmp_path, "[rules.calibration]\nmax = 1\n", TRUTH, detections)

    assert items["calibration"].verdict == "not-evaluated"
    assert "score 7.5" in items["calibration"].message
