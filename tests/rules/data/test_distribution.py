"""Rules on how classes and empty images are spread, on files counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import BARS, BarChart
from pytest_detgate.record.report import RuleResult
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

    assert [finding.label for finding in result.findings] == lacking
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
    del three_classes["categories"][2], three_classes["annotations"][-1]

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
    assert [finding.text for finding in result.findings] == ["site n"]


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


def bars(result: RuleResult, index: int = 0) -> dict[str, float | None]:
    """The values of a bar chart, in its order."""
    chart = result.evidence.charts[index]
    assert isinstance(chart, BarChart)
    return {bar.name: bar.value for bar in chart.bars}


def test_class_support_shows_classes_against_their_limits(
    tmp_path: Path, three_classes: dict[str, Any]
) -> None:
    rule = "[rules.class-support]\nmin-images = 2\nmin-boxes = 3"

    result = judged_split(tmp_path, rule, three_classes)

    assert bars(result) == {"vest": 0, "person": 1, "cone": 2}
    assert bars(result, 1) == {"vest": 0, "person": 1, "cone": 3}
    images, boxes = result.evidence.charts
    assert isinstance(images, BarChart)
    assert [(bar.limit, bar.passed) for bar in images.bars] == [(2, False), (2, False), (2, True)]
    assert images.about == (
        "2 of 3 classes have fewer than 2 images in train; vest has fewest, 0. Collect more of "
        "them, from other sites rather than more frames of one clip."
    )
    assert (images.title, boxes.title) == ("Images by class", "Boxes by class")


def test_class_support_shows_the_rarest_of_many_classes(tmp_path: Path) -> None:
    """40 classes, class N with N boxes on one image."""
    boxes = [(f"c{n:02}", *BOX) for n in range(1, 41) for _ in range(n)]

    result = judged_split(
        tmp_path, "[rules.class-support]\nmin-boxes = 5", split_file({"a.jpg": boxes})
    )

    # `split_file` adds the class cone, which has no box.
    assert list(bars(result)) == ["cone", *(f"c{n:02}" for n in range(1, BARS))]
    assert result.evidence.charts[0].about.endswith("Of 41 classes the 30 rarest are drawn.")


def test_class_balance_shows_what_every_class_needs(
    tmp_path: Path, three_classes: dict[str, Any]
) -> None:
    del three_classes["categories"][2], three_classes["annotations"][-1]

    result = judged_split(tmp_path, "[rules.class-balance]\nmax-ratio = 2", three_classes)

    (chart,) = result.evidence.charts
    assert isinstance(chart, BarChart)
    assert [(bar.name, bar.value, bar.limit, bar.passed) for bar in chart.bars] == [
        ("person", 1, 1.5, False),
        ("cone", 3, 1.5, True),
    ]
    assert chart.about == (
        "cone has 3 boxes for 1 of person. With at most 2 for 1 every class needs 1.5 boxes: "
        "collect or sample more of the rare ones."
    )


def test_class_balance_shows_the_most_frequent_class(tmp_path: Path) -> None:
    """Class balance keeps the most frequent class in the chart."""
    boxes = [(f"c{n:02}", *BOX) for n in range(1, 41) for _ in range(n)] + [("cone", *BOX)] * 99

    result = judged_split(
        tmp_path, "[rules.class-balance]\nmax-ratio = 2", split_file({"a.jpg": boxes})
    )

    assert list(bars(result)) == [*(f"c{n:02}" for n in range(1, BARS)), "cone"]
    assert result.evidence.charts[0].about.endswith(
        "Of 41 classes the 29 rarest and the most frequent are drawn."
    )


def test_negatives_are_shown_by_clip_and_site(tmp_path: Path) -> None:
    names = ("n/a_1.jpg", "n/a_2.jpg", "n/b_1.jpg", "c_1.jpg", "photo.jpg")
    content = split_file({**{name: [] for name in names}, "s/d_1.jpg": [("cone", *BOX)]})
    rule = "[rules.negative-diversity]\nmin-clips = 3\nmin-sites = 2"

    result = judged_split(tmp_path, rule, content, dataset=PATTERN)

    assert bars(result) == {"a": 2, "b": 1, "c": 1}
    assert bars(result, 1) == {"n": 3}
    assert [chart.about for chart in result.evidence.charts] == [
        "4 images without annotation come from 3 clips, at least 3 are asked for; a has 2 of them "
        "(50.0%).",
        "3 images without annotation come from 1 site, at least 2 are asked for; n has 3 of them "
        "(100.0%). Add frames with nothing to detect from other sites.",
    ]


def test_no_negatives_no_chart(tmp_path: Path) -> None:
    content = split_file({"a_1.jpg": [("cone", *BOX)]})
    rule = "[rules.negative-diversity]\nmin-clips = 1"

    assert judged_split(tmp_path, rule, content, dataset=PATTERN).evidence.charts == []


def test_empty_images_are_shown_by_site(tmp_path: Path) -> None:
    """Site n has 1 of 3 empty, site s none of 2; one image alone and one of no site."""
    full = [("cone", *BOX)]
    content = split_file(
        {
            "n/a_1.jpg": [],
            "n/a_2.jpg": full,
            "n/b_1.jpg": full,
            "s/c_1.jpg": full,
            "s/c_2.jpg": full,
            "t/d_1.jpg": [],
            "e_1.jpg": [],
            "photo.jpg": full,
        }
    )

    result = judged_split(tmp_path, "[rules.empty-gt-share]\nmin = 0.5", content, dataset=PATTERN)

    (chart,) = result.evidence.charts
    assert isinstance(chart, BarChart)
    assert bars(result) == {"all of train": 3 / 8, "n": 1 / 3, "s": 0}
    assert [bar.limit for bar in chart.bars] == [0.5, None, None]
    assert [bar.passed for bar in chart.bars] == [False, None, None]
    assert chart.about == (
        "37.5% of 8 train images have no annotation, at least 50.0% is asked for; 1 of 2 sites "
        "with several images have no such image. Add frames with nothing to detect, from these "
        "sites and from others."
    )


def test_empty_images_are_shown_by_clip_where_there_are_no_sites(tmp_path: Path) -> None:
    content = split_file({"a_1.jpg": [], "a_2.jpg": [], "b_1.jpg": [("cone", *BOX)]})
    pattern = "[dataset]\nframe-pattern = '(?P<clip>[^/_]+)_(?P<frame>\\d+)\\.jpg$'"
    rule = "[rules.empty-gt-share]\nmin = 0.1\nmax = 0.5"

    result = judged_split(tmp_path, rule, content, dataset=pattern)

    (chart,) = result.evidence.charts
    assert isinstance(chart, BarChart)
    assert chart.title == "Images without annotation by clip"
    assert bars(result) == {"all of train": 2 / 3, "a": 1}
    assert (chart.bars[0].limit, chart.bars[0].passed) == (0.5, False)


def test_empty_images_without_sources_have_no_chart(tmp_path: Path) -> None:
    rule = "[rules.empty-gt-share]\nmin = 0.5"

    assert judged_split(tmp_path, rule, split_file({"a_1.jpg": []})).evidence.charts == []


def test_the_largest_clips_are_shown(tmp_path: Path) -> None:
    """Clip N has N + 1 frames, all empty."""
    names = [f"c{n:02}_{number}.jpg" for n in range(1, 36) for number in range(n + 1)]
    content = split_file({name: [] for name in names})

    result = judged_split(
        tmp_path,
        "[rules.empty-gt-share]\nmin = 0.5",
        content,
        dataset=("[dataset]\nframe-pattern = '(?P<clip>[^/_]+)_(?P<frame>\\d+)\\.jpg$'"),
    )

    assert list(bars(result)) == ["all of train", *(f"c{n:02}" for n in range(35, 5, -1))]
    assert result.evidence.charts[0].about.endswith("Of 35 clips the 30 largest are drawn.")
