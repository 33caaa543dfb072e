"""`frame-distance` on small cases by hand, and on css-ppe, whose leak no picture hash sees."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

RULE = '[rules.frame-distance]\nbetween = ["train", "val"]\n'
# Groups as in examples/css_ppe: a photo has a clip of its own and no frame number.
PATTERN = "[dataset]\nframe-pattern = '(?P<clip>[a-z]+)(?:-(?P<frame>\\d+))?\\.jpg$'\n"
SPLITS = split_tables(train="images", val="images")

Distance = Callable[..., RuleResult]


@pytest.fixture
def distance(tmp_path: Path) -> Distance:
    """A function that judges two splits, given as file names."""

    def run(
        train: Sequence[str], val: Sequence[str], options: str = "within = 2\n", **fields: Any
    ) -> RuleResult:
        for name, file_names in (("train", train), ("val", val)):
            content = coco_content({file_name: [] for file_name in file_names})
            for field, values in fields.items():
                for image in content["images"]:
                    if image["file_name"] in values:
                        image[field] = values[image["file_name"]]
            write_json(tmp_path / f"{name}.json", content)
        head = "" if fields else PATTERN
        (result,) = judged(tmp_path, head + SPLITS + RULE + options).values()
        return result

    return run


def test_share_and_histogram_by_hand(distance: Distance) -> None:
    """Distances 0, 1, 2, 4 and 40; one clip that is not in train."""
    result = distance(
        ["a-10.jpg", "a-20.jpg", "b-5.jpg"],
        ["a-10.jpg", "a-21.jpg", "b-3.jpg", "a-14.jpg", "a-60.jpg", "c-10.jpg"],
    )

    assert result.verdict == "failed"
    assert measured(result) == pytest.approx(
        {
            "share": 3 / 6,
            "unparsed": 0,
            "within[0]": 1 / 6,
            "within[1]": 2 / 6,
            "within[2]": 3 / 6,
            "within[5]": 4 / 6,
            "within[10]": 4 / 6,
            "within[30]": 4 / 6,
            "within[100]": 5 / 6,
            "same_clip": 5 / 6,
        }
    )
    assert result.message == (
        "3 of 6 val images (50.0%) are within ±2 frames of a train frame of the same clip; "
        "nearest 0: 1, 1: 1, 2: 1, 3-5: 1, 31-100: 1"
    )
    assert finding_lines(result) == [
        "a-10.jpg: the same frame as train/a-10.jpg (clip a)",
        "a-21.jpg: 1 frame from train/a-20.jpg (clip a)",
        "b-3.jpg: 2 frames from train/b-5.jpg (clip b)",
    ]


def test_limits(distance: Distance) -> None:
    train, val = ["a-1.jpg"], ["a-4.jpg", "b-1.jpg"]

    assert distance(train, val, "within = 2\n").verdict == "passed"
    assert distance(train, val, "within = 3\n").verdict == "failed"
    assert distance(train, val, "within = 3\nmax = 0.5\n").verdict == "passed"
    assert distance(train, val, "within = 3\nmax = 0.49\n").verdict == "failed"


def test_photos_of_one_source_are_the_same_frame(distance: Distance) -> None:
    result = distance(["photo.jpg", "other.jpg"], ["photo.jpg", "new.jpg"], "within = 0\n")

    assert measured(result)["share"] == 0.5
    assert finding_lines(result) == ["photo.jpg: the same frame as train/photo.jpg (clip photo)"]


def test_what_cannot_be_told_fails_unless_it_is_allowed(distance: Distance) -> None:
    train, val = ["A.png", "a-1.jpg", "b.jpg"], ["B.png", "a-9.jpg", "b-4.jpg"]

    result = distance(train, val)

    assert result.verdict == "failed"
    assert measured(result)["unparsed"] == 3
    assert result.message.endswith("; the clip or frame of 3 images is unknown")
    assert finding_lines(result) == [
        "A.png: its clip or frame number is unknown",
        "B.png: its clip or frame number is unknown",
        "b-4.jpg: its clip b is in train too, without a frame number",
    ]
    assert distance(train, val, "within = 2\nmax-unparsed = 3\n").verdict == "passed"


def test_a_known_leak_is_not_called_unknown(distance: Distance) -> None:
    """The clip is in train as a photo, too; the frame next to the tested one settles it."""
    result = distance(["a.jpg", "a-3.jpg"], ["a-4.jpg"])

    assert measured(result)["share"] == 1
    assert measured(result)["unparsed"] == 0


def test_fields_in_place_of_the_pattern(distance: Distance) -> None:
    result = distance(
        ["x.jpg", "y.jpg"],
        ["z.jpg", "photo.jpg"],
        'within = 2\nclip-field = "video_id"\nframe-field = "frame_id"\n',
        video_id={"x.jpg": 7, "y.jpg": 8, "z.jpg": 7, "photo.jpg": 9},
        frame_id={"x.jpg": 100, "y.jpg": 3, "z.jpg": "102"},
    )

    assert measured(result)["share"] == 0.5
    assert finding_lines(result) == ["z.jpg: 2 frames from train/x.jpg (clip 7)"]


def test_field_that_no_image_has_is_not_evaluated(distance: Distance) -> None:
    result = distance(
        ["x.jpg"],
        ["z.jpg"],
        'within = 2\nclip-field = "video_id"\nframe-field = "frame_id"\n',
        video_id={"x.jpg": 7, "z.jpg": 7},
    )

    assert result.verdict == "not-evaluated"
    assert result.message == "no image has the field 'frame_id' that frame-field names"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", "cannot tell clips: give [dataset] frame-pattern, or clip-field"),
        (
            "[dataset]\nframe-pattern = '(?P<clip>.*)'\n",
            r"cannot tell frame numbers: give [dataset] frame-pattern a group (?P<frame>\d+), or",
        ),
    ],
)
def test_configuration_that_cannot_tell(tmp_path: Path, head: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judged(tmp_path, head + SPLITS + RULE + "within = 1\n")

    assert expected in str(caught.value)


def css_ppe(data: Path, rule: str, options: str = "") -> str:
    """Configuration with one rule between train and each of the other two splits."""
    pattern = (
        r"(?P<clip>[^/]+?)(?:(?<=_mp4|_MP4|_mov|_MOV)-(?P<frame>\d+))?(?:_png|_jpeg)?"
        r"_jpg\.rf\.[0-9a-f]+\.jpg$"
    )
    config = f"[dataset]\nframe-pattern = '{pattern}'\n" + "".join(
        f'[dataset.splits.{name}]\nannotations = "{data}/coco/all-{name}.json"\n'
        f'images = "{data}/{name}/images"\n'
        for name in ("train", "valid", "test")
    )
    for split in ("valid", "test"):
        config += f'[[rules.{rule}]]\nname = "{split}"\nbetween = ["train", "{split}"]\n{options}'
    return config


@pytest.mark.shared
def test_css_ppe_by_name(shared_data: Path, tmp_path: Path) -> None:
    """SOURCE.md: six source photos of valid and two of test stand in train as well. Counted by
    hand: six frames of valid and three of test are one frame from a training frame."""
    config = css_ppe(shared_data / "css-ppe", "frame-distance", "within = 1\n")

    valid, test = judged(tmp_path, config).values()

    assert measured(valid)["within[0]"] == 6 / 114
    assert measured(test)["within[0]"] == 2 / 82
    assert measured(valid)["share"] == 12 / 114
    assert measured(test)["share"] == 5 / 82
    near = [line.split("_jpg.rf")[0] for line in finding_lines(valid) if ": 1 frame from" in line]
    assert near == [
        "IMG_3100_mp4-1",
        "IMG_3100_mp4-3",
        "IMG_3103_mp4-16",
        "IMG_3103_mp4-18",
        "Movie-on-10-31-22-at-10_08-AM_mov-6",
        "construction-4-_mp4-20",
    ]


@pytest.mark.shared
def test_css_ppe_leaks_eight_clips_that_no_hash_sees(shared_data: Path, tmp_path: Path) -> None:
    data = shared_data / "css-ppe"

    by_clip = judged(tmp_path, css_ppe(data, "clip-overlap"))
    by_hash = judged(tmp_path, css_ppe(data, "duplicate-images", "distance = 4\n"))

    lines = itertools.chain.from_iterable(map(finding_lines, by_clip.values()))
    clips = {line.split(": ")[1].removeprefix("clip ") for line in lines}
    videos = {clip for clip in clips if clip.endswith(("_mp4", "_mov"))}
    assert videos == {
        "IMG_0871_mp4",
        "IMG_3100_mp4",
        "IMG_3103_mp4",
        "Movie-on-10-31-22-at-10_08-AM_mov",
        "autox4_mp4",
        "construction-1-_mp4",
        "construction-2-_mp4",
        "construction-4-_mp4",
    }
    assert clips - videos == {"youtube-260", "youtube-391", "youtube-504", "youtube-51", "image_55"}
    assert [result.verdict for result in by_hash.values()] == ["passed", "passed"]
    assert [measured(result)["pairs"] for result in by_hash.values()] == [0, 0]
