"""`lost-objects` on models whose objects are counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from tests.judged import finding_lines, measured
from tests.rules.comparing import Comparison

CLIPS = "abcdef"
CLASSES = ("helmet_off", "no_vest")
# In each of 6 clips two frames, with an object of either class on each.
VAL: dict[str, list[Any]] = {
    f"{clip}_{frame}.jpg": [("helmet_off", 10, 10, 20, 20), ("no_vest", 60, 60, 20, 20)]
    for clip in CLIPS
    for frame in (1, 2)
}
CALM: dict[str, list[Any]] = {f"{clip}_{frame}.jpg": [] for clip in CLIPS for frame in (7, 8)}


def helmets(images: list[str], score: float = 0.8) -> dict[str, list[Any]]:
    """A model that finds helmet_off on some images."""
    return {image: [("helmet_off", score, 10, 10, 20, 20)] for image in images}


def vests(images: list[str], score: float = 0.8) -> dict[str, list[Any]]:
    return {image: [("no_vest", score, 60, 60, 20, 20)] for image in images}


EVERY = list(VAL)
ALL = {image: [*helmets([image])[image], *vests([image])[image]] for image in VAL}


@pytest.fixture
def site(tmp_path: Path) -> Comparison:
    comparison = Comparison(tmp_path, {"val": VAL, "calm": CALM}, CLASSES)
    comparison.head += "[dataset]\nframe-pattern = '(?P<clip>[a-z])_(?P<frame>\\d+)'\n"
    return comparison


def judge(
    site: Comparison,
    options: str,
    gated: dict[str, list[Any]],
    baseline: dict[str, list[Any]],
) -> RuleResult:
    (result,) = site.results(
        f"[rules.lost-objects]\n{options}",
        site.model("gated", val=gated),
        baseline=site.model("old", val=baseline),
    ).values()
    return result


def test_each_object_is_compared_on_its_own(site: Comparison) -> None:
    """The baseline finds a_1 and b_1, the new model a_1 and c_1."""
    result = judge(site, "max-lost = 0", helmets(["a_1.jpg", "c_1.jpg"]),
                   helmets(["a_1.jpg", "b_1.jpg"]))  # fmt: skip

    assert result.verdict == "failed"
    values = measured(result)
    assert (values["lost"], values["gained"], values["found"], values["baseline"]) == (1, 1, 2, 2)
    assert values["lost_share"] == 0.5
    assert finding_lines(result) == [
        "b_1.jpg: annotation 5: lost, the baseline finds it with 0.80, no detection matches it now"
    ]
    assert [frame.image for frame in result.evidence.frames] == ["b_1.jpg"]
    (row,) = result.tables["gained objects"].rows
    assert row == ["c_1.jpg", "annotation 9", "helmet_off", 0.8, None]


def test_a_score_below_the_operating_point_is_a_loss(site: Comparison) -> None:
    gated = {**ALL, "a_1.jpg": [("helmet_off", 0.25, 10, 10, 20, 20), *vests(EVERY)["a_1.jpg"]]}
    result = judge(site, "max-lost = 0\nscore-threshold = 0.3", gated, ALL)

    assert finding_lines(result) == [
        "a_1.jpg: annotation 1: lost, the baseline finds it with 0.80, now 0.25"
    ]
    lower = "max-lost = 0\nscore-threshold = 0.2\nbaseline-threshold = 0.3"
    assert judge(site, lower, gated, ALL).verdict == "passed"


def test_a_score_at_the_operating_point_finds_nothing(site: Comparison) -> None:
    options = "max-lost = 24\nscore-threshold = 0.8\nbaseline-threshold = 0.7"
    values = measured(judge(site, options, ALL, ALL))
    assert (values["found"], values["baseline"], values["lost"]) == (0, 24, 24)

    options = "max-lost = 24\nscore-threshold = 0.7\nbaseline-threshold = 0.8"
    assert "the baseline finds nothing" in judge(site, options, ALL, ALL).message


def test_a_false_box_finds_no_other_object(site: Comparison) -> None:
    """On the last image nothing is found, and a box on the first one that matches nothing."""
    gated = {**ALL, "a_1.jpg": [*ALL["a_1.jpg"], ("no_vest", 0.9, 30, 30, 20, 20)]}
    del gated["f_2.jpg"]

    assert measured(judge(site, "max-lost = 0", gated, ALL))["lost"] == 2


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("max-lost = 12", "passed"),
        ("max-lost = 11", "failed"),
        ("max-lost-share = 1.0", "passed"),
        ("max-lost-share = 0.9", "failed"),
        ("classes = { helmet_off = 11 }", "failed"),
        ("classes = { no_vest = 0 }", "passed"),
        # In each clip two helmets are lost and two vests gained: 1 of 2^6 ways, and its mirror.
        ("min-p-value = 0.05", "failed"),
        ("min-p-value = 0.03", "passed"),
    ],
)
def test_a_swap_of_classes_fails(site: Comparison, options: str, verdict: str) -> None:
    """12 helmets are swapped for 12 vests: AP of both classes together stays the same."""
    result = judge(site, options, vests(EVERY), helmets(EVERY))

    assert result.verdict == verdict
    assert (measured(result)["lost"], measured(result)["gained"]) == (12, 12)


def test_the_message_names_the_class_that_lost(site: Comparison) -> None:
    message = judge(site, "min-p-value = 0.05", vests(EVERY), helmets(EVERY)).message

    assert "p-value 0.0312, least for helmet_off (+12 lost less gained)" in message


def test_the_upper_bound_of_the_share_may_be_the_limit(site: Comparison) -> None:
    """Nothing lost on 6 clips: the upper bound is 1 - 0.05^(1/6) = 0.393."""
    result = judge(site, 'max-lost-share = 0.39\nbound = "upper"', helmets(EVERY, 0.9),
                   helmets(EVERY))  # fmt: skip

    assert result.verdict == "failed"
    share = next(
        measurement for measurement in result.measurements if measurement.name == "lost_share"
    )
    assert share.interval is not None
    assert share.interval.high == pytest.approx(1 - 0.05 ** (1 / 6), abs=1e-6)
    # 1 - 0.05^(1 / 7) is 0.348.
    assert result.needs == (
        "the same on 7 clips would show that the lost share is at most 0.39; 6 were looked at"
    )
    other = judge(site, 'max-lost-share = 0.4\nbound = "upper"', helmets(EVERY, 0.9),
                  helmets(EVERY))  # fmt: skip
    assert other.verdict == "passed"


def test_few_clips_never_have_a_small_p_value(tmp_path: Path) -> None:
    some = {image: boxes for image, boxes in VAL.items() if image[0] in "abcd"}
    site = Comparison(tmp_path, {"val": some}, CLASSES)
    site.head += "[dataset]\nframe-pattern = '(?P<clip>[a-z])_(?P<frame>\\d+)'\n"
    result = judge(site, "min-p-value = 0.2", vests(list(some)), helmets(list(some)))

    assert result.verdict == "not-evaluated"
    assert "4 clips: at least 5 are needed" in result.message


def test_what_could_never_fail_is_not_evaluated(site: Comparison) -> None:
    result = judge(site, "min-p-value = 0.01", vests(EVERY), helmets(EVERY))

    assert result.verdict == "not-evaluated"
    assert "no p-value is below 0.0156" in result.message


@pytest.mark.parametrize(
    ("entry", "verdict", "missed"),
    [
        ('{ image = "a_1.jpg" }', "passed", 0),
        ('{ image = "b_*" }', "failed", 2),
        ("{ annotation = 5 }", "failed", 1),
        ('{ annotation = "5" }', "failed", 1),
        ('{ image = "b_1.jpg", annotation = 5 }', "failed", 1),
        ('{ image = "a_1.jpg", annotation = 5 }', "not-evaluated", None),
        ('{ image = "a_3.jpg" }', "not-evaluated", None),
        ("{ annotation = 99 }", "not-evaluated", None),
    ],
)
def test_what_must_be_found(site: Comparison, entry: str, verdict: str, missed: int | None) -> None:
    """Everything is found but both helmets of clip b, which the baseline misses, too."""
    detections = {image: boxes[1:] if image[0] == "b" else boxes for image, boxes in ALL.items()}
    other = {image: [(name, 0.9, *box) for name, _, *box in boxes]
             for image, boxes in detections.items()}  # fmt: skip
    result = judge(site, f"must-find = [{entry}]", detections, other)

    assert result.verdict == verdict
    assert measured(result).get("must_find_missed") == missed


def test_a_first_run_still_has_to_find_what_it_must(site: Comparison) -> None:
    rule = '[rules.lost-objects]\nfirst-run = "accept"\nmust-find = [{ image = "b_1.jpg" }]'
    gated = site.model("gated", val=vests(EVERY))
    (result,) = site.results(rule, gated).values()

    assert result.verdict == "failed"
    assert finding_lines(result) == [
        "b_1.jpg: annotation 5: must be found, the baseline misses it, no detection matches it now"
    ]
    every = site.model("all", val=ALL)
    assert site.results(rule, every)["lost-objects[val]"].verdict == "waived"


def boxes(*scores: float, left: float = 10) -> list[Any]:
    return [
        ("helmet_off", score, left + 25 * index, 50, 20, 20) for index, score in enumerate(scores)
    ]


def test_new_false_boxes_are_those_that_the_baseline_lacks(site: Comparison) -> None:
    """a_7: the same box in both; b_7: moved by 4 of 20, IoU 16 / 24; by 8 in c_7, IoU 12 / 28;
    d_7: another class; e_7: two where one was; f_7: one is gone."""
    calm = {"a_7.jpg": boxes(0.8), "b_7.jpg": boxes(0.8), "c_7.jpg": boxes(0.8),
            "d_7.jpg": boxes(0.8), "e_7.jpg": boxes(0.8), "f_7.jpg": boxes(0.8)}  # fmt: skip
    now = {"a_7.jpg": boxes(0.7), "b_7.jpg": boxes(0.8, left=14), "c_7.jpg": boxes(0.9, left=18),
           "d_7.jpg": [("no_vest", 0.6, 10, 50, 20, 20)], "e_7.jpg": boxes(0.8, 0.5)}  # fmt: skip
    results = site.results(
        "[rules.lost-objects]\nmax-new-false = 2",
        site.model("gated", val=ALL, calm=now),
        baseline=site.model("old", val=ALL, calm=calm),
    )

    result = results["lost-objects[calm]"]
    values = measured(result)
    assert (values["new"], values["gone"], values["boxes"], values["baseline"]) == (3, 3, 6, 6)
    assert result.verdict == "failed"
    assert finding_lines(result) == ["c_7.jpg: helmet_off 0.90", "d_7.jpg: no_vest 0.60",
                            "e_7.jpg: helmet_off 0.50"]  # fmt: skip


def test_a_report_has_no_objects(site: Comparison) -> None:
    report = site.report("[rules.mean-ap]\nmin = 0.0", site.model("old", val=ALL))
    rule = "[rules.lost-objects]\nmax-lost = 0"
    (result,) = site.results(rule, site.model("gated", val=vests(EVERY)), baseline=report).values()

    assert result.verdict == "not-evaluated"
    assert "name a checkpoint with --detgate-baseline" in result.message


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("", "sets no limit"),
        ("must-find = [{}]", "names nothing"),
        ("max-lost = 0\nprobes = ['calm']", "probes needs max-new-false"),
        ("max-lost = 0\nclasses = { cone = 1 }", "cone"),
        ("min-p-value = 0.05\nreplicates = 100", "at least 200 replicates"),
    ],
)
def test_mistakes(site: Comparison, options: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        judge(site, options, ALL, ALL)
