"""Pictures that are not whole."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


def encoded(kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture = Image.effect_noise((64, 64), 60).convert("RGB")
    picture.save(content, kind, **options)
    return content.getvalue()


def cut_short(content: bytes) -> str | None:
    from pytest_detgate.detector.picture_bytes import cut_short as function

    return function(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_whole_pictures(kind: str) -> None:
    content = encoded(kind)
    assert cut_short(content) is None
    assert cut_short(content + b"\0" * 100) is None
    assert cut_short(content + b"camera's own notes \xff\xda") is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_cut_pictures(kind: str) -> None:
    content = encoded(kind)
    assert cut_short(content[:-200])
    assert cut_short(content[: len(content) // 3])
    assert cut_short(b"") == "the file is empty"


def test_a_whole_thumbnail_does_not_hide_a_cut_picture() -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9"
    content = encoded("JPEG", exif=exif.tobytes() + encoded("JPEG"))
    assert cut_short(content) is None
    assert cut_short(content[:-200])
