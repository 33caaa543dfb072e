"""`probe-fp`, counted by hand, and its bounds by the distributions that define them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import LineChart
from pytest_detgate.findings import Measurement
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import judged, measured

CLASSES = ["helmet_off", "no_vest"]
SIX = [f"yard_{number}.jpg" for number in range(1, 7)]
CLIPS = "[dataset]\nframe-pattern = '(?P<clip>[a-z]+)_(?P<frame>\\d+)'\n"
Detected = tuple[str, float, float, float, float, float]
Probe = Callable[..., RuleResult]


def box(score: float, label: str = "helmet_off", x: float = 0) -> Detected:
    return (label, score, x, 0, 9, 9)


# Four false boxes over 0.3 on two of six frames, three of them on one.
FOUR = {
    "yard_1.jpg": [box(0.9), box(0.31, x=20), box(0.6, "no_vest", x=40)],
    "yard_4.jpg": [box(0.5), box(0.3, x=20)],
    "yard_5.jpg": [box(0.1)],
}


@pytest.fixture
def probe(tmp_path: Path) -> Probe:
    """A function from a rule's table, frames and detections to the result of the only item."""

    def evaluate(
        rule: str,
        detections: Mapping[str, Sequence[Detected]] = FOUR,
        frames: Sequence[str] = SIX,
        allowed: Mapping[str, Sequence[tuple[str, float, float, float, float]]] | None = None,
        head: str = "",
    ) -> RuleResult:
        images = {name: list((allowed or {}).get(name, ())) for name in frames}
        write_json(tmp_path / "calm.json", coco_content(images, CLASSES))
        results = write_json(tmp_path / "found.json", result_content(images, detections, CLASSES))
        # The detector finds something elsewhere, so that its silence on the probe means something.
        truth = {"gate_1.jpg": [("helmet_off", 0, 0, 9, 9)]}
        write_json(tmp_path / "busy.json", coco_content(truth, CLASSES))
        on_busy = result_content(truth, {"gate_1.jpg": [box(0.05)]}, CLASSES)
        config = (
            f'{head}[probes.calm]\nannotations = "calm.json"\nimages = "images"\n'
            '[probes.busy]\nannotations = "busy.json"\nimages = "images"\n'
            f"[rules.probe-fp]\n{rule}"
        )
        files = {"calm": results, "busy": write_json(tmp_path / "busy-found.json", on_busy)}
        return judged(tmp_path, config, files)["probe-fp[calm]"]

    return evaluate


def named(result: RuleResult, name: str) -> Measurement:
    return next(measurement for measurement in result.measurements if measurement.name == name)


def ends(result: RuleResult, name: str) -> tuple[float, float]:
    interval = named(result, name).interval
    assert interval is not None
    return interval.low, interval.high


def test_everything_it_counts(probe: Probe) -> None:
    result = probe("max-boxes = 4")

    assert result.verdict == "passed"
    assert measured(result) == {
        "boxes": 4,
        "images": 2,
        "image_share": pytest.approx(1 / 3),
        "boxes_per_image": 3,
        "mean_boxes_per_image": pytest.approx(2 / 3),
        "boxes[helmet_off]": 3,
        "boxes[no_vest]": 1,
        "score_threshold": 0.3,
        "images_total": 6,
        "max_score": 0.9,
        "confident_alone": 0,
    }


def test_confident_boxes_alone_are_counted(probe: Probe) -> None:
    """Halfway from the threshold of 0.3 to 1 is 0.65. An object without a label looks like this."""
    detections = {
        "yard_1.jpg": [box(0.9)],
        "yard_2.jpg": [box(0.64)],
        "yard_3.jpg": [box(0.95), box(0.95, "no_vest", x=40)],
    }

    result = probe("max-boxes = 2", detections)

    assert measured(result)["confident_alone"] == 1
    assert "an object that nobody labelled" in result.advice


