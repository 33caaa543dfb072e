"""What `split-drift` says, and when it says nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import Histogram
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import judged, measured, split_tables

RULE = '[rules.split-drift]\nbetween = ["train", "val"]\n'
PATTERN = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'\n"
CLASSES = ("on", "off")

Drift = Callable[..., RuleResult]


def clips(split: str, n_clips: int, n_off: int, frames: int = 4) -> dict[str, list[Any]]:
    """Clips of frames with one box each; all frames of the first `n_off` clips show "off"."""
    return {
        f"{split}-{clip}_{frame}.jpg": [("off" if clip < n_off else "on", 10, 10, 30, 30)]
        for clip in range(n_clips)
        for frame in range(frames)
    }


@pytest.fixture
def drift(tmp_path: Path) -> Drift:
    """A function that judges two splits, given as images and boxes or as a file's content."""

    def run(train: Any, val: Any, options: str = "", head: str = PATTERN) -> RuleResult:
        for name, content in (("train", train), ("val", val)):
            if "images" not in content:
                content = coco_content(content, CLASSES)
            write_json(tmp_path / f"{name}.json", content)
        tables = head + split_tables(train="images", val="images")
        (result,) = judged(tmp_path, tables + RULE + options).values()
        return result

    return run


def test_drift_is_told_in_shares(drift: Drift) -> None:
    result = drift(clips("a", 20, 2), clips("b", 20, 14))

    assert result.verdict == "failed"
    values = measured(result)
    assert values["distance[class]"] == pytest.approx(0.6)
    assert values["distance[position]"] == 0
    assert values["drifted"] == 1
    assert values["p[class]"] <= 0.05
    assert values["chance[class]"] < 0.6
    assert [finding.text for finding in result.findings] == [
        "on: 90.0% of boxes in train, 30.0% in val (class)",
        "off: 10.0% of boxes in train, 70.0% in val (class)",
    ]
    assert result.message.startswith("1 feature has drifted from train to val: class 0.600,")


def test_distance_within_chance_is_shown_and_does_not_fail(drift: Drift) -> None:
    """12 of 40 frames against 4 of 40, which are 3 of 10 clips against 1."""
    result = drift(clips("a", 10, 3), clips("b", 10, 1))

    assert result.verdict == "passed"
    values = measured(result)
    assert values["distance[class]"] == pytest.approx(0.2)
    assert values["p[class]"] > 0.05
    assert "over the limit but within chance: class" in result.message


def test_images_as_units_take_frames_for_evidence(drift: Drift) -> None:
    """The same splits: as independent frames they would be a clear case."""
    options = 'unit = "image"\n'

    result = drift(clips("a", 10, 3, 10), clips("b", 10, 1, 10), options)

    assert result.verdict == "failed"


def test_without_clips_images_are_the_units(drift: Drift) -> None:
    assert drift(clips("a", 10, 3, 10), clips("b", 10, 1, 10), head="").verdict == "failed"


def test_too_few_clips_to_tell_is_no_pass(drift: Drift) -> None:
    result = drift(clips("a", 3, 0, 50), clips("b", 2, 2, 50))

    assert result.verdict == "not-evaluated"
    assert result.message.startswith(
        "class: over the limit, but 3 and 2 independent clips or images are too few"
    )


def test_too_few_clips_do_not_matter_where_nothing_is_over(drift: Drift) -> None:
    assert drift(clips("a", 3, 0), clips("b", 2, 0)).verdict == "passed"


def test_limits_of_single_features(drift: Drift) -> None:
    far = clips("a", 20, 2), clips("b", 20, 14)

    assert drift(*far, "[rules.split-drift.features]\nclass = 0.61\n").verdict == "passed"
    ignored = drift(*far, "[rules.split-drift.features]\nclass = 1\n")
    assert ignored.verdict == "passed"
    assert "distance[class]" not in measured(ignored)


def test_resolution_that_differs_is_a_finding_of_its_own(drift: Drift) -> None:
    val = coco_content(clips("b", 20, 2), CLASSES)
    for image in val["images"]:
        image["width"] = 200
    boxes = [annotation["bbox"] for annotation in val["annotations"]]
    for annotation, (x, y, width, height) in zip(val["annotations"], boxes, strict=True):
        annotation["bbox"] = [2 * x, y, 2 * width, height]

    result = drift(clips("a", 20, 2), val, "[rules.split-drift.features]\naspect = 1\n")

    assert result.verdict == "failed"
    assert [finding.text for finding in result.findings] == [
        "100×100: 100.0% of images in train, 0.0% in val (resolution)",
        "200×100: 0.0% of images in train, 100.0% in val (resolution)",
    ]


