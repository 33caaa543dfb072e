"""`probe-fp`, counted by hand, and its bounds by the distributions that define them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from pytest_detgate.audit.record import RuleResult
from pytest_detgate.errors import ConfigError
from pytest_detgate.findings import Measurement
from tests.judged import judged, measured

CLASSES = ["helmet_off", "no_vest"]
SIX = [f"yard_{number}.jpg" for number in range(1, 7)]
CLIPS = "[dataset]\nframe-pattern = '(?P<clip>[a-z]+)_(?P<frame>\\d+)'\n"
Found = tuple[str, float, float, float, float, float]
Probe = Callable[..., RuleResult]


def box(score: float, label: str = "helmet_off", x: float = 0) -> Found:
    return (label, score, x, 0, 9, 9)


# Four false boxes over 0.3 on two of six frames, three of them on one.
FOUR = {
    "yard_1.jpg": [box(0.9), box(0.31, x=20), box(0.6, "no_vest", x=40)],
    "yard_4.jpg": [box(0.5), box(0.3, x=20)],
    "yard_5.jpg": [box(0.1)],
}


@pytest.fixture
def probe(tmp_path: Path, coco_content: Any, result_content: Any, write_json: Any) -> Probe:
    """A function from a rule's table, frames and detections to the result of the only item."""

    def evaluate(
        rule: str,
        found: Mapping[str, Sequence[Found]] = FOUR,
        frames: Sequence[str] = SIX,
        allowed: Mapping[str, Sequence[tuple[str, float, float, float, float]]] | None = None,
        head: str = "",
    ) -> RuleResult:
        images = {name: list((allowed or {}).get(name, ())) for name in frames}
        write_json(tmp_path / "calm.json", coco_content(images, CLASSES))
        results = write_json(tmp_path / "found.json", result_content(images, found, CLASSES))
        config = (
            f'{head}[probes.calm]\nannotations = "calm.json"\nimages = "images"\n'
            f"[rules.probe-fp]\n{rule}"
        )
        return judged(tmp_path, config, {"calm": results})["probe-fp[calm]"]

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
    }


def test_intervals_are_exact(probe: Probe) -> None:
    """Of 4 boxes the Poisson ends are 1.366 and 9.154, of 2 of 6 frames Clopper and Pearson's are
    0.0628 and 0.7287 (published tables, one-sided 95 %)."""
    result = probe("max-boxes = 21")

    assert ends(result, "boxes") == pytest.approx((1.366, 9.154), abs=5e-4)
    assert ends(result, "mean_boxes_per_image") == pytest.approx((1.3663 / 6, 9.1535 / 6), abs=5e-5)
    assert ends(result, "boxes[no_vest]") == pytest.approx((0.0513, 4.7439), abs=5e-5)
    share = stats.beta.ppf(0.05, 2, 5), stats.beta.ppf(0.95, 3, 4)
    assert share == pytest.approx((0.0628, 0.7287), abs=5e-5)
    assert ends(result, "image_share") == pytest.approx(share, rel=1e-9)
    assert ends(result, "images") == pytest.approx((share[0] * 6, share[1] * 6), rel=1e-9)
    assert named(result, "boxes_per_image").interval is None


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        ("max-boxes = 9", ["boxes"]),
        ("max-boxes = 10", []),
        ("max-images = 4", ["images"]),
        ("max-images = 5", []),
        ("max-image-share = 0.72", ["image_share"]),
        ("max-image-share = 0.73", []),
        ("max-mean-boxes-per-image = 1.52", ["mean_boxes_per_image"]),
        ("max-mean-boxes-per-image = 1.53", []),
        ("classes = {no_vest = 4}", ["boxes[no_vest]"]),
        ("classes = {no_vest = 5}", []),
        # there is no bound of a most: it is held as it is
        ("max-boxes-per-image = 3", []),
        # at 99 %, P(X ≤ 4 | 11.60) = 0.01
        ("max-boxes = 11\nconfidence = 0.99", ["boxes"]),
        ("max-boxes = 12\nconfidence = 0.99", []),
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
    found = {"yard_1.jpg": [box(0.9), box(0.8)]}
    result = probe(
        "max-boxes = 1", found, allowed={"yard_1.jpg": [("helmet_off", 0.0, 0.0, 9.0, 9.0)]}
    )

    assert measured(result)["boxes"] == 1
    assert measured(result)["max_score"] == 0.8