def test_intervals_are_exact(probe: Probe) -> None:
    """Frames with 3 and 1 boxes are two events that weigh 3 and 1 (Fay and Feuer): the ends of the
    boxes are 10/4 · χ²(2·16/10)/2 and, with one more that weighs 3, 19/7 · χ²(2·49/19)/2. Of 2 of 6
    frames Clopper and Pearson's ends are 0.0628 and 0.7287 (published tables, one-sided 95%)."""
    result = probe("max-boxes = 21")

    low = 10 / 4 * stats.chi2.ppf(0.05, 2 * 16 / 10) / 2
    high = 19 / 7 * stats.chi2.ppf(0.95, 2 * 49 / 19) / 2
    assert ends(result, "boxes") == pytest.approx((low, high), rel=1e-9)
    assert ends(result, "mean_boxes_per_image") == pytest.approx((low / 6, high / 6), rel=1e-9)
    assert ends(result, "boxes[no_vest]") == pytest.approx((0.0513, 4.7439), abs=5e-5)
    share = stats.beta.ppf(0.05, 2, 5), stats.beta.ppf(0.95, 3, 4)
    assert share == pytest.approx((0.0628, 0.7287), abs=5e-5)
    assert ends(result, "image_share") == pytest.approx(share, rel=1e-9)
    assert ends(result, "images") == pytest.approx((share[0] * 6, share[1] * 6), rel=1e-9)
    assert named(result, "boxes_per_image").interval is None


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        ("max-boxes = 15", ["boxes"]),
        ("max-boxes = 16", []),
        ("max-images = 4", ["images"]),
        ("max-images = 5", []),
        ("max-image-share = 0.72", ["image_share"]),
        ("max-image-share = 0.73", []),
        ("max-mean-boxes-per-image = 2.55", ["mean_boxes_per_image"]),
        ("max-mean-boxes-per-image = 2.56", []),
        ("classes = {no_vest = 4}", ["boxes[no_vest]"]),
        ("classes = {no_vest = 5}", []),
        # there is no bound of a most: it is held as it is
        ("max-boxes-per-image = 3", []),
        # at 99% it is 19/7 · χ²(2·49/19)/2 = 20.85
        ("max-boxes = 20\nconfidence = 0.99", ["boxes"]),
        ("max-boxes = 21\nconfidence = 0.99", []),
    ],
)
def test_the_upper_bound_is_what_is_held(probe: Probe, limits: str, broken: list[str]) -> None:
    result = probe(f'bound = "upper"\n{limits}')

    assert [m.name for m in result.measurements if m.passed is False] == broken
    assert result.verdict == ("failed" if broken else "passed")


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ("max-image-share = 0.3333", "failed"),
        ("max-image-share = 0.3334", "passed"),
        ("max-mean-boxes-per-image = 0.6666", "failed"),
        ("max-mean-boxes-per-image = 0.6667", "passed"),
    ],
)
def test_shares_and_means_are_held_unrounded(probe: Probe, limits: str, verdict: str) -> None:
    assert probe(limits).verdict == verdict


def test_allowed_boxes_are_not_false(probe: Probe) -> None:
    """One allowed box explains the best of the two detections that lie on it."""
    detections = {"yard_1.jpg": [box(0.9), box(0.8)]}
    result = probe(
        "max-boxes = 1", detections, allowed={"yard_1.jpg": [("helmet_off", 0.0, 0.0, 9.0, 9.0)]}
    )

    assert measured(result)["boxes"] == 1
    assert measured(result)["max_score"] == 0.8


def over(result: RuleResult, name: str) -> dict[float, Any]:
    """The values of a measurement by threshold."""
    by = result.evidence.by_threshold
    assert by is not None
    return dict(zip(by.thresholds, by.values[name], strict=True))


def test_counts_of_boxes_and_frames_over_each_threshold(probe: Probe) -> None:
    """Scores 0.9, 0.6, 0.31 on one frame, 0.5 and 0.3 on another, 0.1 on a third; the one of 0.6
    is of the other class."""
    result = probe("max-boxes = 4")
    values = ("boxes", "images", "boxes_per_image", "boxes[helmet_off]", "boxes[no_vest]")
    rows = {
        threshold: tuple(over(result, name)[threshold] for name in values)
        for threshold in (0.0, 0.1, 0.3, 0.31, 0.5, 0.6, 0.88, 0.9, 1.0)
    }

    assert len(over(result, "boxes")) == 101
    assert rows == {
        0.0: (6, 3, 3, 5, 1),
        0.1: (5, 2, 3, 4, 1),
        0.3: (4, 2, 3, 3, 1),
        0.31: (3, 2, 2, 2, 1),
        0.5: (2, 1, 2, 1, 1),
        0.6: (1, 1, 1, 1, 0),
        0.88: (1, 1, 1, 1, 0),
        0.9: (0, 0, 0, 0, 0),
        1.0: (0, 0, 0, 0, 0),
    }
    assert over(result, "image_share")[0.1] == 2 / 6
    assert over(result, "mean_boxes_per_image")[0.1] == 5 / 6


