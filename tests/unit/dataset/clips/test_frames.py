"""Frame numbers are told or refused; the nearest frame is the one that a slow search finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.clips.frames import FrameKey, Frames, frames_of, nearest_frames
from pytest_detgate.dataset.tables import ImageTable
from pytest_detgate.errors import DataError

PATTERN = re.compile(r"(?P<clip>[a-z]+)(_(?P<frame>[^.]+))?\.jpg$")


def images(*file_names: str, **fields: Sequence[Any]) -> ImageTable:
    def column(values: Sequence[Any]) -> Any:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array

    n = len(file_names)
    return ImageTable(
        id=np.arange(n),
        file_name=column(file_names),
        width=np.full(n, np.nan),
        height=np.full(n, np.nan),
        fields={name: column(values) for name, values in fields.items()},
    )


def frames(*file_names: str, field: str | None = None, **fields: Sequence[Any]) -> Frames:
    table = images(*file_names, **fields)
    key = FrameKey(ClipKey(PATTERN), PATTERN, field)
    return frames_of(table, clips_of(table, key.clip), key)


def some_frames(rng: np.random.Generator, largest: int) -> Frames:
    """A few frames of a few clips, some of them photos, some of no clip."""
    n = int(rng.integers(1, 40))
    numbered = rng.random(n) > 0.2
    clip = [f"c{rng.integers(0, 5)}" if rng.random() > 0.1 else None for _ in range(n)]
    return Frames(
        clip=np.array(clip, dtype=object),
        number=np.where(numbered, rng.integers(-largest, largest, n), 0),
        numbered=numbered,
    )


def slow_distances(tested: Frames, reference: Frames) -> list[int]:
    """The definition, one pair after the other."""
    listed = list(zip(reference.clip, reference.number.tolist(), reference.numbered, strict=True))
    return [
        min(
            (
                abs(number - other)
                for other_clip, other, kind in listed
                if clip is not None and clip == other_clip and bool(kind) == bool(numbered)
            ),
            default=-1,
        )
        for clip, number, numbered in zip(
            tested.clip, tested.number.tolist(), tested.numbered, strict=True
        )
    ]


def test_numbers_from_the_pattern() -> None:
    result = frames("yard_0012.jpg", "yard.jpg", "roof_-3.jpg", "12.png")

    assert result.clip.tolist() == ["yard", "yard", "roof", None]
    assert result.number.tolist() == [12, 0, -3, 0]
    assert result.numbered.tolist() == [True, False, True, False]
    assert result.unparsed.tolist() == [3]


@pytest.mark.parametrize("text", ["1.5", "x7", "", "1e3", "1_0", str(1 << 62), str(-1 << 62)])
def test_a_number_that_is_none_cannot_be_told(text: str) -> None:
    """A photo has no number; a frame whose number is not understood is no photo."""
    result = frames("a.jpg", field="frame_id", frame_id=[text])

    assert result.unparsed.tolist() == [0]


def test_numbers_from_a_field() -> None:
    result = frames(*["a.jpg"] * 6, field="frame_id", frame_id=[7, "8", 9.0, None, 9.5, True])

    assert result.number.tolist()[:3] == [7, 8, 9]
    assert result.numbered.tolist() == [True, True, True, False, False, False]
    assert result.unparsed.tolist() == [4, 5]


def test_field_that_no_image_has() -> None:
    with pytest.raises(DataError, match=r"no image has the field 'frame_id' that frame-field"):
        frames("a.jpg", "b.jpg", field="frame_id", frame_id=[None, None])


def test_nearest_by_hand() -> None:
    reference = frames("a_10.jpg", "a_20.jpg", "b_5.jpg", "photo.jpg")
    tested = frames("a_14.jpg", "a_15.jpg", "a_99.jpg", "b_5.jpg", "c_1.jpg", "photo.jpg", "a.jpg")

    nearest = nearest_frames(tested, reference)

    assert nearest.distance.tolist() == [4, 5, 79, 0, -1, 0, -1]
    assert nearest.row.tolist() == [0, 0, 1, 2, -1, 3, -1]
    assert nearest.same_clip.tolist() == [True, True, True, True, False, True, True]
    assert nearest.unknown.tolist() == [False] * 6 + [True]


def test_of_frames_of_one_number_the_first_is_the_nearest() -> None:
    """Also where so many are listed that NumPy does not keep their order by chance."""
    tested = frames("a_3.jpg", "a_5.jpg", "a_9.jpg")

    assert nearest_frames(tested, frames("a_5.jpg", "a_5.jpg")).row.tolist()[:2] == [0, 0]
    many = frames(*(f"a_{4 + number % 2}.jpg" for number in range(100)))
    assert nearest_frames(tested, many).row.tolist()[:2] == [0, 1]


def test_numbers_that_lie_as_far_apart_as_any_are_compared() -> None:
    most = (1 << 62) - 1
    tested = frames(f"a_{most - 1}.jpg", f"a_{2 - most}.jpg", "a_1.jpg")

    nearest = nearest_frames(tested, frames(f"a_{-most}.jpg", f"a_{most}.jpg"))

    assert nearest.row.tolist() == [1, 0, 1]
    assert nearest.distance.tolist() == [1, 2, most - 1]


def test_a_photo_of_the_clip_leaves_the_distance_unknown() -> None:
    """Frame whose clip is a photo in the reference is not known to be far."""
    nearest = nearest_frames(frames("a_1.jpg"), frames("a.jpg"))

    assert nearest.distance.tolist() == [-1]
    assert nearest.unknown.tolist() == [True]


def test_a_listed_photo_is_known_beside_frames_of_its_clip() -> None:
    nearest = nearest_frames(frames("a.jpg", "b.jpg"), frames("a_1.jpg", "a.jpg", "b_1.jpg"))

    assert nearest.distance.tolist() == [0, -1]
    assert nearest.row.tolist() == [1, -1]
    assert nearest.unknown.tolist() == [False, True]


def test_images_of_no_clip_are_near_nothing() -> None:
    """`1.png` has no clip on either side, which makes no clip of the two."""
    nearest = nearest_frames(frames("1.png", "a_1.jpg"), frames("1.png", "2.png"))

    assert nearest.same_clip.tolist() == [False, False]
    assert nearest.unknown.tolist() == [False, False]
    assert (nearest.row.tolist(), nearest.distance.tolist()) == ([-1, -1], [-1, -1])


@pytest.mark.parametrize("largest", [3, 60, 1 << 61])
@pytest.mark.parametrize("seed", range(40))
def test_nearest_is_what_a_slow_search_finds(seed: int, largest: int) -> None:
    rng = np.random.default_rng([seed, largest])
    tested, reference = some_frames(rng, largest), some_frames(rng, largest)

    nearest = nearest_frames(tested, reference)

    assert nearest.distance.tolist() == slow_distances(tested, reference)
    for row, match in enumerate(nearest.row):
        if match >= 0:
            assert reference.clip[match] == tested.clip[row]
            step = abs(int(reference.number[match]) - int(tested.number[row]))
            assert step == nearest.distance[row]


@pytest.mark.parametrize("seed", range(5))
def test_order_of_images_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tested, reference = some_frames(rng, 50), some_frames(rng, 50)
    order = rng.permutation(len(reference.clip))
    shuffled = Frames(
        clip=reference.clip[order],
        number=reference.number[order],
        numbered=reference.numbered[order],
    )

    expected = nearest_frames(tested, reference)
    result = nearest_frames(tested, shuffled)

    assert result.distance.tolist() == expected.distance.tolist()
    assert result.unknown.tolist() == expected.unknown.tolist()


def test_folder_has_no_fields(tmp_path: Path) -> None:
    table = images("a.jpg")

    with pytest.raises(DataError, match="no image has the field 'video_id' that clip-field"):
        clips_of(table, ClipKey(field="video_id"))