def test_table_counts_boxes_and_frames_over_each_threshold(probe: Probe) -> None:
    """Scores 0.9, 0.6, 0.31 on one frame, 0.5 and 0.3 on another, 0.1 on a third."""
    table = probe("max-boxes = 4").tables["false boxes by threshold"]

    rows = {row[0]: tuple(row[1:]) for row in table.rows}
    assert table.columns == ["threshold", "boxes", "images"]
    assert len(rows) == len(table.rows) == 51
    assert {at: rows[at] for at in (0.0, 0.1, 0.3, 0.32, 0.5, 0.6, 0.88, 0.9, 1.0)} == {
        0.0: (6, 3),
        0.1: (5, 2),
        0.3: (4, 2),
        0.32: (3, 2),
        0.5: (2, 1),
        0.6: (1, 1),
        0.88: (1, 1),
        0.9: (0, 0),
        1.0: (0, 0),
    }


def test_table_has_a_row_for_an_odd_operating_point(probe: Probe) -> None:
    """It agrees with the verdict there."""
    result = probe("max-boxes = 4\nscore-threshold = 0.305")

    assert [0.305, 4, 2] in result.tables["false boxes by threshold"].rows
    assert measured(result)["boxes"] == 4


def test_table_matches_at_every_threshold_as_if_it_were_alone(probe: Probe) -> None:
    """Over 0.3 the box of 0.4 is explained by the allowed box; over 0.5 as well, since the box of
    0.6 has taken it before: a lower box never takes a match from a higher one."""
    found = {"yard_1.jpg": [box(0.6), box(0.4)]}
    allowed = {"yard_1.jpg": [("helmet_off", 0.0, 0.0, 9.0, 9.0)]}
    counts = {
        threshold: measured(
            probe(f"max-boxes = 4\nscore-threshold = {threshold}", found, allowed=allowed)
        )["boxes"]
        for threshold in (0.3, 0.4, 0.5)
    }
    table = probe("max-boxes = 4", found, allowed=allowed).tables["false boxes by threshold"]

    assert counts == {0.3: 1, 0.4: 0, 0.5: 0}
    assert {row[0]: row[1] for row in table.rows if row[0] in counts} == counts


@pytest.mark.parametrize(
    ("frames", "hit", "said"),
    [
        # of 6 the bounds are those of the tests above, rounded away from what is claimed
        (6, 2, "fewer than 73 % of such frames have one"),
        (6, 0, "fewer than 40 % of such frames have one"),
        # 0.95^(1/6) = 0.9915 below 1, and 0.05^(1/6) = 0.607
        (6, 5, "fewer than 99.15 % of such frames have one"),
        (6, 6, "more than 60 % of such frames have one"),
        (1, 0, "fewer than 95 % of such frames have one"),
    ],
)
def test_message_says_what_few_frames_prove(probe: Probe, frames: int, hit: int, said: str) -> None:
    names = [f"yard_{number}.jpg" for number in range(frames)]
    found = {name: [box(0.9)] for name in names[:hit]}

    message = probe("max-boxes = 21", found, names).message

    boxes = "1 false box" if hit == 1 else f"{hit} false boxes"
    plural = "1 frame" if frames == 1 else f"{frames} frames"
    assert message == (
        f"{boxes} on {hit} of {frames} frames, budget 21; from {plural} it only follows that "
        f"{said} (95 % confidence)"
    )


def test_message_is_short_where_frames_are_many(probe: Probe) -> None:
    """The upper bound of none of 1000 is 1 - 0.05^(1/1000) = 0.2991 %."""
    names = [f"yard_{number}.jpg" for number in range(1000)]

    message = probe('max-image-share = 0.01\nbound = "upper"\nconfidence = 0.95', {}, names).message

    assert message == (
        "0 false boxes on 0 of 1000 frames, at most 0.01 of the frames by upper bound; "
        "fewer than 0.3 % of such frames have one (95 % confidence)"
    )