@pytest.mark.parametrize(
    ("head", "unit"), [("", ""), (CLIPS, 'unit = "clip"\n')], ids=["frames", "clips"]
)
def test_operating_point_and_verdict_use_the_same_value(probe: Probe, head: str, unit: str) -> None:
    """The threshold is not one of the grid."""
    result = probe(
        "max-boxes = 4\nmax-images = 3\nmax-image-share = 0.5\nmax-boxes-per-image = 3\n"
        'max-mean-boxes-per-image = 2.0\nscore-threshold = 0.305\nbound = "upper"\n'
        f"{unit}classes = {{no_vest = 2}}",
        frames=[*SIX, *(f"gate_{number}.jpg" for number in range(3))],
        head=head,
    )
    by = result.evidence.by_threshold
    assert by is not None
    index = by.thresholds.index(0.305)
    known = {
        measurement.name: measurement
        for measurement in result.measurements
        if measurement.name in by.values
    }

    assert len(by.thresholds) == 102
    assert set(known) == set(by.values)
    assert {name: values[index] for name, values in by.values.items()} == {
        name: entry.value for name, entry in known.items()
    }
    assert {name: values[index] for name, values in by.held.items()} == {
        name: measurement.judged_value
        for name, measurement in known.items()
        if measurement.bound == "upper"
    }
    assert set(by.held) == {
        *("boxes", "images", "image_share", "mean_boxes_per_image", "boxes[no_vest]")
    }


def test_upper_bounds_over_each_threshold(probe: Probe) -> None:
    """None and one box have the Poisson bounds 3.00 and 4.74; two boxes on one frame are one event
    that weighs 2, and have 2 · 4.74."""
    result = probe('max-boxes = 4\nbound = "upper"')
    by = result.evidence.by_threshold
    assert by is not None

    for threshold, upper_bound in ((0.9, 2.9957), (0.6, 4.7439), (0.5, 2 * 4.7439)):
        bound = by.held["boxes"][by.thresholds.index(threshold)]
        assert bound == pytest.approx(upper_bound, abs=1e-4)


def test_counts_at_every_threshold_are_those_of_matching_anew(probe: Probe) -> None:
    """Forty frames with allowed boxes, detections on and beside them, many of one score; counted
    by a matching that goes through the boxes one by one."""
    random = np.random.default_rng(5)
    frames = [f"{number}.jpg" for number in range(40)]
    allowed, collected = {}, {}
    for name in frames:
        boxes = [
            (str(random.choice(CLASSES)), 40.0 * number, 0.0, 20.0, 20.0) for number in range(3)
        ]
        allowed[name] = boxes
        collected[name] = [
            (
                str(random.choice(CLASSES)),
                float(random.integers(0, 101)) / 100,
                40.0 * random.integers(0, 4) + random.integers(0, 9),
                0.0,
                20.0,
                20.0,
            )
            for _ in range(8)
        ]
    result = probe("max-boxes = 4\nclasses = {no_vest = 2}", collected, frames, allowed)
    by = result.evidence.by_threshold
    assert by is not None

    for index, threshold in enumerate(by.thresholds):
        false = {
            name: false_one_by_one(
                [box for box in collected[name] if box[1] > threshold], allowed[name]
            )
            for name in frames
        }
        counts = [len(boxes) for boxes in false.values()]
        assert by.values["boxes"][index] == sum(counts)
        assert by.values["images"][index] == np.count_nonzero(counts)
        assert by.values["boxes_per_image"][index] == max(counts)
        assert by.values["boxes[no_vest]"][index] == sum(
            box[0] == "no_vest" for boxes in false.values() for box in boxes
        )


def false_one_by_one(
    detections: Sequence[Detected], allowed: Sequence[tuple[str, float, float, float, float]]
) -> list[Detected]:
    """The detections that find no free box of their class, in order of score. All boxes are 20
    pixels wide and high and stand on one line."""
    free, false = list(allowed), []
    for box in sorted(detections, key=lambda entry: -entry[1]):
        overlaps = [
            (max(20 - abs(box[2] - other[1]), 0) / (20 + abs(box[2] - other[1])), other)
            for other in free
            if other[0] == box[0]
        ]
        best = max(overlaps, default=(0.0, None), key=lambda pair: pair[0])
        if best[0] >= 0.5 and best[1] is not None:
            free.remove(best[1])
        else:
            false.append(box)
    return false


