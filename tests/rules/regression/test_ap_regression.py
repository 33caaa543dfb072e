"""`ap-regression` on boxes whose AP is known.

A detection that is moved by some pixels along the side of a box of 30 × 30 has the IoU
(30 − moved) / (30 + moved): 0.935 for 1, 0.875 for 2, 0.818 for 3. So a class with one box has
AP 1.0, 0.9, 0.8 and 0.7, one tenth for each of COCO's ten thresholds that the IoU reaches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import BarChart
from pytest_detgate.findings import Interval
from pytest_detgate.record.report import RuleResult
from pytest_detgate.scoring.bounds.resampling import Resampling, image_units
from tests.judged import measured
from tests.parity.reference import by_pycocotools
from tests.rules.comparing import Comparison

VAL = {"a_1.jpg": [("helmet_off", 10, 10, 30, 30), ("no_vest", 50, 50, 30, 30)]}
CLASSES = ("helmet_off", "no_vest")


def results_with(helmet: int | None, vest: int | None = None) -> dict[str, list[Any]]:
    """Detections moved by so many pixels; both by the same unless the second is given."""
    vest = helmet if vest is None else vest
    boxes = []
    if helmet is not None:
        boxes.append(("helmet_off", 0.8, 10 + helmet, 10, 30, 30))
    if vest is not None:
        boxes.append(("no_vest", 0.8, 50 + vest, 50, 30, 30))
    return {"a_1.jpg": boxes or [("helmet_off", 0.8, 60, 10, 30, 30)]}


@pytest.fixture
def site(tmp_path: Path) -> Comparison:
    return Comparison(tmp_path, {"val": VAL}, CLASSES)


def compared(site: Comparison, options: str, gated: Any, baseline: Any) -> RuleResult:
    (result,) = site.results(
        f"[rules.ap-regression]\n{options}",
        site.model("gated", val=gated),
        baseline=site.model("old", val=baseline),
    ).values()
    return result


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("max-drop = 0.1", "passed"),
        ("max-drop = 0.098", "passed"),  # 0.1 is within 0.098 + 0.003 of noise
        ("max-drop = 0.096", "failed"),
        ("max-drop = 0.08\nnoise = 0.021", "passed"),
        ("max-drop = 0.08\nnoise = 0.019", "failed"),
        ("max-drop-relative = 0.13", "passed"),  # 0.104 of 0.8
        ("max-drop-relative = 0.12", "failed"),  # 0.096, and 0.003 of noise
        ("max-drop = 0.2\nmax-drop-relative = 0.12", "failed"),
        ("max-drop = 0.05\nmax-drop-relative = 0.2", "failed"),
    ],
)
def test_drop_of_a_tenth_from_four_fifths(site: Comparison, options: str, verdict: str) -> None:
    result = compared(site, options, results_with(3), results_with(2))

    assert result.verdict == verdict
    values = measured(result)
    assert values["ap"] == pytest.approx(0.7)
    assert values["baseline"] == pytest.approx(0.8)
    for name in ("change", "change[helmet_off]", "change[no_vest]"):
        assert values[name] == pytest.approx(-0.1)
    assert "AP 0.700 on val (COCO bbox), baseline old.pth 0.800: -0.100" in result.message


def test_class_that_falls_while_another_rises(site: Comparison) -> None:
    """0.9 and 0.8 become 0.8 and 0.9: nothing changes in all."""
    gated, before = results_with(2, 1), results_with(1, 2)

    result = compared(site, "max-drop = 0.05", gated, before)

    assert measured(result)["change"] == pytest.approx(0)
    (table,) = result.tables.values()
    assert table.rows == [
        ["helmet_off", *map(pytest.approx, (0.8, 0.9, -0.1))],
        ["no_vest", *map(pytest.approx, (0.9, 0.8, 0.1))],
    ]
    broken = [
        measurement.name for measurement in result.measurements if measurement.passed is False
    ]
    assert (result.verdict, broken) == ("failed", ["change[helmet_off]"])
    (chart,) = result.evidence.charts
    assert isinstance(chart, BarChart)
    assert [(bar.name, bar.passed) for bar in chart.bars] == [
        ("all classes", True),
        ("helmet_off", False),
        ("no_vest", True),
    ]
    assert [bar.value for bar in chart.bars] == pytest.approx([0, -0.1, 0.1])
    assert [bar.limit for bar in chart.bars] == pytest.approx([-0.053] * 3)
    assert chart.about.startswith("helmet_off fell most (-0.100), and 1 of 2 classes fell")
    allowed = "max-drop = 0.05\n[rules.ap-regression.classes]\nhelmet_off = 0.1"
    assert compared(site, allowed, gated, before).verdict == "passed"
    own = "[rules.ap-regression.classes]\nhelmet_off = 0.05"
    assert compared(site, own, gated, before).verdict == "failed"
    other = "[rules.ap-regression.classes]\nno_vest = 0.05"
    assert compared(site, other, gated, before).verdict == "passed"


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("min-gain = 0.09", "passed"),
        ("min-gain = 0.11", "failed"),
        ("min-gain = 0.0\nnoise = 0.15", "failed"),  # a gain within noise is none
        ("max-gain = 0.11", "passed"),
        ("max-gain = 0.09", "failed"),
        ("max-gain = 0.09\nnoise = 0.02", "passed"),
    ],
)
def test_gain_of_a_tenth(site: Comparison, options: str, verdict: str) -> None:
    result = compared(site, options, results_with(1), results_with(2))

    assert result.verdict == verdict
    measurement = [
        measurement.name for measurement in result.measurements if measurement.limit is not None
    ]
    assert measurement == ["required_gain" if "min" in options else "suspicious_gain"]


@pytest.mark.parametrize("gated", [results_with(1), results_with(None)])
def test_baseline_of_zero_has_nothing_to_lose(site: Comparison, gated: Any) -> None:
    result = compared(site, "max-drop-relative = 0.0", gated, results_with(None))

    assert result.verdict == "passed"
    if gated == results_with(None):
        assert "unchanged" in result.message
    else:
        assert measured(result)["baseline"] == 0


def test_class_without_ground_truth_is_said_and_left_out(tmp_path: Path) -> None:
    site = Comparison(tmp_path, {"val": {"a_1.jpg": VAL["a_1.jpg"][:1]}}, CLASSES)

    result = compared(site, "max-drop = 0.01", results_with(1), results_with(1, 2))

    assert result.verdict == "passed"
    assert "without ground truth, so not compared: no_vest" in result.message
    assert "change[no_vest]" not in measured(result)
    own = "[rules.ap-regression.classes]\nno_vest = 0.05"
    result = compared(site, own, results_with(1), results_with(1, 2))
    assert result.verdict == "not-evaluated"
    assert "class 'no_vest' has no ground truth in val" in result.message
    beside = {"a_1.jpg": [("helmet_off", 0.8, 60, 60, 30, 30)]}
    result = compared(site, f"max-drop = 0.01\n{own}", beside, results_with(1, 2))
    assert result.verdict == "failed"
    assert "class 'no_vest' has no ground truth in val" in result.message


def test_first_run(site: Comparison) -> None:
    gated = site.model("gated", val=results_with(1))
    rule = "[rules.ap-regression]\nmax-drop = 0.01\n"

    (refused,) = site.results(rule, gated).values()

    assert refused.verdict == "not-evaluated"
    assert "--detgate-baseline" in refused.message
    assert 'first-run = "accept"' in refused.message
    rule += 'first-run = "accept"'
    (accepted,) = site.results(rule, gated).values()
    assert accepted.verdict == "waived"
    assert "not compared: there is no baseline to compare with" in accepted.message
    assert measured(accepted)["ap"] == pytest.approx(0.9)
    gone = site.folder / "gone.pth"
    (named,) = site.results(rule, gated, baseline=gone).values()
    assert named.verdict == "not-evaluated"
    assert named.message.startswith("the baseline gone.pth does not exist; ")
    assert "may-be-missing = true" in named.message
    (accepted,) = site.results(rule, gated, baseline=gone, may_be_missing=True).values()
    assert accepted.verdict == "waived"
    assert accepted.waiver == 'the baseline gone.pth does not exist, and first-run = "accept"'
    gone.symlink_to("not-pulled")
    (named,) = site.results(rule, gated, baseline=gone, may_be_missing=True).values()
    assert named.verdict == "not-evaluated"
    assert named.message == "the baseline gone.pth is a link to a file that is not there"


def test_report_of_a_first_run_is_the_baseline_of_the_next(site: Comparison) -> None:
    rule = '[rules.ap-regression]\nmax-drop = 0.01\nfirst-run = "accept"\n'
    report = site.report(rule, site.model("old", val=results_with(1, 2)))

    (result,) = site.results(rule, site.model("new", val=results_with(2)), baseline=report).values()

    assert result.verdict == "failed"
    assert "baseline base.json 0.850" in result.message
    assert measured(result)["change[helmet_off]"] == pytest.approx(-0.1)
    assert measured(result)["change[no_vest]"] == pytest.approx(0)


def test_without_a_limit_is_a_mistake(site: Comparison) -> None:
    with pytest.raises(ConfigError, match="sets no limit, so it could never fail; give max-drop"):
        compared(site, "noise = 0.1", results_with(1), results_with(1))


def test_gains_that_exclude_each_other_are_a_mistake(site: Comparison) -> None:
    with pytest.raises(ConfigError, match=r"min-gain = 0\.2 is above max-gain = 0\.1"):
        compared(site, "min-gain = 0.2\nmax-gain = 0.1", results_with(1), results_with(1))


# --- Intervals -----------------------------------------------------------------------------------


def hard_site(tmp_path: Path, seed: int = 0) -> tuple[Comparison, Path, Path]:
    """40 images of two boxes, about half of which both models miss; the gated one misses two
    more."""
    random = np.random.default_rng(seed)
    images = {f"clip{number}_1.jpg": list(VAL["a_1.jpg"]) for number in range(40)}
    site = Comparison(tmp_path, {"val": images}, CLASSES)
    score = random.permutation(160).reshape(40, 2, 2) / 200 + 0.1  # distinct: no ties
    old: dict[str, list[Any]] = {}
    new: dict[str, list[Any]] = {}
    for index, (name, boxes) in enumerate(images.items()):
        seen = random.random(2) < 0.5
        old[name] = [
            (label, score[index, k, 0], x, *size)
            for k, (label, x, *size) in enumerate(boxes)
            if seen[k]
        ]
        old[name].append(("helmet_off", score[index, 0, 1] / 2, 60, 10, 30, 30))
        new[name] = [entry for entry in old[name] if index not in (3, 7) or entry[0] == "no_vest"]
    return site, site.model("new", val=new), site.model("old", val=old)


def change_interval(result: RuleResult, name: str = "change") -> Interval:
    (interval,) = [
        measurement.interval for measurement in result.measurements if measurement.name == name
    ]
    assert interval is not None
    return interval


def test_paired_draws_are_those_of_repeated_files(tmp_path: Path) -> None:
    """Each image written as often as it was drawn, both models scored by pycocotools."""
    site, new, old = hard_site(tmp_path)
    rule = "[rules.ap-regression]\nmax-drop = 1.0\nreplicates = 6\nseed = 4\nconfidence = 0.8\n"
    (result,) = site.results(rule, new, baseline=old).values()
    inputs = site.inputs(rule, new, baseline=old)
    others = site.inputs(rule, old)
    (weights,) = Resampling(image_units(40), 6, 4).weights()

    changes = []
    for drawn in weights:
        rows = np.repeat(np.arange(40), drawn).tolist()
        ap = [
            by_pycocotools(entry.dataset("val"), entry.detections("val"), rows).eval["precision"]
            for entry in (inputs, others)
        ]
        changes.append([ap[0][..., k, 0, -1].mean() - ap[1][..., k, 0, -1].mean() for k in (0, 1)])

    whole = by_pycocotools(others.dataset("val"), others.detections("val")).eval["precision"]
    for name, values, before in (
        ("change[helmet_off]", np.array(changes)[:, 0], whole[..., 0, 0, -1].mean()),
        ("change[no_vest]", np.array(changes)[:, 1], whole[..., 1, 0, -1].mean()),
        ("change", np.array(changes).mean(axis=1), whole[..., :2, 0, -1].mean()),
    ):
        # One more image, on which AP is 0 or 1, weighs Beta(1, 40) beside the 40 that were drawn.
        interval, weight = change_interval(result, name), stats.beta(1, 40)
        low, high = interval.low + before, interval.high + before
        assert np.mean(weight.sf(1 - low / (values + before))) == pytest.approx(0.2)
        assert np.mean(weight.sf(1 - (1 - high) / (1 - before - values))) == pytest.approx(0.2)


def test_paired_interval_is_narrower_than_that_of_one_model(tmp_path: Path) -> None:
    site, new, old = hard_site(tmp_path)
    rule = "[rules.ap-regression]\nmax-drop = 1.0\nreplicates = 400\n"

    (paired,) = site.results(rule, new, baseline=old).values()
    report = site.report('[rules.ap-regression]\nmax-drop = 1.0\nfirst-run = "accept"\n', old)
    (single,) = site.results(rule, new, baseline=report).values()

    assert measured(paired)["change"] == pytest.approx(measured(single)["change"])
    narrow, wide = change_interval(paired), change_interval(single)
    assert wide.low < narrow.low < measured(paired)["change"] < narrow.high < wide.high
    # What 40 images that are all alike leave open.
    change, before = measured(paired)["change"], measured(paired)["baseline"]
    room = 1 - 0.05 ** (1 / 40)
    assert narrow.low <= change - room * (before + change)
    assert narrow.high >= change + room * (1 - before - change)
    assert narrow.method == (
        "paired bootstrap over 40 independent images, one more unlike them, 400 replicates, seed 0"
    )
    assert paired.message.endswith(", assuming independent images")
    assert "of the gated model alone: the baseline is a recorded number" in wide.method
    assert single.message.endswith(
        ", assuming independent images, not paired: the baseline is a recorded number"
    )
    assert "not paired" not in paired.message


def test_lower_bound_is_held_if_asked(tmp_path: Path) -> None:
    site, new, old = hard_site(tmp_path)
    (shown,) = site.results("[rules.ap-regression]\nmax-drop = 1.0\n", new, baseline=old).values()
    change, interval = measured(shown)["change"], change_interval(shown)
    assert interval.low < change < 0
    between = -(change + interval.low) / 2  # a drop that the value keeps to and its bound does not
    rule = f"[rules.ap-regression]\nmax-drop = {between}\nnoise = 0.0\n"

    (point,) = site.results(rule, new, baseline=old).values()
    (lower,) = site.results(f'{rule}bound = "lower"\n', new, baseline=old).values()

    (measurement,) = [
        measurement for measurement in point.measurements if measurement.name == "change"
    ]
    assert measurement.passed
    (measurement,) = [
        measurement for measurement in lower.measurements if measurement.name == "change"
    ]
    assert not measurement.passed
    assert measurement.bound == "lower"


def test_four_images_have_no_interval_and_the_message_says_so(tmp_path: Path) -> None:
    images = {f"a_{number}.jpg": list(VAL["a_1.jpg"]) for number in range(4)}
    site = Comparison(tmp_path, {"val": images}, CLASSES)
    boxes = {name: results_with(1)["a_1.jpg"] for name in images}
    new, old = site.model("new", val=boxes), site.model("old", val=boxes | results_with(2))
    rule = "[rules.ap-regression]\nmax-drop = 0.5\n"

    (result,) = site.results(rule, new, baseline=old).values()
    (judged,) = site.results(f'{rule}bound = "lower"', new, baseline=old).values()

    assert result.verdict == "passed"
    assert result.message.endswith("; no bounds from 4 images: at least 5 are needed")
    assert [
        measurement.interval for measurement in result.measurements if measurement.name == "change"
    ] == [None]
    assert judged.verdict == "not-evaluated"
    assert "no bounds from 4 images: at least 5 are needed" in judged.message


FIVE = {f"{clip}_1.jpg": list(VAL["a_1.jpg"]) for clip in "abcde"}


def swapped(tmp_path: Path, worse: str, rule: str, images: dict[str, Any] = FIVE) -> RuleResult:
    """The result of a model that finds nothing on the images of these clips, beside one that
    finds all."""
    site = Comparison(tmp_path, {"val": images}, CLASSES)
    all_found = {name: results_with(0)["a_1.jpg"] for name in images}
    # A little less sure, so that it is another model even where it finds as much.
    less = {
        name: [(label, score - 0.01, *box) for label, score, *box in boxes]
        for name, boxes in all_found.items()
    }
    few = {name: [] if name[0] in worse else boxes for name, boxes in less.items()}
    new, old = site.model("new", val=few), site.model("old", val=all_found)
    (result,) = site.results(f"[rules.ap-regression]\n{rule}\n", new, baseline=old).values()
    return result


@pytest.mark.parametrize(
    ("worse", "p_value"), [("abcd", 1 / 16), ("abc", 1 / 8), ("a", 1 / 2), ("", 1.0)]
)
def test_swapping_clips_gives_an_exact_p_value(tmp_path: Path, worse: str, p_value: float) -> None:
    """Of the 32 ways to swap 5 clips only those that leave all the worse clips where they are fall
    as far: swapping one of n gives AP back."""
    result = swapped(tmp_path, worse, "min-p-value = 0.1")

    assert measured(result)["p_value"] == pytest.approx(p_value)
    assert result.verdict == ("failed" if p_value < 0.1 else "passed")
    assert f"; p-value of a fall {p_value:.3g}" in result.message


@pytest.mark.parametrize(
    ("images", "rule", "reason"),
    [
        (4, "min-p-value = 0.1", "no bounds from 4 images: at least 5 are needed"),
        (
            5,
            "min-p-value = 0.03",
            "from 5 images no p-value is below 0.0312, so min-p-value = 0.03",
        ),
    ],
)
def test_too_few_clips_for_a_p_value_prove_nothing(
    tmp_path: Path, images: int, rule: str, reason: str
) -> None:
    some = dict(list(FIVE.items())[:images])
    result = swapped(tmp_path, "abc", rule, some)

    assert result.verdict == "not-evaluated"
    assert reason in result.message


def test_a_p_value_of_a_recorded_baseline_is_refused(tmp_path: Path) -> None:
    site, new, old = hard_site(tmp_path)
    rule = "[rules.ap-regression]\nmin-p-value = 0.05\n"
    report = site.report(f'{rule}first-run = "accept"\n', old)
    (result,) = site.results(rule, new, baseline=report).values()

    assert result.verdict == "not-evaluated"
    assert "min-p-value needs a checkpoint as the baseline" in result.message


def test_a_p_value_needs_enough_swaps(site: Comparison) -> None:
    with pytest.raises(ConfigError, match="min-p-value needs at least 200 replicates"):
        compared(site, "min-p-value = 0.05\nreplicates = 199", results_with(1), results_with(1))


def seeds(tmp_path: Path, rule: str) -> RuleResult:
    """A drop from 0.8 to 0.7, and two other models of 0.9 and 0.7 of one class and twice 0.8 of
    the other."""
    site = Comparison(tmp_path, {"val": VAL}, CLASSES)
    site.model("seed1", val=results_with(1, 2))
    site.model("seed2", val=results_with(3, 2))
    return compared(
        site, f'{rule}\nnoise-from = ["seed1.pth", "seed2.pth"]', results_with(3), results_with(2)
    )


def test_noise_is_how_far_two_seeds_are_apart(tmp_path: Path) -> None:
    """In all 0.85 and 0.75, of the first class 0.9 and 0.7, of the second no difference."""
    result = seeds(tmp_path, "max-drop = 0.05")

    limits = {
        measurement.name: measurement.limit
        for measurement in result.measurements
        if measurement.limit is not None
    }
    assert limits == pytest.approx(
        {"change": -0.15, "change[helmet_off]": -0.25, "change[no_vest]": -0.05}
    )
    assert [
        measurement.name for measurement in result.measurements if measurement.passed is False
    ] == ["change[no_vest]"]
    assert "-0.100, noise 0.1 (between seed1.pth and seed2.pth)" in result.message


@pytest.mark.parametrize(
    ("checkpoints", "reason"),
    [
        ('["seed1.pth", "seed3.pth"]', "noise-from: there is no file seed3.pth"),
        ('["seed1.pth", "seed1.pth"]', "noise-from: seed1.pth and seed1.pth are the same model"),
    ],
)
def test_noise_from_no_two_models_is_refused(tmp_path: Path, checkpoints: str, reason: str) -> None:
    site = Comparison(tmp_path, {"val": VAL}, CLASSES)
    site.model("seed1", val=results_with(1))
    result = compared(
        site, f"max-drop = 0.1\nnoise-from = {checkpoints}", results_with(1), results_with(2)
    )

    assert result.verdict == "not-evaluated"
    assert reason in result.message


def test_noise_from_one_model_is_no_configuration(site: Comparison) -> None:
    with pytest.raises(ConfigError, match="noise-from"):
        compared(site, 'max-drop = 0.1\nnoise-from = ["a.pth"]', results_with(1), results_with(1))
    with pytest.raises(ConfigError, match="give noise or noise-from, not both"):
        compared(
            site,
            'max-drop = 0.1\nnoise = 0.1\nnoise-from = ["a.pth", "b.pth"]',
            *[results_with(1)] * 2,
        )


def test_noise_of_images_is_the_standard_error(tmp_path: Path) -> None:
    """It is that of the change in the draws, and smaller for paired draws than alone."""
    site, new, old = hard_site(tmp_path)
    rule = "[rules.ap-regression]\nmax-drop = 0.0\nreplicates = 400\n"
    (result,) = site.results(rule, new, baseline=old).values()
    draws = [site.inputs(rule, entry).replicates("val", "all", 400, 0) for entry in (new, old)]
    spread = (draws[0].values_of("AP") - draws[1].values_of("AP")).std()

    (change,) = [measurement for measurement in result.measurements if measurement.name == "change"]
    assert change.limit == pytest.approx(-spread)
    assert f"noise {spread:.3g} (standard error by the bootstrap)" in result.message
    (bound,) = site.results(f'{rule}bound = "lower"\n', new, baseline=old).values()
    assert "noise 0.003 (default beside a bound)" in bound.message
    (given,) = site.results(f"{rule}noise = 0.02\n", new, baseline=old).values()
    assert "noise 0.02 (as given)" in given.message
