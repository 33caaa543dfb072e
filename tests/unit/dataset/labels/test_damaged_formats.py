"""Damaged files of LabelMe, Label Studio, KITTI, Scalabel, Datumaro, CVAT video: one message that
names the file, the place in it and what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import DataError
from tests.unit.dataset.labels.test_more_formats import (
    BOX,
    KITTI,
    VIDEO,
    labelme,
    region,
    shape,
    task,
    video_box,
)
from tests.unit.label_files import READERS, draw, split, write

CORNERS = [[1, 1], [5, 5]]


def refused(tmp_path: Path, name: str, file: str, text: str) -> str:
    """The error for a file of labels, which names the file."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {file: text})
    is_folder = name in ("labelme", "kitti")
    with pytest.raises(DataError) as caught:
        READERS[name](split(tmp_path, "labels" if is_folder else f"labels/{file}"))
    message = str(caught.value)
    assert str(tmp_path / "labels") in message
    assert "\n" not in message
    return message.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a.json: the file is empty"),
        (labelme(shape("rectangle", CORNERS))[:-20], "a.json: "),
        ('{"imagePath": "a.jpg"}', "missing required field `shapes`"),
        ('{"shapes": []}', "missing required field `imagePath`"),
        (labelme(image=""), "`imagePath` is empty"),
        ('{"shapes": [], "shapes": [], "imagePath": "a.jpg"}', "'shapes' occurs twice"),
        (labelme(shape("rectangle", [[1, 1]])), "shape 1: a rectangle has 2 points, found 1"),
        (
            labelme(shape("polygon", [[1, 1], [4, 4]])),
            "shape 1: a polygon has 3 or more points, found 2",
        ),
        (labelme(shape("box", CORNERS)), "shape 1: no shape_type 'box'; there is circle, cuboid"),
        (labelme(shape("polygon", [])), "shape 1: expected pairs of x and y"),
        (labelme({**shape("rectangle", CORNERS), "label": " "}), "shape 1 has no label"),
        (labelme(shape("rectangle", [["x", 1], [2, 2]])), "`$.shapes[0].points[0][0]`"),
    ],
)
def test_labelme(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, "labelme", "a.json", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Car 0 0 0 1 1 2 2\n", "a.txt: line 1: expected 15 columns (detection) or 17"),
        (KITTI.format("Car") + KITTI.format("Car").replace("30", "x"), "line 2: expected a class"),
        (KITTI.format("Car").replace("30", "nan"), "line 1: expected a class and 14 numbers"),
        (KITTI.format("Car").replace("10 5 30", "40 5 30"), "line 1: inverted box, 40, 5 to 30"),
        (KITTI.format("Car").strip() + " 0.9", "line 1: has a score in the last column"),
        ("x 7 " + KITTI.format("Car"), "and 14 numbers after frame and track"),
        ("0 7 " + KITTI.format("Car") + KITTI.format("Car"), "line 2: has 15 columns, and lines"),
    ],
)
def test_kitti(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, "kitti", "a.txt", text)


def test_kitti_of_detection_and_tracking(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(
        tmp_path / "labels",
        {"a.txt": KITTI.format("Car"), "b.txt": "0 7 " + KITTI.format("Car")},
    )

    with pytest.raises(DataError, match=r"b\.txt has labels of tracking, a\.txt of detection"):
        READERS["kitti"](split(tmp_path))


def scalabel(**label: Any) -> str:
    return json.dumps([{"name": "a.jpg", "labels": [label]}])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", "bdd.json: cut off at line 1"),
        ('{"config": {}}', "missing required field `frames`"),
        ('[{"labels": []}]', "missing required field `name` - at `$[0]`"),
        ('[{"name": "", "labels": []}]', "frame 1 (): expected the file name of the image"),
        ('[{"name": "a.jpg", "labels": [], "labels": []}]', "'labels' occurs twice"),
        ('[{"name": "a.jpg"}]', "none of its 1 image is labelled"),
        (
            '[{"name": "a.jpg", "labels": []}, {"name": "./a.jpg", "labels": []}]',
            "a.jpg has two entries, frame 1 (a.jpg) and frame 2 (./a.jpg)",
        ),
        (
            scalabel(category="car", box2d={"x1": 9, "y1": 1, "x2": 2, "y2": 2}),
            "frame 1 (a.jpg): label 1: inverted box, 9, 1 to 2, 2",
        ),
        (scalabel(box2d={"x1": 1, "y1": 1, "x2": 2, "y2": 2}), "label 1 has no category"),
        (
            scalabel(category="car", box2d={"x1": 1}),
            "required field `y1` - at `$[0].labels[0].box2d`",
        ),
        (scalabel(category="car", box2d=[1, 2, 3, 4]), "`$[0].labels[0].box2d`"),
    ],
)
def test_scalabel(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, "scalabel", "bdd.json", text)