def test_frames_come_by_their_highest_false_box(
    probe: Probe,
) -> None:
    """Frames by their highest false box with those under the threshold last."""
    result = probe(
        "max-boxes = 4",
        FOUR | {"yard_6.jpg": [box(0.95)]},
        allowed={"yard_6.jpg": [("helmet_off", 0.0, 0.0, 9.0, 9.0)]},
    )
    evidence = result.evidence

    assert [(frame.image, frame.text) for frame in evidence.frames] == [
        ("yard_1.jpg", "highest false box: helmet_off 0.90"),
        ("yard_4.jpg", "highest false box: helmet_off 0.50"),
        ("yard_5.jpg", "highest false box: helmet_off 0.10"),
    ]
    assert evidence.frames_total == 3
    assert [box.score for box in evidence.frames[0].boxes] == [0.9, 0.6, 0.31]


def test_the_sentence_says_what_threshold_would_meet_the_budget(probe: Probe) -> None:
    """Over 0.5 there are two boxes; over 0.3 four; over 0.1 five."""

    def chart_note(rule: str) -> str:
        (chart,) = probe(rule).evidence.charts
        return chart.about

    assert chart_note("max-boxes = 2").endswith(
        "Moving the threshold from 0.30 to 0.50 would meet the budget."
    )
    assert chart_note("max-boxes = 4").endswith(
        "No lower threshold than 0.30 is known to meet the budget."
    )
    assert chart_note("max-boxes = 5").endswith("The budget is met down to 0.10.")
    assert chart_note('max-boxes = 2\nbound = "upper"').endswith("No threshold meets the budget.")
    # The upper bound of four boxes is 15.4, of three on two frames 10.9.
    assert chart_note('max-boxes = 11\nbound = "upper"').endswith(
        "Moving the threshold from 0.30 to 0.31 would meet the budget."
    )


def test_counts_that_would_hide_all_others_are_not_drawn(probe: Probe) -> None:
    """Three boxes over the operating point, budget 20, so up to 80 are drawn; over 0.1 there are
    a hundred more. The numbers have them all."""
    many = [box(0.2, x=10.0 * number) for number in range(100)]
    result = probe("max-boxes = 20", {"yard_1.jpg": [box(0.9), box(0.8), box(0.7), *many]})
    (chart,) = result.evidence.charts
    assert isinstance(chart, LineChart)
    drawn = dict(zip(chart.panels[0].series[0].x, chart.panels[0].series[0].y, strict=True))

    assert [drawn[threshold] for threshold in (0.0, 0.19, 0.2, 0.7)] == [None, None, 3, 2]
    assert over(result, "boxes")[0.0] == 103
    assert chart.about.endswith("Counts over 80 are not drawn.")


@pytest.mark.parametrize(
    ("frames", "hit", "text"),
    [
        # of 6 the bounds are those of the tests above, rounded away from what is claimed
        (6, 2, "fewer than 73% of such frames have one"),
        (6, 0, "fewer than 40% of such frames have one"),
        # 0.95^(1/6) = 0.9915 below 1, and 0.05^(1/6) = 0.607
        (6, 5, "fewer than 99.15% of such frames have one"),
        (6, 6, "more than 60% of such frames have one"),
        (1, 0, "fewer than 95% of such frames have one"),
    ],
)
def test_message_says_what_few_frames_prove(probe: Probe, frames: int, hit: int, text: str) -> None:
    names = [f"yard_{number}.jpg" for number in range(frames)]
    detections = {name: [box(0.9)] for name in names[:hit]}

    message = probe("max-boxes = 21", detections, names).message

    boxes = "1 false box" if hit == 1 else f"{hit} false boxes"
    named = " (all helmet_off)" if hit else ""
    plural = "1 frame" if frames == 1 else f"{frames} frames"
    assert message == (
        f"{boxes} on {hit} of {plural}{named}, budget 21; from {plural} it only follows "
        f"that {text} (95% confidence, assuming independent frames)"
    )


