"""Shapes of tools that are no upright boxes: their frames, worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.errors import DataError
from tests.unit.dataset.labels.test_more_formats import VIDEO, region, rows, task, video_box
from tests.unit.label_files import READERS, draw, split, write

# Regions are per cent of 100 × 50 pixels.
REGIONS: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    "polygonlabels": ({"points": [[10, 20], [50, 20], [30, 60]]}, (10, 10, 40, 20)),
    # Half axes of 20 and 10 pixels around 50, 25.
    "ellipselabels": ({"x": 50, "y": 50, "radiusX": 20, "radiusY": 20}, (30, 15, 40, 20)),
    # The same after a quarter turn.
    "turned": ({"x": 50, "y": 50, "radiusX": 20, "radiusY": 20, "rotation": 90}, (40, 5, 20, 40)),
}


@pytest.mark.parametrize("kind", REGIONS)
def test_regions_of_label_studio_become_their_frames(tmp_path: Path, kind: str) -> None:
    value, frame = REGIONS[kind]
    kind = kind.replace("turned", "ellipselabels")
    draw(tmp_path / "images", "a.jpg")
    result = region(kind, {**value, kind: ["cone"]})
    write(tmp_path, {"a.json": json.dumps([task(1, "a.jpg", {"result": [result]})])})

    dataset = READERS["labelstudio"](split(tmp_path, "a.json"))

    assert rows(dataset) == [("a.jpg", "cone", 100.0, 50.0, *map(pytest.approx, frame))]
    assert dataset.notes == ("1 polygon or turned box is read as its frame",)


def test_a_label_without_a_box_is_not_looked_at(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    result = region("labels", {"labels": ["cone"]})
    # The path of the image is the only text of the task, under any name.
    of_photo = {"id": 1, "data": {"photo": "a.jpg"}, "annotations": [{"result": [result]}]}
    write(tmp_path, {"a.json": json.dumps([of_photo])})

    dataset = READERS["labelstudio"](split(tmp_path, "a.json"))

    assert rows(dataset) == []
    (gap,) = [gap for gap in dataset.gaps if gap.kind == "shapes-not-boxes"]
    assert (gap.count, gap.examples) == (1, ("a.jpg",))
    assert "label without a box" in gap.text


def test_a_polygon_that_moves_is_known_where_it_was_drawn_only(tmp_path: Path) -> None:
    """Frames 0 and 4 have it, 2 between them is not looked at; from 4 on it stays."""
    polygon = '<polygon frame="{}" outside="0" points="{},0;{},0;0,10"/>'
    shapes = polygon.format(0, 5, 10) + polygon.format(4, 25, 30)
    write(tmp_path, {"video.xml": VIDEO.format(shapes)})
    names = [f"frame_{number:06}.jpg" for number in range(0, 10, 2)]
    draw(tmp_path / "images", *names, "cover.jpg")

    dataset = READERS["cvat"](split(tmp_path, "video.xml"))

    of_frame = {row[0]: row[4:] for row in rows(dataset)}
    assert of_frame == {
        names[0]: (0, 0, 10, 10),
        **dict.fromkeys((names[2], names[3], names[4]), (0, 0, 30, 10)),
    }
    (gap,) = [gap for gap in dataset.gaps if gap.kind == "shapes-not-boxes"]
    assert (gap.count, gap.examples) == (1, (names[1],))
    assert "polygon between two frames" in gap.text


def test_a_video_that_gives_its_size_in_place_of_its_last_frame(tmp_path: Path) -> None:
    text = VIDEO.format(video_box(0, 0)).replace("<start_frame>0</start_frame>", "<size>3</size>")
    text = text.replace("<stop_frame>8</stop_frame><frame_filter>step=2</frame_filter>", "")
    write(tmp_path, {"video.xml": text})
    draw(tmp_path / "images", "0.jpg", "1.jpg", "2.jpg")

    dataset = READERS["cvat"](split(tmp_path, "video.xml"))

    assert [row[0] for row in rows(dataset)] == ["0.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<meta><image/></meta>", "<meta> has an <image> in it"),
        ("<image width='9' height='9'/>", "image 1 has no name"),
        (
            "<image name='a.jpg'><box xtl='0' ytl='0' xbr='5' ybr='5'/></image>",
            "image 'a.jpg': box 1 has no label",
        ),
    ],
)
def test_images_of_cvat_that_cannot_be_read(tmp_path: Path, content: str, message: str) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"a.xml": f"<annotations>{content}</annotations>"})

    with pytest.raises(DataError, match=message):
        READERS["cvat"](split(tmp_path, "a.xml"))


def test_a_track_in_another_part_of_a_video_is_no_track(tmp_path: Path) -> None:
    text = VIDEO.format(video_box(0, 0)).replace("</meta>", "<track/></meta>")
    write(tmp_path, {"video.xml": text})
    draw(tmp_path / "images", "0.jpg")

    with pytest.raises(DataError, match="<meta> has a <track> in it"):
        READERS["cvat"](split(tmp_path, "video.xml"))


def test_the_size_of_an_image_of_cvat_may_be_unknown(tmp_path: Path) -> None:
    box = "<box label='cone' xtl='0' ytl='0' xbr='5' ybr='5'/>"
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"a.xml": f"<annotations><image name='a.jpg'>{box}</image></annotations>"})

    images = READERS["cvat"](split(tmp_path, "a.xml")).images

    assert np.isnan([images.width, images.height]).all()


OPENIMAGES = "ImageID,LabelName,XMin,XMax,YMin,YMax\n"


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ("ImageID,LabelName,XMin\n", "", r"no column XMax, YMin, YMax"),
        (
            OPENIMAGES + "a,/m/1,0,one,0,1\n",
            "",
            r"line 2: expected 6 columns with numbers",
        ),
        (OPENIMAGES + "a,/m/1,0,1\n", "", r"line 2: expected 6 columns"),
        (OPENIMAGES + f"a,{'x' * 200_000},0,1,0,1\n", "", r"line 2: field larger"),
        (OPENIMAGES + "a,/m/1,0,1,0,1\n", f"{'x' * 200_000}\n", r"c\.csv: line 1: field larger"),
        (OPENIMAGES + "a,/m/1,0,1,0,1\n", "/m/2,cat\n", r"/m/1"),
    ],
)
def test_open_images_that_cannot_be_read(
    tmp_path: Path, labels: str, classes: str, message: str
) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"a.csv": labels, "c.csv": classes})

    with pytest.raises(DataError, match=message):
        READERS["openimages"](split(tmp_path, "a.csv", classes=tmp_path / "c.csv"))


def test_empty_lines_of_open_images_are_none(tmp_path: Path) -> None:
    """Half of the width of an image of 100 × 50 pixels."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"a.csv": f"{OPENIMAGES}\na,/m/1,0,0.5,0,1\n\n", "c.csv": "/m/1,cat\n"})

    dataset = READERS["openimages"](split(tmp_path, "a.csv", classes=tmp_path / "c.csv"))

    assert rows(dataset) == [("a.jpg", "cat", 100.0, 50.0, 0.0, 0.0, 50.0, 50.0)]
