"""The properties of images by which weak slices are searched."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pytest_detgate.config.load import load_configuration
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.scoring.weak_slices import Attribute
from pytest_detgate.testing import coco_content

CONFIG = """\
[dataset]
frame-pattern = '(?P<clip>(?P<site>[a-z]+)\\d)_(?P<frame>\\d+)\\.png$'
[dataset.splits.val]
annotations = "val.json"
images = "."
[rules.weak-slices]
"""
FRAMES = [f"{site}{clip}_{frame}.png" for site in ("north", "south") for clip in (1, 2)
          for frame in (1, 2)]  # fmt: skip


def attributes(
    folder: Path, fields: list[str] | None = None, *, pixels: bool = False
) -> tuple[dict[str, Attribute], list[str]]:
    """Image 0 has no box, image n has n boxes of side 10 + n."""
    content = coco_content(
        {name: [("thing", 5 * index, 0, 10 + number, 10 + number) for index in range(number)]
         for number, name in enumerate(FRAMES)}, ("thing",),
    )  # fmt: skip
    for number, image in enumerate(content["images"]):
        image["date_captured"] = f"2026-01-0{number + 1} {3 * number:02d}:30:00"
        image["speed"] = number * 1.5
        image["weather"] = "fog" if number % 2 else "dry"
        image["camera"] = 7
        image["tags"] = ["a"]
    (folder / "val.json").write_text(json.dumps(content))
    (folder / "detgate.toml").write_text(CONFIG)
    project = Project(load_configuration(folder / "detgate.toml"), folder)
    inputs = Inputs(project, ResultFiles({}, project))
    result, left_out = inputs.slice_attributes("val", fields, pixels=pixels)
    return {entry.name: entry for entry in result}, left_out


def test_each_property_divides_the_images(tmp_path: Path) -> None:
    result, left_out = attributes(tmp_path)

    assert list(result) == ["site", "boxes", "box size", "hour", "speed", "weather"]
    assert result["site"].names == ["north", "south"]
    assert result["site"].value.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert result["hour"].names == ["0", "3", "6", "9", "12", "15", "18", "21"]
    assert result["box size"].value[0] == -1
    assert result["box size"].names[0] == "11"
    assert result["weather"].value.tolist() == [0, 1] * 4
    assert left_out == ["camera: one value", "tags: neither a number nor text"]


def test_only_some_fields(tmp_path: Path) -> None:
    assert list(attributes(tmp_path, ["weather"])[0]) == [
        "site", "boxes", "box size", "hour", "weather",
    ]  # fmt: skip


def test_brightness_and_sharpness(tmp_path: Path) -> None:
    """Half of the images are dark, every second one is blurred; one cannot be read."""
    noise = np.random.default_rng(0).integers(0, 120, (64, 64), dtype=np.uint8)
    for number, name in enumerate(FRAMES):
        image = Image.fromarray(noise + (0 if number < 4 else 100))
        if number % 2:
            image = image.filter(ImageFilter.GaussianBlur(3))
        image.save(tmp_path / name)
    (tmp_path / FRAMES[7]).write_bytes(b"no image")
    result, _ = attributes(tmp_path, [], pixels=True)

    bright = [result["brightness"].names[value] for value in result["brightness"].value[:7]]
    low, high = result["brightness"].value[:4], result["brightness"].value[4:7]
    assert max(low) < min(high), bright
    sharp = result["sharpness"].value
    assert max(sharp[[1, 3, 5]]) < min(sharp[[0, 2, 4, 6]])
    assert (result["brightness"].value[7], sharp[7]) == (-1, -1)


@pytest.mark.parametrize("pixels", [True, False])
def test_images_that_are_missing_say_nothing(tmp_path: Path, pixels: bool) -> None:
    _, left_out = attributes(tmp_path, [], pixels=pixels)

    expected = ["brightness: no value", "sharpness: no value"] if pixels else []
    assert left_out == expected


def test_fields_of_another_format(tmp_path: Path) -> None:
    """Attributes of Scalabel's frames are fields; `clip` and `frame` are no properties."""
    frames = [
        {
            "name": name,
            "videoName": name.partition("_")[0],
            "frameIndex": number,
            "attributes": {"weather": "fog" if number % 2 else "dry"},
            "labels": [],
        }
        for number, name in enumerate(FRAMES)
    ]
    (tmp_path / "val.json").write_text(json.dumps(frames))
    form = 'images = "."\nformat = "scalabel"'
    (tmp_path / "detgate.toml").write_text(CONFIG.replace('images = "."', form))
    project = Project(load_configuration(tmp_path / "detgate.toml"), tmp_path)
    inputs = Inputs(project, ResultFiles({}, project))
    for name in FRAMES:
        Image.new("RGB", (8, 8)).save(tmp_path / name)

    result, _ = inputs.slice_attributes("val", None, pixels=False)

    by_name = {attribute.name: attribute for attribute in result}
    assert list(by_name) == ["site", "weather"]
    assert by_name["weather"].value.tolist() == [0, 1] * 4