@pytest.mark.parametrize("seed", range(4))
def test_order_and_ids_change_nothing(drift: Drift, seed: int) -> None:
    """A borderline case, in which one permutation more or less could turn the verdict."""
    train, val = clips("a", 14, 3), clips("b", 12, 8)
    options = "confidence = 0.9\n"
    expected = drift(train, val, options)
    shuffled = []
    for content in (coco_content(train, CLASSES), coco_content(val, CLASSES)):
        rng = random.Random(seed)
        rng.shuffle(content["images"])
        rng.shuffle(content["annotations"])
        for image in content["images"]:
            image["id"] = 7919 * image["id"] + 13
        for annotation in content["annotations"]:
            annotation["image_id"] = 7919 * annotation["image_id"] + 13
        shuffled.append(content)

    result = drift(*shuffled, options)

    assert "p[class]" in measured(expected)
    assert measured(result) == measured(expected)
    assert result.message == expected.message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "[rules.split-drift.features]\nclas = 0.1",
            "[rules.split-drift.features] clas: no feature 'clas'; did you mean 'class'?",
        ),
        ("max = 1", "no distance is over 1, so it could never fail"),
        ('unit = "clip"', "give [dataset] frame-pattern, or clip-field in this table; or unit ="),
        ('unit = "image"\nclip-field = "v"', 'clip-field: unit = "image" takes no clips'),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judged(tmp_path, split_tables(train="i", val="i") + RULE + options)

    assert expected in str(caught.value)


@pytest.mark.shared
def test_mosaics_of_css_ppe_are_seen(shared_data: Path, tmp_path: Path) -> None:
    """Training images are mosaics of four; the other two splits are not and do not differ."""
    data = shared_data / "css-ppe"
    config = PATTERN.replace("_(?P<frame>\\d+)\\.jpg", "_jpg\\.rf") + "".join(
        f'[dataset.splits.{name}]\nannotations = "{data}/coco/all-{name}.json"\n'
        f'images = "{data}/{name}/images"\n'
        for name in ("train", "valid", "test")
    )
    for pair in ("train-valid", "valid-test"):
        between = str(pair.split("-")).replace("'", '"')
        config += f'[[rules.split-drift]]\nname = "{pair}"\nbetween = {between}\n'

    mosaic, plain = judged(tmp_path, config).values()

    assert mosaic.verdict == "failed"
    assert measured(mosaic)["distance[boxes-per-image]"] > 0.5
    assert "boxes-per-image" in {
        finding.text.rpartition("(")[2].rstrip(")") for finding in mosaic.findings
    }
    assert plain.verdict == "passed"


def test_what_drifted_is_drawn_first(drift: Drift) -> None:
    """Shares of "off" are 0.1 and 0.7 of 80 boxes; everything else agrees."""
    result = drift(clips("a", 20, 2), clips("b", 20, 14))

    first, *others = result.evidence.charts
    assert isinstance(first, Histogram)
    assert first.title == "class: distance 0.600, limit 0.1"
    assert first.names == ["on", "off"]
    assert first.counts == {"train": [72, 8], "val": [24, 56]}
    assert first.about.startswith(
        "60.0% of the boxes would have to be in another bin for train and val to agree, over "
        "the limit of 10.0% and beyond the "
    )
    assert first.about.endswith("Draw the split again by clip, or collect what val lacks.")
    assert [chart.title.split(":")[0] for chart in others] == [
        "box-size",
        "aspect",
        "position",
        "boxes-per-image",
        "resolution",
    ]
    assert others[0].about == (
        "0.0% of the boxes would have to be in another bin for train and val to agree, within "
        "the limit of 10.0%."
    )


def test_a_distance_that_chance_makes_is_drawn_as_such(drift: Drift) -> None:
    result = drift(clips("a", 10, 3), clips("b", 10, 1))

    assert "over the limit of 10.0%, but chance makes as much (p = " in (
        result.evidence.charts[0].about
    )


def test_features_that_never_fail_are_not_drawn(drift: Drift) -> None:
    result = drift(
        clips("a", 20, 2), clips("b", 20, 14), "[rules.split-drift.features]\nclass = 1\n"
    )

    assert not [chart for chart in result.evidence.charts if chart.title.startswith("class")]