def test_message_is_short_where_frames_are_many(probe: Probe) -> None:
    """The upper bound of none of 1000 is 1 - 0.05^(1/1000) = 0.2991%."""
    names = [f"yard_{number}.jpg" for number in range(1000)]

    message = probe('max-image-share = 0.01\nbound = "upper"\nconfidence = 0.95', {}, names).message

    assert message == (
        "0 false boxes on 0 of 1,000 frames, at most 0.01 of the frames by upper bound; "
        "fewer than 0.3% of such frames have one (95% confidence, assuming independent frames)"
    )


# Clip a fires on all its 3 frames, b on one of 2, and c, of 1, is quiet.
CLIP_FRAMES = ["a_1.jpg", "a_2.jpg", "a_3.jpg", "b_1.jpg", "b_2.jpg", "c_1.jpg"]
CLIP_FOUND = {
    "a_1.jpg": [box(0.9), box(0.8, x=20)],
    "a_2.jpg": [box(0.9)],
    "a_3.jpg": [box(0.9)],
    "b_2.jpg": [box(0.7)],
}


def chance_above_zero(*terms: float) -> float:
    """Of a sum of independent exponentials with these means, which differ and may be negative: by
    partial fractions."""
    return sum(
        float(np.prod([term / (term - other) for other in terms if other != term]))
        for term in terms
        if term > 0
    )


def test_clips_are_the_witnesses_where_they_are_the_unit(probe: Probe) -> None:
    """Clips of 3, 2 and 1 frames with 4, 1 and 0 boxes, and a made-up one of 2 frames without any:
    at the lower bound r of the boxes a frame, the sum with terms 4 - 3r, 1 - 2r, -r and -2r is
    above 0 with a chance of 95%. The upper bound is that of two events that weigh 4 and 1, with
    one more that weighs 4: 33/9 · χ²(2·81/33)/2. Frames by clip are 3, 1 and 0."""
    result = probe('max-boxes = 99\nunit = "clip"', CLIP_FOUND, CLIP_FRAMES, head=CLIPS)

    low, high = ends(result, "boxes")
    r = low / 6
    assert chance_above_zero(4 - 3 * r, 1 - 2 * r, -r, -2 * r) == pytest.approx(0.95)
    assert high == pytest.approx(33 / 9 * stats.chi2.ppf(0.95, 2 * 81 / 33) / 2)
    assert ends(result, "boxes[helmet_off]") == (low, high)
    assert ends(result, "mean_boxes_per_image") == pytest.approx((low / 6, high / 6))
    least, most = ends(result, "image_share")
    r = least
    assert chance_above_zero(3 - 3 * r, 1 - 2 * r, -r, -2 * r) == pytest.approx(0.95)
    # Without a box are 0, 1 and 1 frames, and of the made-up clip none.
    q = 1 - most
    assert chance_above_zero(-3 * q, 1 - 2 * q, 1 - q, -2 * q) == pytest.approx(0.95)
    assert ends(result, "images") == pytest.approx((6 * least, 6 * most))
    assert measured(result)["clips"] == 2
    assert measured(result)["clips_total"] == 3
    assert result.message == (
        "5 false boxes on 4 of 6 frames (all helmet_off), budget 99; from 3 clips it only follows "
        f"that fewer than {np.ceil(1000 * most) / 10:g}% of such frames have one (95% confidence)"
    )


def test_clips_of_one_frame_each_are_frames(probe: Probe) -> None:
    """The interval is that of independent frames."""
    frames = ["a_1.jpg", "b_1.jpg", "c_1.jpg"]
    result = probe('max-boxes = 99\nunit = "clip"', {"a_1.jpg": [box(0.9)]}, frames, head=CLIPS)

    assert ends(result, "boxes") == pytest.approx((0.0513, 4.7439), abs=5e-5)


def test_a_frame_whose_clip_cannot_be_told_is_a_clip_of_its_own(probe: Probe) -> None:
    frames = ["a_1.jpg", "a_2.jpg", "IMG.jpg", "IMG2.jpg"]
    detections = {"IMG.jpg": [box(0.9)], "IMG2.jpg": [box(0.9)], "a_1.jpg": [box(0.9)]}
    result = probe('max-boxes = 99\nunit = "clip"', detections, frames, head=CLIPS)

    assert measured(result)["clips"] == measured(result)["clips_total"] == 3


