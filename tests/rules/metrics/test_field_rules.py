"""`miss-rate`, `froc` and `olrp` on detections that are counted by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from tests.content import write_datasets
from tests.judged import judged, measured

# Ten images in five clips, a box on each of the first eight.
TRUTH: dict[str, list[Any]] = {
    f"{'abcde'[number // 2]}_{number}.jpg": [("thing", 10, 10, 20, 20)] if number < 8 else []
    for number in range(10)
}
CLIPS = "[dataset]\nframe-pattern = '(?P<clip>[a-z])_(?P<frame>\\d+)'\n"
IMAGES = list(TRUTH)
# Four boxes found, then a false box on image 9, then two more found.
DETECTIONS: dict[str, list[Any]] = {
    **{IMAGES[number]: [("thing", 0.9, 10, 10, 20, 20)] for number in range(4)},
    IMAGES[9]: [("thing", 0.5, 60, 60, 20, 20)],
    **{IMAGES[number]: [("thing", 0.4, 10, 10, 20, 20)] for number in (4, 5)},
}


def judge(folder: Path, rule: str, head: str = CLIPS) -> RuleResult:
    tables, files = write_datasets(folder, {"val": (TRUTH, DETECTIONS)}, ("thing",))
    (result,) = judged(folder, f"{head}{tables}{rule}", files).values()
    return result


def test_miss_rate(tmp_path: Path) -> None:
    """Up to 0.0562 false boxes an image half is missed, from 0.1 on a quarter."""
    expected = math.exp((4 * math.log(0.5) + 5 * math.log(0.25)) / 9)
    result = judge(tmp_path, f"[rules.miss-rate]\nmax = {expected + 1e-9}")

    assert result.id == "miss-rate[thing]"
    assert result.verdict == "passed"
    values = measured(result)
    assert values["miss_rate"] == pytest.approx(expected, abs=1e-12)
    assert values["fppi"] == 0.1
    assert values["missed_share"] == 0.25
    assert judge(tmp_path, f"[rules.miss-rate]\nmax = {expected - 1e-9}").verdict == "failed"


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("max-fppi = 0.1", "passed"),
        ("max-fppi = 0.09", "failed"),
        ("max-fppi = 0.0\nscore-threshold = 0.5", "passed"),
        ('max-fppi = 0.4\nbound = "upper"', "failed"),  # Poisson alone: 4.74 / 10
        ("classes = { thing = 0.5 }", "passed"),
    ],
)
def test_false_boxes_an_image(tmp_path: Path, options: str, verdict: str) -> None:
    assert judge(tmp_path, f"[rules.miss-rate]\n{options}").verdict == verdict


def test_cpm_by_image_and_by_clip(tmp_path: Path) -> None:
    """The false box is 0.1 an image and 0.2 a clip. By clip, 4 of 8 are found at 1/8."""
    by_image = measured(judge(tmp_path, "[rules.froc]\nmin = 0.1"))
    by_clip = measured(judge(tmp_path, '[rules.froc]\nmin = 0.1\nper = "clip"'))

    assert by_image["cpm"] == pytest.approx(0.75)
    assert by_clip["sensitivity[0.125]"] == 0.5
    assert by_clip["cpm"] == pytest.approx((0.5 + 6 * 0.75) / 7)
    assert judge(tmp_path, "[rules.froc]\nmin = 0.76").verdict == "failed"


def test_a_clip_that_cannot_be_told_is_no_scan(tmp_path: Path) -> None:
    result = judge(tmp_path, '[rules.froc]\nmin = 0.1\nper = "clip"', head="")

    assert result.verdict == "not-evaluated"
    assert "frame-pattern" in result.message


def test_olrp(tmp_path: Path) -> None:
    """All over 0.4: 1 false and 2 missed of 9, over 0.9: 4 missed of 8."""
    result = judge(tmp_path, "[rules.olrp]\nmax = 0.34")

    assert result.verdict == "passed"
    values = measured(result)
    assert values["olrp"] == pytest.approx(3 / 9)
    assert values["best_threshold"] == pytest.approx(0.4)
    assert values["false_share"] == pytest.approx(1 / 7)
    assert values["missed_share"] == 0.25
    assert values["localisation"] == pytest.approx(0, abs=1e-12)
    assert judge(tmp_path, "[rules.olrp]\nmax = 0.33").verdict == "failed"


@pytest.mark.parametrize(
    ("rule", "name"), [("miss-rate", "miss_rate"), ("froc", "cpm"), ("olrp", "olrp")]
)
def test_bounds_are_no_better_than_what_was_found(tmp_path: Path, rule: str, name: str) -> None:
    """6 of 8 boxes in 4 clips that hold any: the exact lower bound of that is below 0.4."""
    limit = "min = 0.01" if rule == "froc" else "max = 0.99"
    (measurement,) = [
        measurement
        for measurement in judge(tmp_path, f"[rules.{rule}]\n{limit}").measurements
        if measurement.name == name
    ]

    assert measurement.interval is not None
    assert measurement.interval.low <= measurement.value <= measurement.interval.high
    worst = measurement.interval.low if rule == "froc" else 1 - measurement.interval.high
    assert 0 <= worst < 0.4


@pytest.mark.parametrize(
    ("rule", "name", "perfect"), [("miss-rate", "miss_rate", 0), ("froc", "cpm", 1)]
)
def test_quantiles_of_a_perfect_model_say_no_more(
    tmp_path: Path, rule: str, name: str, perfect: float
) -> None:
    """Drawn again, clips without a mistake have none, so `percentile` bounds are the value."""
    detections = {image: [("thing", 0.9, 10, 10, 20, 20)] for image in IMAGES[:8]}
    tables, files = write_datasets(tmp_path, {"val": (TRUTH, detections)}, ("thing",))
    limit = "min = 0.01" if rule == "froc" else "max = 0.99"
    bounds = {}
    for method in ("percentile", "exact"):
        scoring = '[scoring]\ninterval = "percentile"\n' if method == "percentile" else ""
        config = f"{CLIPS}{scoring}{tables}[rules.{rule}]\n{limit}"
        (result,) = judged(tmp_path, config, files).values()
        (measurement,) = [
            measurement for measurement in result.measurements if measurement.name == name
        ]
        assert measurement.interval is not None
        bounds[method] = (measurement.interval.low, measurement.interval.high)

    assert bounds["percentile"] == pytest.approx((perfect, perfect), abs=1e-9)
    assert bounds["exact"][0] < bounds["exact"][1]


@pytest.mark.parametrize("rule", ["miss-rate", "froc", "olrp"])
def test_a_rule_without_a_limit_is_refused(tmp_path: Path, rule: str) -> None:
    with pytest.raises(ConfigError, match="sets no limit"):
        judge(tmp_path, f"[rules.{rule}]\n")
