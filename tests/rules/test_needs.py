"""What evidence is lacking: `needs` of a result, by the exact bounds of clean clips."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from pytest_detgate.plugin.output.wording import failure_text, summary_text
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.page.rule_rows import row_of
from pytest_detgate.rules.needs import times_needed
from tests.content import write_datasets
from tests.judged import judged
from tests.others import Images
from tests.rules.comparing import Comparison

CLIPS = "[dataset]\nframe-pattern = '(?P<clip>c\\d+)_(?P<frame>\\d+)'\n"
BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
HIT = ("worker", 0.9, 10.0, 10.0, 40.0, 40.0)


def images(clips: int, frames: int = 4) -> list[str]:
    return [f"c{clip}_{frame}.jpg" for clip in range(clips) for frame in range(frames)]


def evaluate(
    folder: Path,
    rule: str,
    names: Sequence[str],
    detections: Mapping[str, Any] | None = None,
    head: str = CLIPS,
) -> RuleResult:
    """The result of the only item of a rule on `val`, found whole unless `found` says otherwise,
    and a probe `calm` of the same file names, without a false box unless it says otherwise."""
    detections = {"val": {name: [HIT] for name in names}, "calm": {}, **(detections or {})}
    datasets: dict[str, tuple[Images, Images]] = {
        "val": ({name: [BOX] for name in names}, detections["val"]),
        "calm": (dict.fromkeys(names, ()), detections["calm"]),
    }
    tables, files = write_datasets(folder, datasets, ["worker"])
    (result,) = judged(folder, f"{head}{tables}[rules.{rule}", files).values()
    return result


def test_no_false_box_on_twelve_clips(tmp_path: Path) -> None:
    result = evaluate(tmp_path, 'probe-fp]\nmax-image-share = 0.05\nbound = "upper"', images(12))

    assert result.verdict == "failed"
    assert result.needs == ("no false box on 59 clips would show less than 5%; 12 were looked at")
    assert f"Needs: {result.needs}" in " ".join(failure_text(result).split())
    assert summary_text(result).endswith(f"needs: {result.needs}")
    assert row_of(result, "x").decisive_needs == result.needs


@pytest.mark.parametrize(("limit", "clips"), [(0.1, 29), (0.01, 299)])
def test_clean_clips_that_show_a_share(tmp_path: Path, limit: float, clips: int) -> None:
    assert math.ceil(math.log(0.05) / math.log(1 - limit)) == clips
    result = evaluate(tmp_path, f"probe-fp]\nmax-image-share = {limit}", images(12))

    assert result.verdict == "passed"
    assert result.needs is not None
    assert result.needs.startswith(f"no false box on {clips} clips ")
    assert row_of(result, "x").needs == result.needs
    assert row_of(result, "x").decisive_needs == ""


def test_nothing_is_lacking_where_the_bound_holds(tmp_path: Path) -> None:
    result = evaluate(tmp_path, 'probe-fp]\nmax-image-share = 0.05\nbound = "upper"', images(59, 2))

    assert (result.verdict, result.needs) == ("passed", None)


def test_a_value_over_its_limit_lacks_no_evidence(tmp_path: Path) -> None:
    names = images(12)
    result = evaluate(
        tmp_path,
        'probe-fp]\nmax-image-share = 0.05\nbound = "upper"',
        names,
        {"calm": {name: [HIT] for name in names[:4]}},
    )

    assert (result.verdict, result.needs) == ("failed", None)


def test_independent_frames_are_counted_as_frames(tmp_path: Path) -> None:
    """Four of 400 frames fire. As the exact binomial bound says, so many like them are needed."""
    names = [f"{number}.jpg" for number in range(400)]
    result = evaluate(
        tmp_path,
        "probe-fp]\nmax-image-share = 0.02",
        names,
        {"calm": {name: [HIT] for name in names[:4]}},
        head="",
    )
    needed = next(
        frames
        for frames in range(400, 4000)
        if stats.beta.ppf(0.95, frames / 100 + 1, frames - frames / 100) <= 0.02
    )

    assert result.needs == (
        f"{needed} frames like these would show less than 2%; 400 were looked at"
    )


def test_boxes_in_proportion_to_the_frames(tmp_path: Path) -> None:
    """Two boxes on 40 frames are 0.05 a frame: 3.00 / 0.05 frames without one show that."""
    names = [f"{number}.jpg" for number in range(40)]
    result = evaluate(tmp_path, "probe-fp]\nmax-boxes = 2", names, head="")

    assert result.needs == (
        "no false box on 60 frames would show at most 2 on 40 frames; 40 were looked at"
    )


@pytest.mark.parametrize("rule", ["recall", "class-ap", "mean-ap"])
def test_everything_found_on_twelve_clips(tmp_path: Path, rule: str) -> None:
    result = evaluate(tmp_path, f'{rule}]\nmin = 0.95\nbound = "lower"', images(12))

    what = "recall" if rule == "recall" else "AP"
    which = "" if rule == "mean-ap" else " with worker"
    assert result.verdict == "failed"
    assert result.needs == (
        f"everything found on 59 clips{which} would show {what} of at least 0.95; 12 were looked at"
    )


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        ('froc]\nmin = 0.95\nbound = "lower"', "everything found on 59 clips with worker would "
         "show CPM of at least 0.95"),
        ('olrp]\nmax = 0.05\nbound = "upper"', "everything found on 59 clips with worker would "
         "show oLRP of at most 0.05"),
        # A miss rate of 0 counts as 1e-10, so it is not quite flawless.
        ('miss-rate]\nmax = 0.05\nbound = "upper"', "59 clips like these with worker would show a "
         "miss rate of at most 0.05"),
        # As Poisson events that weigh 4 frames each: 3.00 x 4 / 4 G.
        ('miss-rate]\nmax-fppi = 0.05\nbound = "upper"', "the same on 60 clips would show that the "
         "fppi is at most 0.05"),
    ],
)  # fmt: skip
def test_metrics_of_other_fields(tmp_path: Path, rule: str, needs: str) -> None:
    result = evaluate(tmp_path, rule, images(12))

    assert result.verdict == "failed"
    assert result.needs == f"{needs}; 12 were looked at"
    assert evaluate(tmp_path, rule, images(61)).verdict == "passed"


def test_metric_beyond_its_limit_lacks_no_clips(tmp_path: Path) -> None:
    names = images(12)
    detections = {"val": {name: [HIT] for name in names[:40]}}

    for rule in ("froc]\nmin = 0.9", "olrp]\nmax = 0.1", "miss-rate]\nmax = 0.1"):
        assert evaluate(tmp_path, rule, names, detections).needs is None


def test_too_few_clips_for_any_bound(tmp_path: Path) -> None:
    passed = evaluate(tmp_path, "recall]\nmin = 0.95", images(3))
    refused = evaluate(tmp_path, 'recall]\nmin = 0.95\nbound = "lower"', images(3))

    assert passed.needs == (
        "everything found on 59 clips would show recall of at least 0.95; 3 were looked at"
    )
    assert (refused.verdict, refused.needs) == ("not-evaluated", "2 more clips")


def test_too_few_boxes(tmp_path: Path) -> None:
    result = evaluate(tmp_path, "recall]\nmin = 0.9\nmin-boxes = 50", images(12))

    assert result.verdict == "not-evaluated"
    assert result.needs == "2 more boxes of class 'worker' in val"


def test_recall_that_is_missing_some(tmp_path: Path) -> None:
    """One of 24 single photos is missed: as many as the exact binomial bound asks for."""
    names = [f"{number}.jpg" for number in range(24)]
    result = evaluate(
        tmp_path, "recall]\nmin = 0.9", names, {"val": {name: [HIT] for name in names[1:]}}, head=""
    )
    needed = next(
        photos
        for photos in range(24, 4000)
        if stats.beta.ppf(0.05, photos * 23 / 24, photos / 24 + 1) >= 0.9
    )

    assert result.needs is not None
    text = int(result.needs.split(" images like these")[0])
    assert needed <= text <= needed * 1.02 + 1


def test_changes_from_a_baseline(tmp_path: Path) -> None:
    """The same AP of 1 on G clips shows a fall of at most 1 - 0.05^(1/G)."""
    names = images(12)
    boxes = {"val": {name: [BOX] for name in names}}
    compared = Comparison(tmp_path, boxes, ["worker"])
    compared.head = CLIPS + compared.head
    detections = {name: [HIT] for name in names}
    other = {**detections, names[0]: [("worker", 0.8, 10.0, 10.0, 40.0, 40.0)]}
    (result,) = compared.results(
        "[rules.ap-regression]\nmax-drop = 0.05\nnoise = 0",
        compared.model("new", val=detections),
        baseline=compared.model("old", val=other),
    ).values()

    assert result.verdict == "passed"
    assert result.needs == (
        "59 clips like these would show that the change is at least -0.05; 12 were looked at"
    )


@pytest.mark.parametrize("rule", ["probe-fp]\nmax-boxes = 0", "recall]\nmin = 1.0"])
def test_no_evidence_shows_that_nothing_goes_wrong(tmp_path: Path, rule: str) -> None:
    result = evaluate(tmp_path, rule, images(12))

    assert (result.verdict, result.needs) == ("passed", None)


@pytest.mark.parametrize(
    ("limit", "needs"),
    [
        # -ln 0.05 = 2.9957 hours for each alarm an hour, and 24 times that for one a day.
        ("max-per-hour = 1", "no false alarm in 3 h would show at most 1 an hour"),
        ("max-per-camera-day = 2", "no false alarm in 36 h would show at most 2 a camera and day"),
        ("max-alarms = 2", "no false alarm in 0.0333 h would show at most 2 in 0.022 h"),
    ],
)
def test_hours_without_an_alarm(tmp_path: Path, limit: str, needs: str) -> None:
    """Eighty frames, one a second."""
    head = CLIPS + "fps = 1\n"
    result = evaluate(tmp_path, f"alarm-rate]\n{limit}", images(20), head=head)

    assert result.verdict == "passed"
    assert result.needs == f"{needs}; 0.0223 h were looked at"


def test_hours_with_alarms(tmp_path: Path) -> None:
    """One alarm on each of two of 1,000 clips: 2 in 1.11 h, as the exact Poisson bound says."""
    names = images(1000)
    fires = {"calm": {name: [HIT] for name in names[:4] + names[40:44]}}
    result = evaluate(
        tmp_path, "alarm-rate]\nmax-per-hour = 3", names, fires, head=CLIPS + "fps = 1\n"
    )
    hours = 4000 / 3600
    needed = next(
        times / 1000
        for times in range(1000, 90000)
        if stats.chi2.ppf(0.95, 2 * 2 * times / 1000 + 2) / 2 <= 3 * hours * times / 1000
    )

    assert result.verdict == "passed"
    assert result.needs is not None
    text, _, rest = result.needs.partition(" h like these would show ")
    assert needed * hours <= float(text) <= needed * hours * 1.03
    assert rest == "at most 3 an hour; 1.12 h were looked at"


def test_times_that_are_needed() -> None:
    assert times_needed(lambda times: times >= 1) == 1
    assert 6.5 <= times_needed(lambda times: times >= 6.5) <= 6.5 * 1.02
    assert math.isinf(times_needed(lambda times: False))