def test_a_quiet_probe_of_one_clip_proves_next_to_nothing(probe: Probe) -> None:
    """1 - 0.05^(1/1) = 0.95."""
    result = probe('max-image-share = 0.5\nunit = "clip"\nbound = "upper"', {}, head=CLIPS)

    assert result.verdict == "failed"
    assert result.message.endswith(
        "; from 1 clip it only follows that fewer than 95% of such frames have one (95% confidence)"
    )


def test_too_few_frames_are_too_little_evidence(probe: Probe) -> None:
    result = probe("max-boxes = 21\nmin-images = 7")

    assert result.verdict == "not-evaluated"
    assert result.message == "too little evidence: calm has 6 images, and min-images asks for 7"
    assert probe("max-boxes = 21\nmin-images = 6").verdict == "passed"
    assert probe('max-boxes = 21\nmin-images = 7\ntoo-little = "warn"').verdict == "warned"


def test_confidence_is_that_of_scoring_unless_it_is_given(probe: Probe) -> None:
    """P(X = 0 | 2.3026) = 0.1 and P(X = 0 | 4.6052) = 0.01."""
    head = "[scoring]\nconfidence = 0.9\n"

    assert ends(probe("max-boxes = 9", {}, head=head), "boxes")[1] == pytest.approx(
        2.3026, abs=5e-5
    )
    own = probe("max-boxes = 9\nconfidence = 0.99", {}, head=head)
    assert ends(own, "boxes")[1] == pytest.approx(4.6052, abs=5e-5)


def test_a_probe_has_its_own_way_of_being_held(probe: Probe) -> None:
    own = (
        "max-boxes = 4\n[rules.probe-fp.probes.calm]\n"
        'bound = "upper"\nconfidence = 0.9\nunit = "clip"\nmin-images = 6\n'
        "max-image-share = 1\nmax-mean-boxes-per-image = 9"
    )
    result = probe(own, head=CLIPS)

    assert result.verdict == "failed"
    boxes = named(result, "boxes")
    assert (boxes.bound, boxes.limit) == ("upper", 4)
    assert boxes.interval is not None
    assert boxes.interval.confidence == 0.9
    assert measured(result)["clips"] == 1
    assert named(result, "image_share").limit == 1
    assert named(result, "mean_boxes_per_image").limit == 9


def test_a_probe_without_frames_is_not_evaluated(probe: Probe) -> None:
    result = probe('max-boxes = 3\nbound = "upper"', {}, [])

    assert result.verdict == "not-evaluated"
    assert "calm has no images" in result.message


def test_no_detection_at_all_is_no_false_box(probe: Probe) -> None:
    """The detector looked and said nothing; what that proves is in the bound."""
    result = probe("max-boxes = 0", {})

    assert result.verdict == "passed"
    assert "max_score" not in measured(result)
    assert ends(result, "boxes") == pytest.approx((0.0, 2.9957), abs=5e-5)
    assert over(result, "boxes")[0.0] == 0
    assert result.evidence.frames == []


def test_a_budget_under_the_bound_of_no_box_cannot_pass(probe: Probe) -> None:
    """A budget under the bound of no box cannot pass and says so."""
    result = probe('max-boxes = 2\nbound = "upper"', {})

    assert result.verdict == "failed"
    assert "the upper bound of no box at all is 3" in result.message


