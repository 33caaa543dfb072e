"""Rules on how classes and empty images are spread, on files counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from tests.judged import measured
from tests.rules.split_files import judged_split, split_file

BOX = (10.0, 10.0, 20.0, 20.0)


@pytest.fixture
def three_classes() -> dict[str, Any]:
    """cone: 3 boxes on 2 images and a crowd region; person: 1 box; vest: none."""
    content = split_file(
        {"a.jpg": [("cone", *BOX), ("cone", *BOX), ("person", *BOX)], "b.jpg": [("cone", *BOX)]}
    )
    content["categories"].append({"id": 3, "name": "vest"})
    crowd = {"id": 9, "image_id": 2, "category_id": 3, "bbox": list(BOX), "iscrowd": 1}
    content["annotations"].append(crowd)
    return content


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        ("min-images = 1", ["vest"]),
        ("min-images = 2", ["vest", "person"]),
        ("min-boxes = 3", ["vest", "person"]),
        ("min-boxes = 4", ["vest", "person", "cone"]),
        ("min-images = 2\nmin-boxes = 4", ["vest", "person", "cone"]),
        ("min-images = 0", []),
    ],
)
def test_class_support(
    tmp_path: Path, three_classes: dict[str, Any], options: str, lacking: list[str]
) -> None:
    result = judged_split(tmp_path, f"[rules.class-support]\n{options}", three_classes)

    assert [found.label for found in result.findings] == lacking
    assert measured(result) == {
        "count": len(lacking),
        "images[cone]": 2,
        "images[person]": 1,
        "images[vest]": 0,
        "boxes[cone]": 3,
        "boxes[person]": 1,
        "boxes[vest]": 0,
    }


def test_class_support_may_allow_some(tmp_path: Path, three_classes: dict[str, Any]) -> None:
    rule = "[rules.class-support]\nmin-images = 1\nmax = 1"

    assert judged_split(tmp_path, rule, three_classes).verdict == "passed"


@pytest.mark.parametrize(("limit", "verdict"), [("3", "passed"), ("2.99", "failed")])
def test_class_balance(
    tmp_path: Path, three_classes: dict[str, Any], limit: str, verdict: str
) -> None:
    del three_classes["categories"][2]

    result = judged_split(tmp_path, f"[rules.class-balance]\nmax-ratio = {limit}", three_classes)

    assert result.verdict == verdict
    assert measured(result) == {"ratio": 3, "boxes[cone]": 3, "boxes[person]": 1}


def test_a_class_without_a_box_has_no_ratio(tmp_path: Path, three_classes: dict[str, Any]) -> None:
    result = judged_split(tmp_path, "[rules.class-balance]\nmax-ratio = 1000", three_classes)

    assert result.verdict == "not-evaluated"
    assert result.message == (
        "class 'vest' has no box in train, so its ratio to 'cone' (3 boxes) is not defined"
    )


PATTERN = (
    "[dataset]\nframe-pattern = '(?:(?P<site>[^/]+)/)?(?P<clip>[^/_]+)_(?P<frame>\\d+)\\.jpg$'"
)


def test_negatives_are_counted_by_clip_and_site(tmp_path: Path) -> None:
    """Empty are two frames of one clip, one of another at the same site, one of no known site and
    one that the pattern does not match; the frame with a box does not count."""
    names = ("n/a_1.jpg", "n/a_2.jpg", "n/b_1.jpg", "c_1.jpg", "photo.jpg")
    content = split_file({**{name: [] for name in names}, "s/d_1.jpg": [("cone", *BOX)]})

    result = judged_split(
        tmp_path,
        "[rules.negative-diversity]\nmin-clips = 3\nmin-sites = 2",
        content,
        dataset=PATTERN,
    )

    assert result.verdict == "failed"
    assert measured(result) == {"clips": 3, "sites": 1, "images": 5, "unparsed": 2}
    assert [found.text for found in result.findings] == ["site n"]


def test_negatives_by_image_fields(tmp_path: Path) -> None:
    content = split_file({name: [] for name in ("1.jpg", "2.jpg", "3.jpg")})
    for image, video, camera in zip(content["images"], (5, 5, None), "NNS", strict=True):
        image.update(video=video, camera=camera)
    rule = (
        '[rules.negative-diversity]\nmin-clips = 1\nmin-sites = 2\nclip-field = "video"\n'
        'site-field = "camera"'
    )

    result = judged_split(tmp_path, rule, content)

    assert result.verdict == "passed"
    assert measured(result) == {"clips": 1, "sites": 2, "images": 3, "unparsed": 1}


def test_a_field_that_no_image_has(tmp_path: Path) -> None:
    rule = '[rules.negative-diversity]\nmin-sites = 1\nsite-field = "camera"'

    result = judged_split(tmp_path, rule, split_file({"1.jpg": []}))

    assert result.verdict == "not-evaluated"
    assert "no image has the field 'camera' that site-field names" in result.message


def test_no_negatives_at_all_fail(tmp_path: Path) -> None:
    content = split_file({"a_1.jpg": [("cone", *BOX)]})
    rule = "[rules.negative-diversity]\nmin-clips = 1"

    result = judged_split(tmp_path, rule, content, dataset=PATTERN)

    assert (result.verdict, measured(result)["clips"]) == ("failed", 0)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("[rules.negative-diversity]", "sets no limit, so it could never fail"),
        ("[rules.negative-diversity]\nmin-clips = 1", "cannot tell clips: give [dataset]"),
        ("[rules.negative-diversity]\nmin-sites = 1", "cannot tell sites: give [dataset]"),
        ("[rules.class-support]", "give min-images or min-boxes"),
        ("[rules.class-balance]", "the key 'max-ratio' is missing"),
        ("[rules.class-balance]\nmax-ratio = 0.5", "expected a number ≥ 1, found 0.5"),
        ("[rules.duplicate-boxes]\niou = 0", "expected a number"),
        ("[rules.box-bounds]\ntolerance = -1", "expected a number ≥ 0, found -1"),
        ("[rules.duplicate-ids]\nmax = -1", "expected a whole number ≥ 0, found -1"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, rule: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judged_split(tmp_path, rule, split_file({"a.jpg": []}))

    assert expected in str(caught.value)