# Clip a fires on all its 3 frames, b on one of 2, and c, of 1, is quiet.
CLIP_FRAMES = ["a_1.jpg", "a_2.jpg", "a_3.jpg", "b_1.jpg", "b_2.jpg", "c_1.jpg"]
CLIP_FOUND = {
    "a_1.jpg": [box(0.9), box(0.8, x=20)],
    "a_2.jpg": [box(0.9)],
    "a_3.jpg": [box(0.9)],
    "b_2.jpg": [box(0.7)],
}


def test_clips_are_the_witnesses_where_they_are_the_unit(probe: Probe) -> None:
    """Boxes by clip are 4, 1 and 0: y = 5, v = 17; the heaviest clip, 4 boxes, is more than the
    most frames, 3, so w = 4: 17/10·χ²(2·25/17; 0.05) and 33/18·χ²(2·81/33; 0.95).
    Frames by clip are 3, 1 and 0: y = 4, v = 10, w = 3: 19/14·χ²(2·49/19; 0.95), which is 15.3,
    more than there are, and 10/8·χ²(2·16/10; 0.05), which is 0.519 or 8.65 % of them."""
    result = probe('max-boxes = 99\nunit = "clip"', CLIP_FOUND, CLIP_FRAMES, head=CLIPS)

    low, high = 17 / 10 * stats.chi2.ppf(0.05, 50 / 17), 33 / 18 * stats.chi2.ppf(0.95, 162 / 33)
    assert ends(result, "boxes") == pytest.approx((low, high), rel=1e-9)
    assert ends(result, "boxes[helmet_off]") == pytest.approx((low, high), rel=1e-9)
    assert ends(result, "mean_boxes_per_image") == pytest.approx((low / 6, high / 6), rel=1e-9)
    least = 10 / 8 * stats.chi2.ppf(0.05, 32 / 10)
    assert ends(result, "images") == pytest.approx((least, 6.0), rel=1e-9)
    assert ends(result, "image_share") == pytest.approx((least / 6, 1.0), rel=1e-9)
    assert measured(result)["clips"] == 2
    assert measured(result)["clips_total"] == 3
    assert result.message == (
        "5 false boxes on 4 of 6 frames, budget 99; from 3 clips it only follows that more than "
        "8.6 % of such frames have one (95 % confidence)"
    )


def test_clips_of_one_frame_each_are_frames(probe: Probe) -> None:
    """One box at most on a frame: the clustered interval is the plain Poisson one."""
    frames = ["a_1.jpg", "b_1.jpg", "c_1.jpg"]
    result = probe('max-boxes = 99\nunit = "clip"', {"a_1.jpg": [box(0.9)]}, frames, head=CLIPS)

    assert ends(result, "boxes") == pytest.approx((0.0513, 4.7439), abs=5e-5)


def test_a_frame_whose_clip_cannot_be_told_is_a_clip_of_its_own(probe: Probe) -> None:
    frames = ["a_1.jpg", "a_2.jpg", "IMG.jpg", "IMG2.jpg"]
    found = {"IMG.jpg": [box(0.9)], "IMG2.jpg": [box(0.9)], "a_1.jpg": [box(0.9)]}
    result = probe('max-boxes = 99\nunit = "clip"', found, frames, head=CLIPS)

    assert measured(result)["clips"] == measured(result)["clips_total"] == 3


def test_a_quiet_probe_of_one_clip_proves_nothing(probe: Probe) -> None:
    result = probe('max-image-share = 0.5\nunit = "clip"\nbound = "upper"', {}, head=CLIPS)

    assert result.verdict == "failed"
    assert result.message.endswith(
        "; from 1 clip nothing follows for other such frames (95 % confidence)"
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
    assert result.tables["false boxes by threshold"].rows[0] == [0.0, 0, 0]


def test_a_budget_under_the_bound_of_no_box_cannot_pass_and_says_so(probe: Probe) -> None:
    result = probe('max-boxes = 2\nbound = "upper"', {})

    assert result.verdict == "failed"
    assert "the upper bound of no box at all is 3" in result.message


def test_budget_of_a_class_that_the_detector_does_not_have(probe: Probe) -> None:
    result = probe("classes = {helmet_of = 3}")

    assert result.verdict == "not-evaluated"
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
