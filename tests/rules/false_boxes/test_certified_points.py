"""`operating-point` with `certify`: as many clips as the exact binomial test asks for.

Clips have two frames. On the probe, clip k fires on both frames at the score (k + 1) / 100, k < 5.
In val, clip k is found at the score 0.99 - k / 1000.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scipy import stats

from pytest_detgate.evidence import LineChart
from pytest_detgate.record.report import RuleResult
from tests.content import write_datasets
from tests.judged import judged, measured

BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
FIRING = 5
Evaluate = Callable[..., RuleResult]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """A function from the rule's table, the clips and the clips that are missed to its result."""

    def run(rule: str, clips: int = 150, missed: int = 0, pattern: bool = True) -> RuleResult:
        names = {f"c{clip}_{frame}.jpg": clip for clip in range(clips) for frame in range(2)}
        hits = {
            name: [("worker", 0.99 - clip / 1000, *BOX[1:])]
            for name, clip in names.items()
            if clip >= missed
        }
        false = {
            name: [("worker", (clip + 1) / 100, *BOX[1:])]
            for name, clip in names.items()
            if clip < FIRING
        }
        config = "[dataset]\nframe-pattern = '(?P<clip>c\\d+)_(?P<frame>\\d+)'\n" * pattern
        val = ({image: [BOX] for image in names}, hits)
        calm = (dict.fromkeys(names, ()), false)
        tables, files = write_datasets(tmp_path, {"val": val, "calm": calm}, ["worker"])
        config += f"{tables}[rules.operating-point]\n{rule}"
        return judged(tmp_path, config, files)["operating-point"]

    return run


def test_fewer_clips_may_fire_than_the_share(evaluate: Evaluate) -> None:
    """Of 150 clips 5% are 7, and all 5 may fire; 97.5% are certain of it with 2 that do."""
    allowed = max(k for k in range(9) if stats.binom.cdf(k, 150, 0.05) <= 0.025)
    assert allowed == 2
    result = evaluate("max-clip-share = 0.05\nmin-recall = 0.9\ncertify = 0.95")
    values = measured(result)

    assert result.verdict == "passed"
    # Clips 4 and 3 fire over it, at 0.05 and 0.04; clip 2 would be the third.
    assert values["threshold"] == 0.03
    assert values["threshold_uncertified"] == 0
    assert values["p_alarms"] == pytest.approx(stats.binom.cdf(2, 150, 0.05))
    assert values["p_misses[worker]"] == pytest.approx(0.9**150)
    assert values["recall_cost"] == 0
    assert "certified at 95%; the budget alone would allow score > 0, so that costs no recall" in (
        result.message
    )


@pytest.mark.parametrize(
    ("limit", "clips"), [("max-clip-share = 0.05", 72), ("max-image-share = 0.05", 72)]
)
def test_least_number_of_clips(evaluate: Evaluate, limit: str, clips: int) -> None:
    enough = evaluate(f"{limit}\nmin-recall = 0.5\ncertify = 0.95", clips)
    short = evaluate(f"{limit}\nmin-recall = 0.5\ncertify = 0.95", clips - 1)

    assert enough.verdict == "passed"
    assert measured(enough)["threshold"] == 0.05
    assert short.verdict == "not-evaluated"
    assert "calm has 71 clips, and even no false box on them does not certify" in short.message
    assert short.needs == (
        "no false box on 72 clips would certify a share of 0.05; 71 were looked at"
    )


def test_images_are_a_share_of_the_frames(evaluate: Evaluate) -> None:
    """15 of 300 frames are 5%."""
    by_images = evaluate("max-images = 15\nmin-recall = 0.5\ncertify = 0.95")
    by_share = evaluate("max-image-share = 0.05\nmin-recall = 0.5\ncertify = 0.95")

    assert measured(by_images)["p_alarms"] == measured(by_share)["p_alarms"]
    assert measured(by_images)["threshold"] == measured(by_share)["threshold"] > 0


def test_boxes_are_certified_by_their_upper_bound(evaluate: Evaluate) -> None:
    """300 frames, two boxes for each clip that fires: the bound at 97.5% is at most 30."""
    result = evaluate("max-boxes = 30\nmin-recall = 0.5\ncertify = 0.95")
    (measurement,) = [
        measurement for measurement in result.measurements if measurement.name == "certified_boxes"
    ]

    assert result.verdict == "passed"
    assert measurement.interval is not None
    assert measurement.interval.confidence == 0.975
    assert measurement.value <= measurement.interval.high <= 30


def test_boxes_that_nothing_certifies_on_few_clips(evaluate: Evaluate) -> None:
    """Without any box on 10 clips of 2 frames the bound at 97.5% is 3.69 boxes on 10 clips."""
    result = evaluate("max-boxes = 1\nmin-recall = 0.5\ncertify = 0.95", clips=10)

    assert result.verdict == "not-evaluated"
    assert (
        "calm has 10 clips, and even no false box on them does not certify at most 1 false box"
    ) in result.message
    assert "would certify" not in (result.needs or "")


def test_a_floor_that_is_missed_needs_no_more_clips(evaluate: Evaluate) -> None:
    """60 of 150 clips are missed whole: no number of clips like these shows a recall of 0.9."""
    result = evaluate("max-clip-share = 0.05\nmin-recall = 0.9\ncertify = 0.95", missed=60)

    assert result.verdict == "failed"
    assert measured(result)["recall[worker]"] == pytest.approx(0.6)
    assert result.needs is None


def test_a_floor_that_is_met_but_not_certain(evaluate: Evaluate) -> None:
    """140 of 150 clips are found whole: recall is 0.933, and that it is over 0.9 takes more."""
    result = evaluate("max-clip-share = 0.05\nmin-recall = 0.9\ncertify = 0.95", missed=10)
    values = measured(result)

    assert result.verdict == "failed"
    assert values["recall[worker]"] == pytest.approx(140 / 150)
    assert values["p_misses[worker]"] > 0.025
    assert result.needs is not None
    assert "clips like these with worker would certify a recall of at least 0.9" in result.needs
    needed = int(result.needs.split()[0])
    rule = "max-clip-share = 0.05\nmin-recall = 0.9\ncertify = 0.95"
    enough, short = needed // 15 + 1, needed * 9 // 150
    assert evaluate(rule, clips=15 * enough, missed=enough).verdict == "passed"
    assert evaluate(rule, clips=15 * short, missed=short).verdict == "failed"


def test_what_it_costs_is_drawn(evaluate: Evaluate) -> None:
    result = evaluate("max-clip-share = 0.05\nmin-recall = 0.9\ncertify = 0.95")
    (chart,) = result.evidence.charts

    assert isinstance(chart, LineChart)
    assert "not certified 0.00" in [mark.label for mark in chart.marks]


def test_without_clips_it_says_what_it_assumes(evaluate: Evaluate) -> None:
    result = evaluate("max-image-share = 0.05\nmin-recall = 0.9\ncertify = 0.95", pattern=False)

    assert "assuming independent images" in result.message
    # 15 of 300 frames; independent frames are 0 or 1, so the test is the exact one.
    fired = measured(result)["images"]
    assert measured(result)["p_alarms"] == pytest.approx(stats.binom.cdf(fired, 300, 0.05))
