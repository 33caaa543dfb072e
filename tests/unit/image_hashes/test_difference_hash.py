"""What a picture's hash sees and what it does not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_detgate.image_hashes.decoding import decode
from pytest_detgate.image_hashes.difference_hash import cells_to_hash, difference_hash, hashes_of
from tests.drawn import drawn


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def bits(first: bytes, second: bytes) -> int:
    return (difference_hash(first) ^ difference_hash(second)).bit_count()


def test_bits_are_the_comparisons_of_neighbours() -> None:
    """A picture of the grid's own size is not resampled: rows that rise, fall, and stay."""
    rows = [range(0, 90, 10), range(90, 0, -10), [7] * 9, [0, 9] * 4 + [0], *[[7] * 9] * 4]
    picture = Image.fromarray(np.array([list(row) for row in rows], dtype=np.uint8))

    assert difference_hash(encoded(picture)) == 0xFF_00_00_AA_00_00_00_00


@pytest.mark.parametrize("name", "abcdefgh")
def test_copies_are_near_and_other_pictures_far(name: str) -> None:
    picture = drawn(name, (640, 480))
    original = encoded(picture, "JPEG", quality=95)
    copies = [
        encoded(picture, "PNG"),
        encoded(picture, "JPEG", quality=30),
        encoded(picture.resize((200, 150)), "JPEG", quality=90),
        encoded(picture.resize((1280, 960)), "WEBP"),
        encoded(picture.convert("L"), "JPEG"),
    ]

    assert max(bits(original, copy) for copy in copies) <= 4
    assert bits(original, encoded(drawn(name + "'", (640, 480)), "JPEG")) > 12


@pytest.mark.parametrize(
    ("orientation", "transposed"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_picture_is_hashed_as_it_is_shown(orientation: int, transposed: Image.Transpose) -> None:
    """Stored turned one way with a note to turn it the other: a viewer shows the same."""
    picture = drawn("yard", (160, 120))
    exif = Image.Exif()
    exif[0x0112] = orientation
    noted = encoded(picture.transpose(transposed), "JPEG", quality=95, exif=exif)

    assert bits(encoded(picture), noted) <= 2
    assert bits(encoded(picture), encoded(picture.transpose(transposed))) > 12


@pytest.mark.parametrize(
    ("kind", "form"),
    [("uint16", "PNG"), ("uint16", "TIFF"), ("int32", "TIFF"), ("float32", "TIFF")],
)
def test_depth_beyond_eight_bits_is_seen(kind: str, form: str) -> None:
    """A thermal picture whose every value is over 255."""
    flat = np.asarray(drawn("yard").convert("L"))
    deep = Image.fromarray((flat.astype(kind) + 1000).astype(kind))

    assert bits(encoded(deep, form), encoded(Image.fromarray(flat))) <= 2


def test_images_hashed_together_are_hashed_as_each_alone() -> None:
    """Levels over 255 beside others; and none at all."""
    flat = np.asarray(drawn("yard").convert("L"))
    pictures = [
        encoded(drawn("yard", (640, 480)), "JPEG"),
        encoded(Image.fromarray(flat.astype("uint16") * 200)),
        encoded(Image.fromarray(flat)),
    ]

    hashes = hashes_of([cells_to_hash(decode(picture)) for picture in pictures])

    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [difference_hash(picture) for picture in pictures]
    assert hashes_of([]).tolist() == []


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "CMYK", "LA"])
def test_every_mode_can_be_hashed(mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    picture = drawn("yard").convert("L")

    assert bits(encoded(picture.convert(mode), form), encoded(picture)) <= 6


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_picture_that_was_cut_off_has_no_hash(form: str) -> None:
    content = encoded(drawn("yard", (640, 480)), form)

    with pytest.raises(OSError, match="truncated"):
        difference_hash(content[: len(content) // 2])


@pytest.mark.shared
def test_near_duplicate_in_bccd(shared_data: Path) -> None:
    """The one near pair that its SOURCE.md names, and no other in 364 alike photos."""
    paths = sorted((shared_data / "bccd" / "JPEGImages").glob("*.jpg"))
    hashes = {path.stem: difference_hash(path.read_bytes()) for path in paths}
    names = list(hashes)

    pairs = {
        (first, second)
        for index, first in enumerate(names)
        for second in names[index + 1 :]
        if (hashes[first] ^ hashes[second]).bit_count() <= 4
    }

    assert len(names) == 364
    assert pairs == {("BloodImage_00037", "BloodImage_00038")}
