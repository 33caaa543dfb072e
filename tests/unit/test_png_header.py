"""The size of a PNG from its header is that of opening it, or is not given."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pytest_detgate.dataset.images.opening import image_size
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.dataset.images.png_header import PNG_HEAD, plain_png_size


def png(mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (30, 20)).save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("options", [{}, {"dpi": (72, 72)}, {"interlace": True}])
def test_plain_images(mode: str, options: dict[str, object]) -> None:
    assert plain_png_size(png(mode, **options)[:PNG_HEAD]) == (30, 20)


def exif() -> Image.Exif:
    metadata = Image.Exif()
    metadata[0x0112] = 6
    return metadata


def text() -> PngInfo:
    metadata = PngInfo()
    metadata.add_text("Raw profile type exif", "x")
    return metadata


def changed(content: bytes, index: int) -> bytes:
    return content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        png(exif=exif()),
        png(pnginfo=text()),
        *(changed(png(), number) for number in range(33)),
        *(png()[:size] for size in range(40)),
        b"",
    ],
)
def test_all_others_are_opened(content: bytes) -> None:
    assert plain_png_size(content[:PNG_HEAD]) is None


@pytest.mark.parametrize("kind", ["exif", "plain"])
def test_both_ways_agree(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(png(exif=exif()) if kind == "exif" else png())

    size = image_size(str(tmp_path / "a.png"), ImageOptions())

    assert size == ((20, 30) if kind == "exif" else (30, 20))
    assert image_size(str(tmp_path / "a.png"), ImageOptions(max_pixels=599)) is None


def with_first_chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG whose first chunk is another, with its own check sum."""
    chunk = kind + content
    length, check = len(content).to_bytes(4, "big"), zlib.crc32(chunk).to_bytes(4, "big")
    return png()[:8] + length + chunk + check + png()[33:]


HEADER = png()[16:29]  # width, height, depth, colour and three more


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"tEXt", HEADER),
        (b"IHDR", HEADER[:12]),
        (b"IHDR", HEADER[:8] + b"\x07" + HEADER[9:]),  # no depth of 7 bits
        (b"IHDR", HEADER[:9] + b"\x05" + HEADER[10:]),  # no colour type 5
        (b"IHDR", HEADER[:12] + b"\x02"),  # no such interlace
        (b"IHDR", bytes(4) + HEADER[4:]),  # no width
    ],
)
def test_headers_that_png_does_not_know(kind: bytes, content: bytes) -> None:
    assert plain_png_size(with_first_chunk(b"IHDR", HEADER)) == (30, 20)
    assert plain_png_size(with_first_chunk(kind, content)) is None
