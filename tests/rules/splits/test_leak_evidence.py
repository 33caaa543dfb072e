"""What the rules on leaks show: clips on a line, distances, pictures side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.clips.clip_maps import NEIGHBOURS_CAP
from pytest_detgate.evidence import ClipMap, Histogram
from pytest_detgate.image_hashes.difference_hash import difference_hash
from pytest_detgate.image_hashes.duplicates import PAIRS_CAP
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.drawn import draw_pictures, drawn
from tests.judged import judged, split_tables

PATTERN = "[dataset]\nframe-pattern = '(?P<clip>[a-z]+)(?:-(?P<frame>\\d+))?\\.png$'\n"
CLIPS_ONLY = "[dataset]\nframe-pattern = '(?P<clip>[a-z]+)-\\d+\\.png$'\n"
DISTANCE = '[rules.frame-distance]\nbetween = ["train", "val"]\nwithin = 2\n'
OVERLAP = '[rules.clip-overlap]\nbetween = ["train", "val"]\n'

Judge = Callable[..., RuleResult]


@pytest.fixture
def evaluate(tmp_path: Path) -> Judge:
    """A function that evaluates a rule on two splits, given as file names."""

    def run(
        rule: str, train: Sequence[str], val: Sequence[str], head: str = PATTERN, **fields: Any
    ) -> RuleResult:
        for name, file_names in (("train", train), ("val", val)):
            content = coco_content({file_name: [] for file_name in file_names})
            for image in content["images"]:
                image |= {field: values[image["file_name"]] for field, values in fields.items()}
            write_json(tmp_path / f"{name}.json", content)
        tables = split_tables(train="images", val="images")
        (result,) = judged(tmp_path, head + tables + rule).values()
        return result

    return run


@pytest.fixture
def isolation(tmp_path: Path) -> Judge:
    """A function that evaluates `probe-isolation`; pictures are given by what they show."""

    def run(train: Mapping[str, str], probe: Mapping[str, str], head: str = PATTERN) -> RuleResult:
        draw_pictures(tmp_path / "images", train)
        draw_pictures(tmp_path / "probe", probe)
        write_json(tmp_path / "train.json", coco_content({name: [] for name in train}))
        tables = split_tables(train="images") + '[probes.site]\nimages = "probe"\n'
        results = judged(tmp_path, head + tables + "[rules.probe-isolation]\n")
        return results["probe-isolation[site]"]

    return run


def pairs(result: RuleResult) -> list[tuple[str, str, str]]:
    """Tested picture, the one beside it, and what is said of them."""
    return [(pair.one.image, pair.other.image, pair.text) for pair in result.evidence.pairs]


def test_frame_distance_shows_clips_distances_and_neighbours(evaluate: Judge) -> None:
    """Distances 0, 1, 2, 4 and 40; one clip that is not in train."""
    result = evaluate(
        DISTANCE,
        ["a-10.png", "a-20.png", "b-5.png"],
        ["a-10.png", "a-21.png", "b-3.png", "a-14.png", "a-60.png", "c-10.png"],
    )

    mapped, distances = result.evidence.charts
    assert isinstance(mapped, ClipMap)
    assert (mapped.splits, mapped.total, mapped.within) == (["train", "val"], 2, 2)
    assert {line.clip: (line.near, line.frames) for line in mapped.clips} == {
        "a": (2, {"train": [10, 20], "val": [10, 14, 21, 60]}),
        "b": (1, {"train": [5], "val": [3]}),
    }
    actual = (
        "3 of 6 val images are within 2 frames of a train frame of the same clip; split by "
        "clip: `python -m pytest_detgate split`."
    )
    assert mapped.about == f"The frames of each clip that train and val share. {actual}"
    assert isinstance(distances, Histogram)
    names = ["0", "1", "2", "3-5", "6-10", "11-30", "31-100", "over 100"]
    assert distances.names == names
    assert distances.counts == {"val": [1, 1, 1, 1, 0, 0, 1, 0]}
    assert [(mark.label, mark.at) for mark in distances.marks] == [("within 2", 3)]
    assert distances.about == (
        f"{actual} 5 images could be compared with a frame of the same clip."
    )
    assert pairs(result) == [
        ("a-10.png", "a-10.png", "same clip, same frame number"),
        ("a-21.png", "a-20.png", "same clip, 1 frame apart"),
        ("b-3.png", "b-5.png", "same clip, 2 frames apart"),
    ]
    first = result.evidence.pairs[0]
    assert (first.one.dataset, first.other.dataset) == ("val", "train")
    assert result.evidence.pairs_total == 3


def test_frame_distance_that_passes_shows_how_far_it_is(evaluate: Judge) -> None:
    result = evaluate(DISTANCE, ["a-1.png"], ["a-9.png", "b-1.png"])

    mapped, distances = result.evidence.charts
    assert result.verdict == "passed"
    assert mapped.about.endswith(
        "0 of 2 val images are within 2 frames of a train frame of the same clip."
    )
    assert isinstance(distances, Histogram)
    assert sum(distances.counts["val"]) == 1
    assert (result.evidence.pairs, result.evidence.pairs_total) == ([], 0)


def test_frame_distance_without_a_shared_clip_shows_nothing(evaluate: Judge) -> None:
    assert evaluate(DISTANCE, ["a-1.png"], ["b-1.png"]).evidence.charts == []


def test_few_neighbours_are_shown_of_as_many_clips_as_there_are(evaluate: Judge) -> None:
    train = [f"{clip}-{number}.png" for clip in "ab" for number in range(0, 40, 2)]
    val = [f"{clip}-{number}.png" for clip in "ab" for number in range(1, 41, 2)]

    result = evaluate(DISTANCE, train, [*val, "a-0.png"])

    assert len(result.evidence.pairs) == NEIGHBOURS_CAP
    assert result.evidence.pairs_total == 41
    assert [pair for pair, _, _ in pairs(result)] == [
        "a-0.png",
        *("a-1.png", "b-1.png"),
        *("a-3.png", "b-3.png"),
        "a-5.png",
    ]


def test_clip_overlap_shows_clips_on_a_line(evaluate: Judge) -> None:
    result = evaluate(
        OVERLAP, ["a-1.png", "b-2.png", "c-1.png"], ["a-3.png", "b-4.png", "b-9.png", "d-1.png"]
    )

    (mapped,) = result.evidence.charts
    assert isinstance(mapped, ClipMap)
    assert [(line.clip, line.frames) for line in mapped.clips] == [
        ("b", {"train": [2], "val": [4, 9]}),
        ("a", {"train": [1], "val": [3]}),
    ]
    assert (mapped.total, mapped.within) == (2, None)
    assert mapped.about == (
        "3 of 4 val images come from a clip that train has too; split by clip: "
        "`python -m pytest_detgate split`."
    )
    assert pairs(result) == [
        ("a-3.png", "a-1.png", "same clip, 2 frames apart"),
        ("b-4.png", "b-2.png", "same clip, 2 frames apart"),
        ("b-9.png", "b-2.png", "same clip, 7 frames apart"),
    ]


def test_clip_overlap_counts_images_where_frames_have_no_numbers(evaluate: Judge) -> None:
    result = evaluate(
        OVERLAP, ["a-1.png", "a-2.png", "b-2.png"], ["a-3.png", "b-4.png", "b-9.png"], CLIPS_ONLY
    )

    (chart,) = result.evidence.charts
    assert isinstance(chart, Histogram)
    assert (chart.names, chart.counts) == (["b", "a"], {"train": [1, 2], "val": [2, 1]})
    assert chart.about.endswith("Frame numbers are unknown, so images are counted by clip.")
    assert pairs(result)[:2] == [
        ("a-3.png", "a-1.png", "same clip"),
        ("b-4.png", "b-2.png", "same clip"),
    ]


def test_clip_overlap_by_a_field_without_any_pattern(evaluate: Judge) -> None:
    video = {"1.png": 7, "2.png": 8, "3.png": 7}

    result = evaluate(
        OVERLAP + 'clip-field = "video_id"\n', ["1.png", "2.png"], ["3.png"], "", video_id=video
    )

    (chart,) = result.evidence.charts
    assert isinstance(chart, Histogram)
    assert (chart.names, chart.counts) == (["7"], {"train": [1], "val": [1]})
    assert pairs(result) == [("3.png", "1.png", "same clip")]


def test_clip_overlap_that_finds_nothing_shows_nothing(evaluate: Judge) -> None:
    result = evaluate(OVERLAP, ["a-1.png"], ["b-1.png"])

    assert result.evidence.charts == []
    assert result.evidence.pairs == []


def test_copies_stand_side_by_side(evaluate: Judge, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    draw_pictures(folder, {"a.png": "yard", "b.png": "roof", "c.png": "yard", "own.png": "gate"})
    drawn("roof").resize((50, 50)).save(folder / "small.png")

    result = evaluate(
        '[rules.duplicate-images]\nbetween = ["train", "val"]\n',
        ["a.png", "b.png"],
        ["own.png", "small.png", "c.png"],
        "",
    )

    assert pairs(result) == [
        ("c.png", "a.png", "same bytes"),
        ("small.png", "b.png", "same perceptual hash, other bytes"),
    ]
    assert result.evidence.pairs_total == 2
    assert {(pair.one.dataset, pair.other.dataset) for pair in result.evidence.pairs} == {
        ("val", "train")
    }


@pytest.mark.shared
def test_near_pairs_say_how_near_they_are(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "bccd" / "JPEGImages"
    for split, name in (("train", "BloodImage_00037.jpg"), ("val", "BloodImage_00038.jpg")):
        write_json(tmp_path / f"{split}.json", coco_content({name: []}))
    config = split_tables(train=folder, val=folder)
    config += '[rules.duplicate-images]\nbetween = ["train", "val"]\n'

    (result,) = judged(tmp_path, config).values()

    (pair,) = result.evidence.pairs
    assert (pair.one.image, pair.other.image) == ("BloodImage_00038.jpg", "BloodImage_00037.jpg")
    hashes = [
        difference_hash((folder / f"BloodImage_000{number}.jpg").read_bytes())
        for number in (37, 38)
    ]
    bits = bin(hashes[0] ^ hashes[1]).count("1")
    assert bits > 0
    assert pair.text == f"perceptual hash {bits} of 64 bits apart"


def test_pairs_are_capped_and_counted(evaluate: Judge, tmp_path: Path) -> None:
    train = [f"t-{number}.png" for number in range(PAIRS_CAP + 2)]
    val = [f"v-{number}.png" for number in range(PAIRS_CAP + 2)]
    draw_pictures(tmp_path / "images", dict.fromkeys([*train, *val], "yard"))
    rule = '[rules.duplicate-images]\nbetween = ["train", "val"]\nby = "bytes"\n'

    result = evaluate(rule, train, val)

    assert len(result.evidence.pairs) == PAIRS_CAP
    assert result.evidence.pairs_total == PAIRS_CAP + 2


def test_probe_isolation_shows_copies_before_clips(isolation: Judge) -> None:
    result = isolation(
        {"yard-1.png": "yard", "roof-1.png": "roof"},
        {"tube-1.png": "yard", "tube-2.png": "new", "yard-9.png": "other", "yard-8.png": "yard"},
    )

    assert pairs(result) == [
        ("tube-1.png", "yard-1.png", "same bytes"),
        ("yard-8.png", "yard-1.png", "same bytes"),
        ("yard-9.png", "yard-1.png", "same clip, 8 frames apart"),
    ]
    assert result.evidence.pairs_total == 3
    (mapped,) = result.evidence.charts
    assert isinstance(mapped, ClipMap)
    assert mapped.splits == ["train", "site"]
    assert [line.frames for line in mapped.clips] == [{"train": [1], "site": [8, 9]}]
    assert mapped.about == (
        "2 of 4 images of site come from a clip that train has too. Take the rest of those "
        "clips out of train, or these images out of site."
    )


def test_an_isolated_probe_shows_nothing(isolation: Judge) -> None:
    result = isolation({"yard-1.png": "yard"}, {"tube-1.png": "tube"})

    assert result.evidence.charts == []
    assert result.evidence.pairs_total == 0