def datumaro(**annotation: Any) -> str:
    item = {"id": "a", "image": {"path": "a.jpg"}, "annotations": [annotation]}
    labels = {"label": {"labels": [{"name": "cone"}]}}
    return json.dumps({"categories": labels, "items": [item]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "missing required field `categories`"),
        (datumaro(type="bbox", bbox=[1, 2, 3, 4]), "item 'a': bbox 1 has no label_id"),
        (
            datumaro(type="bbox", bbox=[1, 2, 3, 4], label_id=1),
            "item 'a': bbox 1: label_id 1 is none of the 1 class, 0 to 0",
        ),
        (datumaro(type="bbox", bbox=[1, 2], label_id=0), "bbox 1: `bbox` has 2 numbers, not 4"),
        (datumaro(type="bbox", label_id=0), "bbox 1: `bbox` has 0 numbers, not 4"),
        (datumaro(type="polygon", points=[1], label_id=0), "polygon 1: expected pairs of x and y"),
        (datumaro(type="polygon", points="x", label_id=0), "polygon 1: `points`: Expected `array`"),
        (datumaro(label_id=0), "missing required field `type`"),
    ],
)
def test_datumaro(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, "datumaro", "train.json", text)


@pytest.mark.parametrize("turn", ["a little", "nan", "inf", "1e999", True, [90]])
def test_a_turn_that_is_no_number(tmp_path: Path, turn: Any) -> None:
    expected = f"1: expected a number in `rotation`, found {turn!r}"
    box = {"type": "bbox", "bbox": [1, 2, 3, 4], "label_id": 0}
    text = datumaro(**box, attributes={"rotation": turn})
    assert expected in refused(tmp_path, "datumaro", "train.json", text)
    value = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["a"], "rotation": turn}
    region = {"type": "rectanglelabels", "original_width": 9, "original_height": 9, "value": value}
    assert expected in refused(tmp_path, "labelstudio", "val.json", labelstudio(region))


def labelstudio(*results: dict[str, Any]) -> str:
    return json.dumps([task(5, "a.jpg", {"result": results})])


CONE = {**BOX, "rectanglelabels": ["cone"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"image": "a.jpg", "label": []}]', "export the project as JSON, neither as JSON-MIN"),
        (
            json.dumps([{"data": {"image": "a.jpg"}}]),
            "missing required field `annotations`",
        ),
        (
            labelstudio(region("rectanglelabels", {**CONE, "x": "left"})),
            "task 5: rectanglelabels 1: expected a number in `x`, found 'left'",
        ),
        (
            labelstudio(region("rectanglelabels", {**CONE, "rectanglelabels": ["a", "b"]})),
            'expected one class in `rectanglelabels`, found ["a", "b"]',
        ),
        (
            labelstudio(region("rectanglelabels", CONE, original_width=None)),
            "rectanglelabels 1 has no original_width and original_height",
        ),
        (
            labelstudio(region("rectanglelabels", CONE, image_rotation=90)),
            "the image was turned in Label Studio",
        ),
        (
            json.dumps([task(5, "a.jpg", {"result": []}, {"result": []})]),
            "task 5 has 2 annotations; mark one of them as ground truth",
        ),
        (json.dumps([{"data": {}, "annotations": []}]), "task 1: expected the path of its image"),
        (json.dumps([task(5, "a.jpg")]), "none of its 1 image is labelled"),
        (
            labelstudio(region("polygonlabels", {"points": [[1]], "polygonlabels": ["cone"]})),
            "polygonlabels 1: `points`: ",
        ),
    ],
)
def test_labelstudio(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, "labelstudio", "project.json", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            VIDEO.format(video_box(3, 0)),
            "track 0: frame 3 is none of the task, 0 to 8 in steps of 2",
        ),
        (VIDEO.format(video_box(0, 0) * 2), "track 0 has two shapes in frame 0"),
        (
            VIDEO.format(video_box(0, 0).replace("xtl", "left")),
            "track 0, frame 0: expected numbers",
        ),
        (VIDEO.format(video_box(0, 0).replace("frame", "f")), "track 0: box: expected numbers"),
        (VIDEO.format("").replace('label="car"', ""), "track 0 has no label"),
        (VIDEO.format("").replace("start_frame", "first"), "<task> has no <start_frame>"),
        (
            VIDEO.format("").replace(">8<", ">-1<"),
            "no frames from <start_frame> 0 to <stop_frame> -1",
        ),
        (VIDEO.format("").replace("task>", "project>"), "expected the tracks of one task, found 0"),
        (
            VIDEO.format("").replace("</meta>", '</meta><image name="a.jpg"/>'),
            "expected <track>, found <image>",
        ),
        (VIDEO.format("")[:-20], "not XML"),
    ],
)
def test_cvat_video(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, "cvat", "video.xml", text)


def test_two_images_of_one_frame_of_a_video(tmp_path: Path) -> None:
    draw(tmp_path / "images", "frame_000000.jpg", "b_0.jpg")
    write(tmp_path, {"video.xml": VIDEO.format("")})

    with pytest.raises(DataError, match=r"both b_0\.jpg and frame_000000\.jpg are frame 0"):
        READERS["cvat"](split(tmp_path, "video.xml"))
