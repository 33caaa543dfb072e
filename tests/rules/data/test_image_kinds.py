"""Images of unusual kinds: those that are right are read, and a suffix that lies is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from tests.judged import finding_lines, judged, measured

SIZE = (40, 30)
CONFIG = """
[dataset.splits.{name}]
annotations = "val.json"
images = "images"
"""


def draw(folder: Path, name: str, mode: str, kind: str, **save: Any) -> None:
    folder.mkdir(exist_ok=True)
    image = Image.effect_noise(SIZE, 60).convert("RGB")
    if mode == "I;16":
        image = Image.effect_noise(SIZE, 60).point([256 * n for n in range(256)], "I").convert(mode)
    else:
        image = image.convert(mode)
    image.save(folder / name, kind, **save)


def rules(folder: Path, *names: str) -> dict[str, Any]:
    images = [
        {"id": row, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
        for row, name in enumerate(names)
    ]
    content = {"images": images, "categories": [], "annotations": []}
    (folder / "val.json").write_text(json.dumps(content))
    config = CONFIG.format(name="val") + CONFIG.format(name="train")
    config += '[rules.image-files]\nsplits = ["val"]\n'
    return judged(folder, config + '[rules.duplicate-images]\nbetween = ["train", "val"]\n')


@pytest.mark.parametrize(
    ("name", "mode", "kind"),
    [
        ("a.png", "I;16", "PNG"),
        ("a.tif", "I;16", "TIFF"),
        ("a.jpg", "CMYK", "JPEG"),
        ("a.JPG", "L", "JPEG"),
        ("a.jfif", "RGB", "JPEG"),
        ("a.png", "P", "PNG"),
        ("a.gif", "P", "GIF"),
        ("a.png", "1", "PNG"),
        ("a.png", "LA", "PNG"),
        ("a.webp", "RGBA", "WEBP"),
    ],
)
def test_an_image_of_another_kind_is_right(tmp_path: Path, name: str, mode: str, kind: str) -> None:
    draw(tmp_path / "images", name, mode, kind)

    results = rules(tmp_path, name)

    assert results["image-files[val]"].verdict == "passed", results["image-files[val]"].message
    assert results["duplicate-images[train-val]"].message.startswith("1 of 1 val image ")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animated_image_is_right(tmp_path: Path, kind: str) -> None:
    frames = [Image.effect_noise(SIZE, 60).convert("RGB") for _ in range(3)]
    (tmp_path / "images").mkdir()
    name = f"a.{kind.lower()}"
    frames[0].save(tmp_path / "images" / name, kind, save_all=True, append_images=frames[1:])

    result = rules(tmp_path, name)["image-files[val]"]

    assert result.verdict == "passed"
    assert result.message == (
        "0 of 1 image has a bad file; 1 image has several frames or pages, of which the first is "
        f"used: {name} (3 frames)"
    )
    assert measured(result)["several_frames"] == 1


@pytest.mark.parametrize(
    ("tag", "value", "frames"), [(None, 0, 3), (254, 1, 1), (254, 4, 1), (254, 2, 3), (255, 2, 1)]
)
def test_overviews_of_a_tiff_are_no_pages(
    tmp_path: Path, tag: int | None, value: int, frames: int
) -> None:
    """Tag 254 is the new kind of a page: bit 0 is a reduced copy, bit 1 one of many pages, bit 2 a
    mask. 255 is the old kind, 2 a reduced copy."""
    (tmp_path / "images").mkdir()
    path = tmp_path / "images" / "a.tif"
    with TiffImagePlugin.AppendingTiffWriter(str(path), new=True) as file:
        for number in range(3):
            kind = {tag: value} if number and tag is not None else {}
            image = Image.effect_noise(SIZE, 60).convert("RGB")
            image.save(file, "TIFF", tiffinfo=kind)
            file.newFrame()

    result = rules(tmp_path, "a.tif")["image-files[val]"]

    assert result.verdict == "passed"
    assert ("several_frames" in measured(result)) == (frames > 1)
    assert (f"a.tif ({frames} frames)" in result.message) == (frames > 1)


def test_damage_behind_the_first_page_is_no_matter(tmp_path: Path) -> None:
    frames = [Image.effect_noise(SIZE, 60).convert("RGB") for _ in range(2)]
    (tmp_path / "images").mkdir()
    path = tmp_path / "images" / "a.gif"
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:])
    path.write_bytes(path.read_bytes()[:-200])

    assert rules(tmp_path, "a.gif")["image-files[val]"].verdict in ("passed", "failed")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpg", "WEBP"), ("a.png", "JPEG"), ("a.JPEG", "PNG"), ("a.bmp", "GIF")]
)
def test_a_suffix_that_lies_is_found(tmp_path: Path, name: str, kind: str) -> None:
    draw(tmp_path / "images", name, "RGB", kind)

    result = rules(tmp_path, name)["image-files[val]"]

    suffix = name[1:]
    assert result.verdict == "failed"
    assert finding_lines(result) == [
        f"{name}: other format: the file is {kind}, and its suffix is {suffix}"
    ]
    assert "1 other format" in result.message


@pytest.mark.parametrize("orientation", [0, 1, 9, 99])
def test_an_orientation_that_does_not_exist_is_none(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    draw(tmp_path / "images", "a.jpg", "RGB", "JPEG", exif=exif)

    assert rules(tmp_path, "a.jpg")["image-files[val]"].verdict == "passed"
