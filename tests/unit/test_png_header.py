"""The size of a PNG from its header is that of opening it, or is not given."""

from __future__ import annotations

import io
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
    found = Image.Exif()
    found[0x0112] = 6
    return found


def text() -> PngInfo:
    found = PngInfo()
    found.add_text("Raw profile type exif", "x")
    return found


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        png(exif=exif()),
        png(pnginfo=text()),
        *(changed(png(), at) for at in range(33)),
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