def test_budget_of_a_class_that_the_detector_does_not_have(probe: Probe) -> None:
    result = probe("classes = {helmet_of = 3}")

    assert result.verdict == "not-evaluated"
    assert "no class 'helmet_of'; did you mean 'helmet_off'?" in result.message
    result = probe("max-boxes = 0\nclasses = {helmet_of = 3}")
    assert result.verdict == "failed"
    assert "no class 'helmet_of'; did you mean 'helmet_off'?" in result.message


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ('max-boxes = 9\nunit = "clip"', r"\[rules.probe-fp\] unit: .*give \[dataset\] frame-patt"),
        (
            'max-boxes = 9\n[rules.probe-fp.probes.calm]\nunit = "clip"',
            r"\[rules.probe-fp.probes.calm\] unit: .*frame-pattern",
        ),
        ("min-images = 3", r"probe 'calm' has no budget, so it could never fail; give max-boxes"),
        ("max-boxes = 9\nconfidence = 0.5", r"confidence: .*a number > 0\.5 and < 1"),
        ("max-boxes = 9\nconfidence = 1.0", r"confidence: .*a number > 0\.5 and < 1"),
        ("max-boxes = 9\nconfidence = 95", r"confidence: .*a number > 0\.5 and < 1"),
        ('max-boxes = 9\nbound = "lower"', r'bound: .*one of "point", "upper"'),
        ('max-boxes = 9\nunit = "clips"', r"unit: .*did you mean 'clip'"),
        ("max-boxes = 9\nmin-images = -1", r"min-images: .*a whole number ≥ 0"),
        ("max-mean-boxes-per-image = -1", r"max-mean-boxes-per-image: .*a number ≥ 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(probe: Probe, rule: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        probe(rule)


def upper(result: RuleResult, name: str = "boxes") -> float:
    (interval,) = [
        measurement.interval for measurement in result.measurements if measurement.name == name
    ]
    assert interval is not None
    return interval.high


@pytest.mark.parametrize("unit", ["", '\nunit = "auto"', '\nunit = "clip"'])
def test_frames_are_counted_by_clip_wherever_clips_can_be_told(probe: Probe, unit: str) -> None:
    """Two clips of ten frames without a false box: 1 - 0.05^(1/2) = 0.7764 of all frames may have
    one. As Poisson events there may be 2.9957 clips like these, each with ten."""
    frames = [f"{clip}_{n}.jpg" for clip in "ab" for n in range(10)]
    result = probe(f"max-boxes = 29{unit}", {}, frames, head=CLIPS)

    assert upper(result) == pytest.approx(10 * 2.995732, abs=5e-5)
    assert upper(result, "images") == pytest.approx(20 * 0.776393, abs=5e-5)
    assert measured(result)["clips_total"] == 2
    assert "from 2 clips it only follows that fewer than 78% of such frames" in result.message
    assert "independent" not in result.message
    bounded = probe(f'max-boxes = 15\nbound = "upper"{unit}', {}, frames, head=CLIPS)
    assert bounded.verdict == "failed"
    assert bounded.message.endswith(
        "the upper bound of no box at all is 30, so a lower budget never passes"
    )


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        ("", ""),
        (CLIPS, '\nunit = "image"'),
        ("[dataset]\nframe-pattern = '(?P<clip>never)_(?P<frame>\\d+)'\n", ""),
    ],
    ids=["no pattern", "as told", "no name matches"],
)
def test_bounds_by_frame_say_what_they_assume(probe: Probe, head: str, unit: str) -> None:
    """1 - 0.05^(1/20) = 0.1391 of such frames, and 2.9957 boxes."""
    frames = [f"{clip}_{n}.jpg" for clip in "ab" for n in range(10)]
    result = probe(f"max-boxes = 29{unit}", {}, frames, head=head)

    assert upper(result) == pytest.approx(2.9957, abs=5e-5)
    assert "clips_total" not in measured(result)
    assert result.message.endswith(
        "fewer than 14% of such frames have one (95% confidence, assuming independent frames)"
    )


def test_by_clip_as_told_without_any_clip_is_not_evaluated(probe: Probe) -> None:
    head = "[dataset]\nframe-pattern = '(?P<clip>never)_(?P<frame>\\d+)'\n"
    result = probe('max-boxes = 29\nunit = "clip"', {}, head=head)

    assert result.verdict == "not-evaluated"
    assert "no frame of calm tells its clip" in result.message


@pytest.mark.parametrize("annotated", [True, False])
def test_an_image_field_tells_clips_where_there_is_one(tmp_path: Path, annotated: bool) -> None:
    """A folder has no fields: its clips are told by its names."""
    frames: dict[str, list[Any]] = {f"{clip}_{n}.jpg": [] for clip in "abcd" for n in range(2)}
    content = coco_content(frames, CLASSES)
    for row, image in enumerate(content["images"]):
        image["video"] = row // 4
    write_json(tmp_path / "calm.json", content)
    (tmp_path / "images").mkdir()
    for name in frames:
        (tmp_path / "images" / name).write_bytes(b"")
    results_path = write_json(
        tmp_path / "found.json", result_content(frames, {"a_0.jpg": [box(0.05)]}, CLASSES)
    )
    config = (
        f'{CLIPS}[scoring]\nclip-field = "video"\n[probes.calm]\nimages = "images"\n'
        + ('annotations = "calm.json"\n' if annotated else "")
        + "[rules.probe-fp]\nmax-boxes = 1\n"
    )
    (result,) = judged(tmp_path, config, {"calm": results_path}).values()

    assert measured(result)["clips_total"] == (2 if annotated else 4)
