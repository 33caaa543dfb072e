"""`fp-regression` on probes whose false boxes are counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import LineChart
from pytest_detgate.findings import Interval
from pytest_detgate.record.report import RuleResult
from pytest_detgate.record.report_file import read_report
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.bounds.resampling import Resampling, clip_units
from tests.judged import measured
from tests.rules.comparing import Comparison

FRAMES: dict[str, list[Any]] = {f"calm_{number}.jpg": [] for number in range(10)}


def false(*counts: int, score: float = 0.8) -> dict[str, list[Any]]:
    """So many false boxes on each frame, from the first."""
    return {
        name: [("helmet_off", score, 10 * number, 10, 8, 8) for number in range(count)]
        for name, count in zip(FRAMES, counts, strict=False)
    }


# What shows of every model that it finds anything at all.
BUSY: dict[str, list[Any]] = {"busy_1.jpg": [("helmet_off", 0, 0, 9, 9)]}
SEEN = {"val": {"busy_1.jpg": [("helmet_off", 0.05, 0, 0, 9, 9)]}}


@pytest.fixture
def site(tmp_path: Path) -> Comparison:
    return Comparison(tmp_path, {"val": BUSY, "calm": FRAMES}, always=SEEN)


def compared(site: Comparison, options: str, gated: int, baseline: int) -> RuleResult:
    """The item for a model with so many false boxes, against a baseline with so many."""
    (result,) = site.results(
        f"[rules.fp-regression]\n{options}",
        site.model("gated", calm=false(gated)),
        baseline=site.model("old", calm=false(baseline)),
    ).values()
    return result


def test_quantiles_of_one_more_box_on_each_frame(site: Comparison) -> None:
    """Ten frames drawn again have ten boxes more, whichever they are."""
    rule = "[rules.fp-regression]\nmax-growth-boxes = 12\n"
    models = site.model("gated", calm=false(*[2] * 10)), site.model("old", calm=false(*[1] * 10))
    head, bounds = site.head, []
    for scoring in ('[scoring]\ninterval = "percentile"\n', ""):
        site.head = scoring + head
        (result,) = site.results(rule, models[0], baseline=models[1]).values()
        (change,) = [
            measurement for measurement in result.measurements if measurement.name == "change"
        ]
        assert change.interval is not None
        bounds.append((change.interval.low, change.interval.high))

    assert bounds[0] == (10, 10)
    assert bounds[1][0] < 10 < bounds[1][1]


@pytest.mark.parametrize(
    ("gated", "baseline", "options", "verdict"),
    [
        (5, 4, "max-growth = 0.25", "passed"),
        (5, 4, "max-growth = 0.24", "failed"),
        (5, 4, "max-growth = 0.0\nnoise = 1", "passed"),
        (5, 4, "max-growth-boxes = 1", "passed"),
        (5, 4, "max-growth-boxes = 0", "failed"),
        (5, 4, "max-growth-boxes = 0\nnoise = 1", "passed"),
        (6, 4, "max-growth = 1.0\nmax-growth-boxes = 1", "failed"),
        (6, 4, "max-growth = 0.1\nmax-growth-boxes = 9", "failed"),
        (2, 4, "min-reduction = 0.5", "passed"),
        (3, 4, "min-reduction = 0.5", "failed"),
        (2, 4, "min-reduction = 0.5\nnoise = 3", "failed"),  # two fewer are within noise
        (0, 2, "min-reduction = 0.5\nnoise = 3", "passed"),  # and fewer than none there cannot be
        # From nothing no share can be told.
        (0, 0, "max-growth = 0.5", "passed"),
        (1, 0, "max-growth = 0.5", "failed"),
        (1, 0, "max-growth = 0.5\nnoise = 1", "passed"),
        (2, 0, "max-growth = 0.5\nmax-growth-boxes = 2", "passed"),
        (3, 0, "max-growth = 0.5\nmax-growth-boxes = 2", "failed"),
        (0, 0, "min-reduction = 0.5", "passed"),
        (1, 0, "min-reduction = 0.5", "failed"),
    ],
)
def test_limits(site: Comparison, gated: int, baseline: int, options: str, verdict: str) -> None:
    result = compared(site, options, gated, baseline)

    assert result.verdict == verdict
    values = measured(result)
    assert values["boxes"] == gated
    assert values["baseline"] == baseline
    assert values["change"] == gated - baseline
    assert values["score_threshold"] == 0.3
    if not baseline:
        assert not {"growth", "reduction"} & set(values)


def test_message_has_both_counts(site: Comparison) -> None:
    grown = compared(site, "max-growth = 1.0", 5, 4)
    from_nothing = compared(site, "max-growth = 1.0", 1, 0)

    # One box came: at most 4.744 by the exact Poisson bound. One more image, on which a box went
    # from each of 10, weighs Beta(1, 10) beside draws of 0, 1, 2 … boxes.
    bounds = "; 95% bounds -2.122 and +4.744, assuming independent images"
    assert grown.message == f"5 false boxes on 10 frames, baseline old.pth 4: +1 (+25%){bounds}"
    assert from_nothing.message == f"1 false box on 10 frames, baseline old.pth 0: +1{bounds}"


def test_findings_are_on_the_frames_that_grew(site: Comparison) -> None:
    """Two more on the third frame, one more on the second, one less on the first."""
    gated = site.model("gated", calm=false(1, 2, 3))
    rule = "[rules.fp-regression]\nmax-growth = 9.0"

    (paired,) = site.results(rule, gated, baseline=site.model("old", calm=false(2, 1, 1))).values()
    report = site.report("[rules.probe-fp]\nmax-boxes = 9", site.folder / "old.pth")
    (single,) = site.results(rule, gated, baseline=report).values()

    frames = [finding.image for finding in paired.findings]
    assert frames == ["calm_2.jpg"] * 3 + ["calm_1.jpg"] * 2
    assert paired.findings_total == single.findings_total == 5


def test_findings_of_a_recorded_number_are_all(site: Comparison) -> None:
    """A report of an earlier release does not say on which frames the false boxes were."""
    gated = site.model("gated", calm=false(1, 2, 3))
    rule = "[rules.fp-regression]\nmax-growth = 9.0"
    report = site.report("[rules.probe-fp]\nmax-boxes = 9", site.model("old", calm=false(2, 1, 1)))
    without_counts(site, report)

    (single,) = site.results(rule, gated, baseline=report).values()

    assert single.findings_total == 6


def test_both_models_over_each_threshold(site: Comparison) -> None:
    """The gated model has three boxes of 0.8 on a frame and one of 0.4, the baseline two of 0.6
    on another."""
    gated = false(3) | {"calm_5.jpg": [("helmet_off", 0.4, 0, 10, 8, 8)]}
    (result,) = site.results(
        "[rules.fp-regression]\nmax-growth = 0.5",
        site.model("gated", calm=gated),
        baseline=site.model("old", calm=false(0, 2, score=0.6)),
    ).values()
    by = result.evidence.by_threshold
    assert by is not None
    rows = dict(zip(by.thresholds, zip(*by.values.values(), strict=True), strict=True))

    assert list(by.values) == ["boxes", "baseline", "change", "growth", "reduction"]
    assert [rows[threshold] for threshold in (0.3, 0.4, 0.6, 0.8)] == [
        (4, 2, 2, 1.0, -1.0),
        (3, 2, 1, 0.5, -0.5),
        (3, 0, 3, None, None),
        (0, 0, 0, None, None),
    ]
    known = measured(result)
    assert rows[0.3] == tuple(known.get(name, -known["growth"]) for name in by.values)
    (chart,) = result.evidence.charts
    assert isinstance(chart, LineChart)
    assert [series.y[-21] for series in chart.panels[0].series] == [0, 0]
    assert chart.about.endswith(
        "The gated model has fewer at no threshold, so no operating point fixes it."
    )
    assert [(frame.image, frame.text) for frame in result.evidence.frames] == [
        ("calm_0.jpg", "3 false boxes over 0.3, baseline 0"),
        ("calm_5.jpg", "1 false box over 0.3, baseline 0"),
    ]


def test_evidence_is_read_back_from_the_report(tmp_path: Path) -> None:
    """To the last bit: scores are compared with thresholds again, on the page."""
    val: dict[str, list[Any]] = {
        f"v_{number}.jpg": [("helmet_off", 5, 5, 9, 9)] for number in range(6)
    }
    site = Comparison(tmp_path, {"val": val, "calm": FRAMES})
    detections = {
        "v_0.jpg": [("helmet_off", 0.1 + 0.2, 5, 5, 9, 9), ("helmet_off", 1 / 3, 50, 5, 9, 9)]
    }
    gated = site.model("gated", val=detections, calm=false(3, score=2 / 3))
    rules = (
        "[rules.probe-fp]\nmax-boxes = 1\n[rules.class-ap]\nmin = 0.5\n[rules.recall]\nmin = 0.5\n"
        "[rules.operating-point]\nmax-boxes = 1\nmin-recall = 0.5\n[rules.calibration]\nmax = 0.1\n"
        "[rules.error-budget]\nbackground = 0.1\n[rules.size-ap]\nsmall = 0.5\n"
    )
    results = site.results(rules, gated)

    report = read_report(site.report(rules, gated))

    assert {rule.id: rule.evidence for rule in report.rules} == {
        name: result.evidence for name, result in results.items()
    }
    assert all(result.evidence.charts for result in results.values())
    assert report.rules[0].evidence.frames[0].boxes[0].score == 2 / 3
    assert len(report.scores["val"].charts) == 4


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("max-growth = 0.5\nnoise = 1", ["boxes", "baseline", "change"]),
        ('max-growth = 0.5\nbound = "upper"', ["boxes", "baseline"]),
    ],
)
def test_changing_limits_leave_the_thresholds_out(
    site: Comparison, options: str, names: list[str]
) -> None:
    """Figures with another limit at each threshold are left out."""
    (result,) = site.results(
        f"[rules.fp-regression]\n{options}",
        site.model("gated", calm=false(1, 1, 1, 1, 1)),
        baseline=site.model("old", calm=false(1, 1, 1, 1)),
    ).values()
    by = result.evidence.by_threshold

    assert by is not None
    assert list(by.values) == names


def test_baseline_of_none_says_nothing_of_other_thresholds(site: Comparison) -> None:
    """A baseline without false boxes gives no counts at other thresholds."""
    assert compared(site, "max-growth = 0.5", 5, 0).evidence.by_threshold is None


def test_each_probe_has_its_item_and_may_have_its_limits(tmp_path: Path) -> None:
    site = Comparison(tmp_path, {"calm": FRAMES, "yard": FRAMES})
    gated = site.model("gated", calm=false(3), yard=false(3))
    baseline = site.model("old", calm=false(4), yard=false(4))
    rule = "[rules.fp-regression]\nmax-growth = 0.0\n"
    rule += "[rules.fp-regression.probes.yard]\nmin-reduction = 0.5\n"

    results = site.results(rule, gated, baseline=baseline)

    assert {name: result.verdict for name, result in results.items()} == {
        "fp-regression[calm]": "passed",
        "fp-regression[yard]": "failed",
    }


def test_probe_without_a_limit_is_a_mistake(tmp_path: Path) -> None:
    site = Comparison(tmp_path, {"calm": FRAMES, "yard": FRAMES})
    rule = "[rules.fp-regression.probes.yard]\nmin-reduction = 0.5\n"

    with pytest.raises(ConfigError, match="probe 'calm' has no limit, so it could never fail"):
        site.results(rule, site.model("gated"))


def test_own_threshold_counts_for_both(site: Comparison) -> None:
    gated = site.model("gated", calm=false(5, score=0.4))
    baseline = site.model("old", calm=false(3, score=0.6))
    rule = "[rules.fp-regression]\nmax-growth = 0.0\nscore-threshold = 0.5"

    (result,) = site.results(rule, gated, baseline=baseline).values()

    assert (measured(result)["boxes"], measured(result)["baseline"]) == (0, 3)
    assert measured(result)["score_threshold"] == 0.5


def test_first_run(site: Comparison) -> None:
    gated = site.model("gated", calm=false(5))
    rule = "[rules.fp-regression]\nmax-growth = 0.0\n"

    (refused,) = site.results(rule, gated).values()
    rule += 'first-run = "accept"'
    (accepted,) = site.results(rule, gated).values()

    assert refused.verdict == "not-evaluated"
    assert 'first-run = "accept"' in refused.message
    assert accepted.verdict == "waived"
    assert measured(accepted) == {"boxes": 5, "score_threshold": 0.3}


@pytest.mark.parametrize(
    "before", ["[rules.probe-fp]\nmax-boxes = 9", "[rules.fp-regression]\nmax-growth = 0.0\n"]
)
def test_report_that_counted_is_a_baseline(site: Comparison, before: str) -> None:
    if "fp-regression" in before:
        before += 'first-run = "accept"'
    report = site.report(before, site.model("old", calm=false(4)))
    rule = "[rules.fp-regression]\nmax-growth = 0.0"

    (result,) = site.results(rule, site.model("new", calm=false(5)), baseline=report).values()

    assert result.verdict == "failed"
    assert (measured(result)["baseline"], measured(result)["growth"]) == (4, 0.25)


# --- Intervals -----------------------------------------------------------------------------------


def clips(tmp_path: Path, *extra: int) -> tuple[Comparison, Path, Path]:
    """8 clips of 3 frames; the baseline has boxes on every frame, the gated one as many and one
    more on each of the frames `extra`."""
    images: dict[str, list[Any]] = {
        f"clip{number // 3}_{number % 3}.jpg": [] for number in range(24)
    }
    site = Comparison(tmp_path, {"calm": images})
    site.head += "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)'\n"

    def boxes(index: int, more: int) -> list[Any]:
        return [("helmet_off", 0.8, 10 * k, 10, 8, 8) for k in range(1 + index % 5 + more)]

    old = {name: boxes(index, 0) for index, name in enumerate(images)}
    new = {name: boxes(index, index in extra) for index, name in enumerate(images)}
    return site, site.model("new", calm=new), site.model("old", calm=old)


def interval_of(result: RuleResult, name: str) -> Interval:
    (interval,) = [
        measurement.interval for measurement in result.measurements if measurement.name == name
    ]
    assert interval is not None
    return interval


def test_paired_draws_are_those_of_repeated_clips(tmp_path: Path) -> None:
    """Every clip written out as often as it was drawn, boxes counted frame by frame."""
    site, new, old = clips(tmp_path, 1, 2, 20)
    rule = "[rules.fp-regression]\nmax-growth = 1.0\nreplicates = 7\nseed = 2\nconfidence = 0.9\n"

    (result,) = site.results(rule, new, baseline=old).values()

    units = clip_units([f"clip{number // 3}" for number in range(24)])
    (weights,) = Resampling(units, 7, 2).weights()
    changes, growths = [], []
    for drawn in weights.tolist():
        frames = [3 * clip + k for clip in range(8) for k in range(3) for _ in range(drawn[clip])]
        before = sum(1 + frame % 5 for frame in frames)
        after = sum(1 + frame % 5 + (frame in (1, 2, 20)) for frame in frames)
        changes.append(after - before)
        growths.append((after - before) / before)
    for name, values in (("change", changes), ("growth", growths)):
        interval = interval_of(result, name)
        factor = 1 if name == "change" else 1 / measured(result)["baseline"]
        # One more clip, with a box more or a box less on each frame, weighs Beta(1, 8) beside the 8
        # that were drawn: 24 boxes where it alone is counted.
        weight, most = stats.beta(1, 8), 24 * factor
        drawn = np.array(values)
        assert np.mean(weight.sf(1 - (interval.low + most) / (drawn + most))) == pytest.approx(0.1)
        # That three boxes came, two of them on one clip, allows for more.
        came = np.isin(np.arange(24), (1, 2, 20)).astype(int)
        proof = ProbeEvidence(frames=24, confidence=0.9, clip=units.of_image)
        assert interval.high == pytest.approx(factor * proof.of_boxes(came).high)
        assert np.mean(weight.sf(1 - (most - interval.high) / (most - drawn))) < 0.1
    method = "paired bootstrap over 8 clips, one more unlike them, 7 replicates, seed 2"
    assert interval_of(result, "change").method == method


def test_paired_interval_is_much_narrower_than_that_of_one_model(tmp_path: Path) -> None:
    site, new, old = clips(tmp_path, 1, 20)
    rule = "[rules.fp-regression]\nmax-growth = 1.0\n"

    (paired,) = site.results(rule, new, baseline=old).values()
    report = site.report("[rules.probe-fp]\nmax-boxes = 900", old)
    without_counts(site, report)
    (single,) = site.results(rule, new, baseline=report).values()

    assert measured(paired)["change"] == measured(single)["change"] == 2
    narrow, wide = interval_of(paired, "change"), interval_of(single, "change")
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2
    assert "of the gated model alone" in wide.method
    assert single.message.endswith(", not paired: the baseline is a recorded number")
    assert "not paired" not in paired.message


def test_upper_bound_is_held_if_asked(tmp_path: Path) -> None:
    """Two boxes more, on two of eight clips: some draws have four more and the limit is three."""
    site, new, old = clips(tmp_path, 1, 20)
    rule = "[rules.fp-regression]\nmax-growth-boxes = 3\n"

    (point,) = site.results(rule, new, baseline=old).values()
    (upper,) = site.results(f'{rule}bound = "upper"', new, baseline=old).values()

    assert point.verdict == "passed"
    assert upper.verdict == "failed"
    assert interval_of(upper, "change").high > 3


def test_reduction_is_held_by_its_lower_bound(tmp_path: Path) -> None:
    """The gated model is the one with fewer boxes."""
    site, more, fewer = clips(tmp_path, *range(0, 12))
    rule = "[rules.fp-regression]\nmin-reduction = 0.1\n"

    (point,) = site.results(rule, fewer, baseline=more).values()
    (upper,) = site.results(f'{rule}bound = "upper"', fewer, baseline=more).values()

    assert point.verdict == "passed"
    assert measured(point)["reduction"] == pytest.approx(12 / (70 + 12))
    (measurement,) = [
        measurement for measurement in upper.measurements if measurement.name == "reduction"
    ]
    assert measurement.bound == "lower"
    assert not measurement.passed


def test_too_few_images_prove_nothing(tmp_path: Path) -> None:
    site = Comparison(tmp_path, {"val": BUSY, "calm": {"a_1.jpg": [], "a_2.jpg": []}}, always=SEEN)
    gated, old = site.model("gated"), site.model("old")
    old.write_text("another")
    rule = "[rules.fp-regression]\nmax-growth = 0.5\n"

    (point,) = site.results(rule, gated, baseline=old).values()
    (upper,) = site.results(f'{rule}bound = "upper"', gated, baseline=old).values()

    assert point.verdict == "passed"
    assert point.message.endswith("; no bounds from 2 images: at least 5 are needed")
    assert upper.verdict == "not-evaluated"
    assert upper.message.startswith("too little evidence: no bounds from 2 images")


def test_bound_without_draws_is_a_mistake(site: Comparison) -> None:
    with pytest.raises(ConfigError, match='bound = "upper" needs at least 200 replicates'):
        compared(site, 'max-growth = 1.0\nbound = "upper"\nreplicates = 0', 1, 1)


def test_no_false_box_on_ten_images_is_no_proof(site: Comparison) -> None:
    """Neither model has any: every draw says 0, and the exact Poisson bound of 0 is 2.996."""
    for most, verdict in ((2, "failed"), (3, "passed")):
        result = compared(site, f'max-growth-boxes = {most}\nbound = "upper"', 0, 0)

        assert interval_of(result, "change").high == pytest.approx(2.9957, abs=5e-5)
        assert result.verdict == verdict


def test_all_boxes_gone_is_no_proof_that_all_stay_away(site: Comparison) -> None:
    """Each of ten images has lost its four boxes. On one more, which weighs 1 - 0.05^(1/10) =
    0.2589 at most, ten boxes of 40 may come: 1 - 0.2589 × 1.25 = 0.6764."""
    gone = site.model("gated", calm={})
    rule = '[rules.fp-regression]\nmin-reduction = {}\nbound = "upper"'
    old = site.model("old", calm=false(*[4] * 10))
    for least, verdict in ((0.676, "passed"), (0.677, "failed")):
        (result,) = site.results(rule.format(least), gone, baseline=old).values()

        assert interval_of(result, "reduction").low == pytest.approx(0.6764, abs=5e-5)
        assert result.verdict == verdict


def without_counts(site: Comparison, report: Path) -> None:
    """Make a report one of an earlier release, which has no counts by image."""
    dataset = msgspec.json.decode(report.read_bytes())["dataset"]
    del dataset["probes"]["calm"]["false_boxes"]
    site.changed(report, dataset=dataset)
