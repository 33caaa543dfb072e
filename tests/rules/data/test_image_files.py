"""`image-files` on pictures damaged on purpose; nothing that is listed can harm the gate."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.testing import coco_content
from tests.content import READS_AVIF, write_json
from tests.judged import judged, measured, split_tables
from tests.rules.split_files import judged_split


def picture(path: Path, size: tuple[int, int] = (60, 40), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = Image.effect_noise(size, 80).convert("RGB")
    generator.save(path, **options)
    return path


def bomb(path: Path) -> None:
    """A PNG of a few bytes that says it has 30,000 × 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def half(path: Path) -> None:
    content = picture(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flipped(path: Path) -> None:
    content = bytearray(picture(path).read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(path, exif=exif)


def escaping(path: Path) -> None:
    outside = picture(path.parent.parent / "secret.jpg")
    path.symlink_to(outside)


def looping(path: Path) -> None:
    path.symlink_to(path)


CASES: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("gone.jpg", lambda path: None, "missing", "no such file"),
    ("a.jpg/b.jpg", lambda path: path.parent.write_text("a file"), "missing", "no such file"),
    ("null\0byte.jpg", lambda path: None, "missing", "no such file can exist"),
    ("empty.jpg", lambda path: path.touch(), "unreadable", "the file is empty"),
    ("text.jpg", lambda path: path.write_text("no picture"), "unreadable", "not an image"),
    ("folder.jpg", lambda path: path.mkdir(), "unreadable", "a folder"),
    ("pipe.jpg", lambda path: os.mkfifo(path), "unreadable", "not a regular file"),
    (
        "bomb.png",
        bomb,
        "unreadable",
        "900,000,000 pixels, over the limit of 178,956,970",
    ),
    ("link.jpg", escaping, "unreadable", "a link that leads out of the images folder"),
    ("loop.jpg", looping, "unreadable", "Too many levels of symbolic links"),
    ("half.jpg", half, "truncated", "the end of the image is missing"),
    ("half.png", half, "truncated", "the end of the image is missing"),
    ("half.bmp", half, "truncated", "truncated"),
    ("flipped.png", flipped, "unreadable", "broken PNG file"),
    ("wide.jpg", lambda path: picture(path, (61, 40)), "other_size", "width 61, stated as 60"),
    ("high.png", lambda path: picture(path, (60, 30)), "other_size", "height 30, stated as 40"),
    ("turned.jpg", turned, "rotated", "EXIF orientation 6"),
]


@pytest.mark.parametrize(
    ("name", "make", "kind", "reason"), CASES, ids=[ascii(case[0]) for case in CASES]
)
def test_flaw(
    tmp_path: Path, name: str, make: Callable[[Path], object], kind: str, reason: str
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    if "\0" not in name:
        make(images / name)
    for good in ("good.jpg", "sub/good.png"):
        picture(images / good)
    content = {
        "images": [
            {"id": index, "file_name": file, "width": 60, "height": 40}
            for index, file in enumerate(("good.jpg", name, "sub/good.png"))
        ],
        "categories": [],
    }

    result = judged_split(tmp_path, "[rules.image-files]", content)

    assert result.verdict == "failed", result.message
    actual = measured(result)
    assert {key: value for key, value in actual.items() if value} == {
        "count": 1,
        kind: 1,
        "images": 3,
    }
    (finding,) = result.findings
    assert finding.image == name
    assert reason in finding.text


def test_an_unstated_size_is_not_wrong(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": []}

    assert judged_split(tmp_path, "[rules.image-files]", content).verdict == "passed"


@pytest.mark.parametrize("suffix", ["bmp", "gif", "jpeg", "png", "tif", "webp"])
def test_whole_pictures_of_every_kind_pass(tmp_path: Path, suffix: str) -> None:
    picture(tmp_path / "images" / f"a.{suffix}")
    image = {"id": 1, "file_name": f"a.{suffix}", "width": 60, "height": 40}

    result = judged_split(tmp_path, "[rules.image-files]", {"images": [image], "categories": []})

    assert result.verdict == "passed", result.findings


def test_links_inside_the_folder_are_followed(tmp_path: Path) -> None:
    """A link inside the folder and a linked folder are followed."""
    picture(tmp_path / "elsewhere" / "a.jpg")
    (tmp_path / "elsewhere" / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "images").symlink_to(tmp_path / "elsewhere")
    images = [{"id": index, "file_name": name} for index, name in enumerate(("a.jpg", "b.jpg"))]

    result = judged_split(tmp_path, "[rules.image-files]", {"images": images, "categories": []})

    assert result.verdict == "passed", result.findings


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    names = ["line\nbreak.jpg", "<script>alert(1)</script>.jpg", "a" * 5000, "\u202egpj.exe"]
    images = [{"id": index, "file_name": name} for index, name in enumerate(names)]

    result = judged_split(tmp_path, "[rules.image-files]", {"images": images, "categories": []})

    assert measured(result)["count"] == len(names)
    assert {finding.image for finding in result.findings} == set(names)


def test_missing_ones_come_first(tmp_path: Path) -> None:
    turned(picture(tmp_path / "images" / "a.jpg"))
    half(tmp_path / "images" / "b.jpg")
    images = [{"id": name, "file_name": f"{name}.jpg"} for name in ("a", "b", "c")]

    result = judged_split(tmp_path, "[rules.image-files]", {"images": images, "categories": []})

    assert [finding.image for finding in result.findings] == ["c.jpg", "b.jpg", "a.jpg"]
    assert result.message == "3 of 3 images have a bad file: 1 missing, 1 truncated, 1 rotated"


def test_a_missing_image_is_told_with_the_one_that_is_there(tmp_path: Path) -> None:
    """Letter case, accents in another form, a folder too many, another suffix, back slashes."""
    there = ["b1.JPG", "sub/b0.jpg", "b5.png", "b6.jpg"]
    for name in there:
        picture(tmp_path / "images" / name, format="JPEG")
    listed = ["b1.jpg", "sub\\b0.jpg", "b5.jpg", "images/b6.jpg", "gone.jpg"]
    images = [{"id": index, "file_name": name} for index, name in enumerate(listed)]

    result = judged_split(tmp_path, "[rules.image-files]", {"images": images, "categories": []})

    assert [finding.text for finding in result.findings] == [
        *(f"missing: no such file (there is {name})" for name in there),
        "missing: no such file",
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', " but an SVG drawing"),
        (b"<?xml version='1.0'?><annotation/>", " but an XML text"),
        (
            bytes([0, 0, 0, 24]) + b"ftypavif" + bytes(200),
            ": AVIF that is damaged"
            if READS_AVIF
            else " that is read here: AVIF, which needs a newer Pillow or pillow-avif-plugin",
        ),
        (b"RIFF", ""),
    ],
)
def test_what_a_file_is_that_is_no_image(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    write_json(tmp_path / "train.json", coco_content({"a.jpg": []}))

    (result,) = judged(tmp_path, split_tables(train=".") + "[rules.image-files]\n").values()

    assert [finding.text for finding in result.findings] == [f"unreadable: not an image{text}"]
