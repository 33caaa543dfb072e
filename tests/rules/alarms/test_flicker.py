"""Flicker, counted by hand on clips of ten frames at two frames a second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

HEAD = r"""
[dataset]
frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\d+)\.jpg$'
fps = 2
"""
FRAMES = range(1, 11)
STILL = (10, 10, 30, 30)
OTHER = (60, 60, 30, 30)


def result_of(
    folder: Path,
    seen: Mapping[str, Mapping[tuple[int, int, int, int], str]],
    rule: str = "max = 0.1",
    score: float = 0.9,
) -> RuleResult:
    """Evaluate the rule on clips; of each object `x` is a frame on which it is seen."""
    frames = [f"{clip}_{frame}.jpg" for clip in seen for frame in FRAMES]
    detections = {
        name: [
            ("helmet_off", score, *box)
            for box, line in seen[name.split("_")[0]].items()
            if line[int(name.split("_")[1][:-4]) - 1] == "x"
        ]
        for name in frames
    }
    truth: dict[str, list[tuple[str, float, float, float, float]]] = {name: [] for name in frames}
    truth[frames[0]] = [("helmet_off", *STILL)]
    write_json(folder / "val.json", coco_content(truth))
    path = write_json(folder / "found.json", result_content(truth, detections))
    config = HEAD + split_tables(val="images") + f"[rules.flicker]\n{rule}\n"
    return judged(folder, config, {"val": path})["flicker[val]"]


@pytest.mark.parametrize(
    ("line", "interruptions", "short", "seconds"),
    [
        ("xxxxxxxxxx", 0, 0, 5.0),
        ("xx.xxxx.xx", 2, 0, 5.0),
        ("x..x......", 1, 0, 2.0),  # of one second, which it may be gone
        ("xx...xx...", 0, 0, 2.0),  # gone for longer: two objects of a second each
        ("....x.....", 0, 1, 0.5),
        ("x.........", 0, 0, 0.5),  # it was there before the clip, as far as anybody knows
        (".........x", 0, 0, 0.5),
        ("...xx.....", 0, 0, 1.0),  # a second is not short
        ("x.x.x.x.x.", 4, 0, 4.5),
    ],
)
def test_one_object_by_hand(
    line: str, interruptions: int, short: int, seconds: float, tmp_path: Path
) -> None:
    values = measured(result_of(tmp_path, {"a": {STILL: line}}, "max = 0.1\nshort-s = 0.6"))

    assert values["interruptions"] == interruptions
    assert values["short"] == short
    assert values["object_seconds"] == pytest.approx(seconds)
    assert values["flicker"] == pytest.approx((interruptions + short) / seconds)


def test_ranks_of_five_checkpoints_equal_a_count_by_hand(tmp_path: Path) -> None:
    """Two objects, one of them on each of two clips. By hand: how often they are gone for one
    frame or two and come back. All are there in the first and the last frame, so that each is there
    for 5 s."""
    checkpoints = {
        "steady": (("xxxxxxxxxx", "xxxxxxxxxx", "xxxxxxxxxx"), 0),
        "one": (("xxxxx.xxxx", "xxxxxxxxxx", "xxxxxxxxxx"), 1),
        "three": (("xx.xx..xxx", "xxxxxxxxxx", "xxxxxxx.xx"), 3),
        "six": (("x.x.xxxxxx", "xx..xx.xxx", "x..xxxxx.x"), 6),
        "worst": (("x.x.x.x.xx", "x.x..x.x.x", "xx.xx.xx.x"), 11),
    }
    metrics, by_hand = {}, {}
    for name, ((first, second, third), count) in checkpoints.items():
        folder = tmp_path / name
        folder.mkdir()
        seen = {"a": {STILL: first, OTHER: second}, "b": {STILL: third}}
        values = measured(result_of(folder, seen))
        metrics[name], by_hand[name] = values["flicker"], count
        assert values["interruptions"] == count
        assert values["flicker"] == pytest.approx(count / 15)

    assert sorted(metrics, key=metrics.__getitem__) == sorted(by_hand, key=by_hand.__getitem__)


def test_the_worst_object_comes_first(tmp_path: Path) -> None:
    seen = {"a": {STILL: "xxxx.xxxxx", OTHER: "x.x.xxxxxx"}, "b": {STILL: "...x......"}}
    result = result_of(tmp_path, seen)

    assert result.verdict == "failed"
    assert finding_lines(result) == [
        "a_1.jpg: helmet_off 0.90 gone and back 2 times in 5 s",
        "b_4.jpg: helmet_off 0.90 there for 0.5 s alone",
        "a_1.jpg: helmet_off 0.90 gone and back 1 time in 5 s",
    ]


def test_a_frame_that_is_missing_is_no_interruption(tmp_path: Path) -> None:
    """Frame 5 is not there, and 6 is not either on clip b; nobody knows what was on them."""
    seen = {"a": {STILL: "xxxxxxxxxx"}}
    result_of(tmp_path, seen)
    for name in ("val.json", "found.json"):
        content = json.loads((tmp_path / name).read_text())
        content["images"] = [
            image for image in content["images"] if image["file_name"] != "a_5.jpg"
        ]
        content["annotations"] = [
            annotation for annotation in content["annotations"] if annotation["image_id"] != 5
        ]
        write_json(tmp_path / name, content)
    config = HEAD + split_tables(val="images")
    files = {"val": tmp_path / "found.json"}
    strict = judged(tmp_path, config + "[rules.flicker]\nmax = 0.1\n", files)["flicker[val]"]
    allowed = "[rules.flicker]\nmax = 0.1\nmax-missing-frames = 1\n"
    result = judged(tmp_path, config + allowed, files)["flicker[val]"]

    assert strict.verdict == "not-evaluated"
    assert "1 frame is missing" in strict.message
    assert result.verdict == "passed"
    assert measured(result)["interruptions"] == 0


def test_nothing_detected_is_no_pass(tmp_path: Path) -> None:
    result = result_of(tmp_path, {"a": {STILL: "xxxxxxxxxx"}}, score=0.2)

    assert result.verdict == "not-evaluated"
    assert "nothing can come and go" in result.message


def test_the_upper_bound_needs_clips(tmp_path: Path) -> None:
    few = result_of(tmp_path, {"a": {STILL: "xxxxxxxxxx"}}, 'max = 1\nbound = "upper"')
    many = {clip: {STILL: "xxxxxxxxxx"} for clip in "abcdef"}
    (tmp_path / "many").mkdir()
    enough = result_of(tmp_path / "many", many, 'max = 0.1\nbound = "upper"')

    assert few.verdict == "not-evaluated"
    assert "at least 5 are needed" in few.message
    # Nothing in 30 s: the exact bound is ln 20 / 30.
    (flicker,) = (
        measurement for measurement in enough.measurements if measurement.name == "flicker"
    )
    assert flicker.interval is not None
    assert flicker.interval.high == pytest.approx(2.9957 / 30, rel=1e-3)
    assert enough.verdict == "passed"


def test_a_split_without_clips_is_not_evaluated(tmp_path: Path) -> None:
    truth = {"x.jpg": [("helmet_off", *STILL)]}
    write_json(tmp_path / "val.json", coco_content(truth))
    results_path = write_json(tmp_path / "f.json", result_content(truth, {"x.jpg": []}))
    config = split_tables(val="images") + "[rules.flicker]\nmax = 0.1\n"
    result = judged(tmp_path, config, {"val": results_path})["flicker[val]"]

    assert result.verdict == "not-evaluated"
    with pytest.raises(ConfigError, match="did you mean 'val'"):
        judged(tmp_path, config + 'on = ["vall"]\n', {"val": results_path})
