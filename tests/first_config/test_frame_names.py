"""A frame pattern is proposed on evidence, and fits every name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.dataset.labels.tables import Labels, SplitFiles, labelled_dataset
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.first_config.frame_names import propose_pattern

HASH = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def dataset(names: Sequence[str]) -> Dataset:
    files = SplitFiles(name="train", labels=Path("labels"), images=Path("images"))
    nothing = np.zeros((0, 4))
    labels = Labels(
        file_name=names,
        size=np.full((len(names), 2), 100.0),
        unlabelled=None,
        classes=(),
        category_id=(),
        box_id=(),
        box_category_id=(),
        image=np.zeros(0, dtype=np.int64),
        xywh=nothing,
        crowd=np.zeros(0, dtype=np.bool_),
        sha256="",
    )
    return labelled_dataset(files, labels)


def clip_and_frame(pattern: str, name: str) -> tuple[str, str | None]:
    match = re.search(pattern, name)
    assert match is not None
    frame: str | None = match.groupdict().get("frame")
    return match["clip"], frame


def test_frames_of_videos_among_photos() -> None:
    videos = [f"IMG_31_mp4-{n}_jpg.rf.{HASH}.jpg" for n in (0, 7, 12)]
    videos += [f"yard_MOV-{n}_png.rf.{HASH}.jpg" for n in (3, 5)]
    photos = [f"photo-{n}_jpg.rf.{HASH}.jpg" for n in range(4)]

    proposed = propose_pattern([dataset(videos), dataset(photos)])

    assert proposed.evidence == "5 of 9 images in 2 clips, 4 single"
    assert proposed.pattern is not None
    assert clip_and_frame(proposed.pattern, videos[1]) == ("IMG_31_mp4", "7")
    assert clip_and_frame(proposed.pattern, videos[3]) == ("yard_MOV", "3")
    assert clip_and_frame(proposed.pattern, photos[0]) == ("photo-0", None)


def test_words_with_frame_numbers() -> None:
    names = [f"school{clip}_{25 * n:06d}.jpg" for clip in (41, 42) for n in range(6)]

    proposed = propose_pattern([dataset([*names, "lonely.jpg"])])

    assert proposed.evidence == "12 of 13 images in 2 clips, 1 single"
    assert proposed.pattern is not None
    assert clip_and_frame(proposed.pattern, names[1]) == ("school41_", "000025")
    assert clip_and_frame(proposed.pattern, "lonely.jpg") == ("lonely", None)


def test_folders_with_frame_numbers() -> None:
    names = [f"site/cam{camera}/{n:04d}.jpg" for camera in "AB" for n in range(3)]

    proposed = propose_pattern([dataset(names)])

    assert proposed.pattern is not None
    assert clip_and_frame(proposed.pattern, names[4]) == ("camB", "0001")


def test_images_that_are_made_of_one_photo_are_a_clip() -> None:
    names = [f"{stem}_jpg.rf.{n}{HASH[1:]}.jpg" for stem in ("a", "b", "c") for n in range(3)]

    proposed = propose_pattern([dataset(names)])

    assert proposed.pattern is not None
    assert clip_and_frame(proposed.pattern, names[0]) == ("a", None)
    assert proposed.evidence == "9 of 9 images in 3 clips"


@pytest.mark.parametrize(
    "names",
    [
        [f"BloodImage_{n:05d}.jpg" for n in range(300)],
        [f"{n * 7919:012d}.jpg" for n in range(100)],
        [f"{year}_{n * 37:06d}.jpg" for year in (2007, 2008) for n in range(40)],
        [f"IMG_{n:04d}.jpg" for n in range(50)] + [f"DSC{n:05d}.jpg" for n in range(50)],
        [f"batch_{b}/{n:06d}.jpg" for b in range(3) for n in range(0, 9000, 1501)][:2],
        ["a.jpg", "b.jpg"],
    ],
)
def test_numbered_photos_are_no_clips(names: list[str]) -> None:
    proposed = propose_pattern([dataset(names)])

    assert proposed.pattern is None
    assert proposed.evidence == f"none, by {len(names):,} file names"


def test_without_names_nothing_is_proposed() -> None:
    assert propose_pattern([]).pattern is None
