"""LabelMe, Label Studio, KITTI, Scalabel, Datumaro and CVAT video give the tables of COCO."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from tests.unit.label_files import READERS, draw, split, unlabelled, write
from tests.unit.label_writers import WRITERS, Truth, write_cvat_video

FIELDS = ("occluded", "truncated", "ignore", "difficult")


def rows(dataset: Dataset) -> list[tuple[Any, ...]]:
    """Every box with its image and class by name."""
    boxes = zip(dataset.boxes.image, dataset.boxes.category, dataset.boxes.xywh, strict=True)
    images = dataset.images
    return sorted(
        (
            images.file_name[image],
            dataset.classes[category],
            images.width[image],
            images.height[image],
            *xywh,
        )
        for image, category, xywh in boxes
    )


def field(dataset: Dataset, name: str) -> list[Any]:
    return list(dataset.images.fields[name].tolist())


def same(dataset: Dataset, wanted: list[tuple[Any, ...]]) -> None:
    of_found = rows(dataset)
    assert [row[:4] for row in of_found] == [row[:4] for row in wanted]
    boxes, expected = (np.array([row[4:] for row in table]) for table in (of_found, wanted))
    np.testing.assert_allclose(boxes, expected, rtol=0, atol=1e-9)


@pytest.fixture
def coco(shared_data: Path) -> Dataset:
    base = shared_data / "formats-voc100"
    return read_coco(base / "gts/coco_format_v1/instances_default.json", base / "images", "x")


def truth_of(dataset: Dataset) -> Truth:
    boxes: dict[str, list[Any]] = {name: [] for name in dataset.images.file_name}
    for image, name, _, _, *xywh in rows(dataset):
        boxes[image].append((name, *map(float, xywh)))
    sizes = zip(dataset.images.width.tolist(), dataset.images.height.tolist(), strict=True)
    return {name: (*size, boxes[name]) for name, size in zip(boxes, sizes, strict=True)}


@pytest.mark.shared
@pytest.mark.parametrize("name", WRITERS)
def test_the_same_content_gives_the_same_tables(tmp_path: Path, coco: Dataset, name: str) -> None:
    labels = WRITERS[name](truth_of(coco), tmp_path)

    dataset = READERS[name](SplitFiles(name="x", labels=labels, images=coco.images_dir))

    same(dataset, rows(coco))
    assert sorted(dataset.images.file_name) == sorted(coco.images.file_name)
    assert sorted(dataset.classes) == sorted(coco.classes)
    assert (dataset.notes, dataset.gaps) == ((), ())
    assert not dataset.boxes.crowd.any()


@pytest.mark.shared
def test_the_same_content_as_a_video_of_cvat(tmp_path: Path, coco: Dataset) -> None:
    frames = {}
    (tmp_path / "images").mkdir()
    for number, (image, entry) in enumerate(truth_of(coco).items()):
        frames[f"frame_{number:06d}.jpg"] = entry
        shutil.copy(coco.images_dir / image, tmp_path / "images" / f"frame_{number:06d}.jpg")
    labels = write_cvat_video(frames, tmp_path)

    dataset = READERS["cvat"](
        SplitFiles(
            name="x", labels=labels, images=tmp_path / "images", fields=("clip", "frame", *FIELDS)
        )
    )

    wanted = [(n, c, w, h, *xywh) for n, (w, h, boxes) in frames.items() for c, *xywh in boxes]
    same(dataset, sorted(wanted))
    assert set(field(dataset, "clip")) == {"drive"}
    assert field(dataset, "frame") == list(range(100))
    assert (dataset.notes, dataset.gaps) == ((), ())


def shape(kind: str, points: Sequence[Sequence[float | str]], **more: Any) -> dict[str, Any]:
    return {"label": "cone", "shape_type": kind, "points": points, **more}


def labelme(*shapes: dict[str, Any], image: str = "a.jpg", **more: Any) -> str:
    size = {"imageWidth": 100, "imageHeight": 50}
    return json.dumps({"shapes": shapes, "imagePath": image, **size, **more})


def test_labelme_by_hand(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    write(
        tmp_path / "labels",
        {
            "a.json": labelme(
                shape("rectangle", [[30, 45], [10, 5]], flags={"occluded": True}),
                shape("polygon", [[1, 1], [5, 1], [3, 9]], difficult=True),
                shape("circle", [[20, 20], [23, 24]]),
                shape("rectangle", [[1, 2], [4, 2], [4, 6], [1, 6]]),
                flags={"night": True},
            ),
            "b.json": labelme(image="..\\images\\b.jpg"),
        },
    )

    dataset = READERS["labelme"](split(tmp_path, fields=("night", *FIELDS)))

    assert dataset.boxes.xywh.tolist() == [
        [10, 5, 20, 40],
        [1, 1, 4, 8],
        [15, 15, 10, 10],
        [1, 2, 3, 4],
    ]
    assert unlabelled(dataset) == ["c.jpg"]
    assert dataset.images.file_name[dataset.empty_images()].tolist() == ["b.jpg"]
    assert field(dataset, "occluded") == [1, 0, None]
    assert field(dataset, "difficult") == [1, 0, None]
    assert field(dataset, "night") == [True, None, None]
    assert dataset.notes[0] == "2 polygons and turned boxes are read as their frames"


@pytest.mark.parametrize("kind", ["line", "linestrip", "point", "points"])
def test_labelme_image_with_no_box_is_not_looked_at(tmp_path: Path, kind: str) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.json": labelme(shape(kind, [[1, 1], [5, 5]]))})

    (gap,) = READERS["labelme"](split(tmp_path)).gaps
    assert (gap.kind, gap.rows) == ("shapes-not-boxes", (0,))
    # A class that does not count makes no difference.
    assert READERS["labelme"](split(tmp_path, stated_classes=("vest",))).gaps == ()


KITTI = "{} 0.3 1 -10 10 5 30 45 -1 -1 -1 -1000 -1000 -1000 -10\n"


def test_kitti_by_hand(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.png", "b.png", "c.png", "d.png")
    area = "DontCare -1 -1 -10 50 10 60 20 -1 -1 -1 -1000 -1000 -1000 -10\n"
    whole = KITTI.replace("0.3 1", "0 3").format("Car")
    write(
        tmp_path / "labels",
        {"a.txt": KITTI.format("Car") + area, "b.txt": "", "d.txt": whole + KITTI.format("Van")},
    )

    dataset = READERS["kitti"](split(tmp_path, fields=FIELDS))

    kinds = [dataset.classes[index] for index in dataset.boxes.category]
    assert kinds == ["Car", "Car", "Van", "Car", "Van"]
    assert dataset.boxes.crowd.tolist() == [False, True, True, False, False]
    assert dataset.boxes.xywh[:3].tolist() == [[10, 5, 20, 40], [50, 10, 10, 10], [50, 10, 10, 10]]
    assert unlabelled(dataset) == ["c.png"]
    assert dataset.images.file_name[dataset.empty_images()].tolist() == ["b.png"]
    assert field(dataset, "occluded") == [1, 0, None, 1]
    assert field(dataset, "truncated") == [1, 0, None, 1]
    assert field(dataset, "ignore") == [1, 0, None, 0]


def test_kitti_with_areas_only_is_not_looked_at(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.png")
    write(tmp_path / "labels", {"a.txt": KITTI.format("DontCare")})

    (gap,) = READERS["kitti"](split(tmp_path)).gaps
    assert (gap.kind, gap.count) == ("shapes-not-boxes", 1)


def test_kitti_tracking_gives_clips_and_frames(tmp_path: Path) -> None:
    draw(tmp_path / "images", "0000/000000.png", "0000/000001.png", "0001/000000.png")
    write(tmp_path / "labels", {"0000.txt": "1 7 " + KITTI.format("Car")})

    dataset = READERS["kitti"](split(tmp_path, fields=("clip", "frame")))

    names = dataset.images.file_name
    assert names[dataset.boxes.image].tolist() == ["0000/000001.png"]
    assert names[dataset.empty_images()].tolist() == ["0000/000000.png"]
    assert unlabelled(dataset) == ["0001/000000.png"]
    assert field(dataset, "clip") == ["0000", "0000", None]
    assert field(dataset, "frame") == [0, 1, None]


def test_blank_lines_of_kitti_are_none(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.txt": f"\n{KITTI.format('Car')}  \n\n"})

    assert READERS["kitti"](split(tmp_path)).boxes.xywh.tolist() == [[10, 5, 20, 40]]


def test_two_images_of_a_frame_of_kitti_are_refused(tmp_path: Path) -> None:
    draw(tmp_path / "images", "0000/000001.png", "0000/1.png")
    write(tmp_path / "labels", {"0000.txt": "1 7 " + KITTI.format("Car")})

    with pytest.raises(DataError, match=r"0000\.txt: frame 1 is both 0000/000001\.png and 0000/1"):
        READERS["kitti"](split(tmp_path))


def test_kitti_tracking_of_a_missing_frame(tmp_path: Path) -> None:
    draw(tmp_path / "images", "0000/000000.png")
    write(tmp_path / "labels", {"0000.txt": "5 7 " + KITTI.format("Car")})

    gaps = READERS["kitti"](split(tmp_path)).gaps
    assert [gap.kind for gap in gaps] == ["labels-without-image"]


def test_scalabel_by_hand(tmp_path: Path) -> None:
    draw(tmp_path / "images", "v1/a.jpg", "v1/b.jpg", "v1/c.jpg")
    box = {"x1": 10, "y1": 5, "x2": 29, "y2": 44}
    of_video = {"videoName": "v1", "attributes": {"weather": "rainy"}}
    frames = [
        {
            "name": "a.jpg",
            **of_video,
            "frameIndex": 0,
            "timestamp": 1000,
            "labels": [
                {"category": "car", "box2d": box, "attributes": {"occluded": True, "crowd": False}},
                {"category": "car", "box2d": box, "attributes": {"crowd": True}},
                {"category": "van", "poly2d": [{"vertices": [[1, 1], [4, 9]], "closed": True}]},
            ],
        },
        {"name": "b.jpg", **of_video, "frameIndex": 5, "timestamp": 1200, "labels": []},
        {"name": "c.jpg", **of_video, "frameIndex": 10, "timestamp": 1400, "labels": None},
    ]
    config = {
        "imageSize": {"width": 100, "height": 50},
        "categories": [{"name": "vehicle", "subcategories": [{"name": "car"}, {"name": "van"}]}],
    }
    write(tmp_path, {"bdd.json": json.dumps({"frames": frames, "config": config})})

    fields = ("clip", "frame", "timestamp", "weather", "occluded")
    dataset = READERS["scalabel"](split(tmp_path, "bdd.json", fields=fields))

    # The corner pixel belongs to the box.
    assert dataset.boxes.xywh.tolist() == [[10, 5, 20, 40], [10, 5, 20, 40], [1, 1, 3, 8]]
    assert dataset.boxes.crowd.tolist() == [False, True, False]
    assert (dataset.classes, dataset.has_class_list) == (("car", "van"), True)
    assert dataset.images.file_name.tolist() == ["v1/a.jpg", "v1/b.jpg", "v1/c.jpg"]
    assert unlabelled(dataset) == ["v1/c.jpg"]
    assert field(dataset, "clip") == ["v1"] * 3
    assert field(dataset, "frame") == [0, 5, 10]
    assert field(dataset, "timestamp") == [1000, 1200, 1400]
    assert field(dataset, "weather") == ["rainy"] * 3
    assert field(dataset, "occluded") == [1, 0, None]


@pytest.mark.parametrize(
    "label",
    [
        {"poly2d": [{"vertices": [[1, 1], [4, 9]], "closed": False}]},
        {"box3d": {"location": [1, 2, 3]}},
        {"Box2d": {"x1": 1, "y1": 1, "x2": 2, "y2": 2}},
    ],
)
def test_scalabel_image_with_no_box_is_not_looked_at(tmp_path: Path, label: Any) -> None:
    frames = [{"name": "a.jpg", "labels": [{"category": "lane", **label}]}]
    write(tmp_path, {"bdd.json": json.dumps(frames)})

    (gap,) = READERS["scalabel"](split(tmp_path, "bdd.json")).gaps
    assert (gap.kind, gap.rows) == ("shapes-not-boxes", (0,))
    assert READERS["scalabel"](split(tmp_path, "bdd.json", stated_classes=("car",))).gaps == ()


def test_datumaro_by_hand(tmp_path: Path) -> None:
    marks = {"occluded": True, "truncated": False, "is_crowd": True}
    content = {
        "categories": {"label": {"labels": [{"name": "cone"}, {"name": "vest"}]}},
        "items": [
            {
                "id": "sub/a",
                "attr": {"site": "north"},
                "media": {"path": "sub/a.jpg", "size": [50, 100]},
                "annotations": [
                    {"type": "bbox", "label_id": 1, "bbox": [1, 2, 3, 4], "attributes": marks},
                    {"type": "polygon", "label_id": 0, "points": [1, 1, 5, 1, 3, 9]},
                    {"type": "label", "label_id": 0},
                ],
            },
            {"id": "b", "image": {"path": "b.jpg", "size": [50, 100]}, "annotations": []},
            {
                "id": "c",
                "image": {"path": "c.jpg", "size": [50, 100]},
                "annotations": [{"type": "mask", "label_id": 0, "rle": {}}],
            },
        ],
    }
    write(tmp_path, {"train.json": json.dumps(content)})

    dataset = READERS["datumaro"](split(tmp_path, "train.json", fields=("site", "occluded")))

    assert dataset.boxes.xywh.tolist() == [[1, 2, 3, 4], [1, 1, 4, 8]]
    assert dataset.boxes.crowd.tolist() == [True, False]
    assert dataset.classes == ("cone", "vest")
    assert dataset.images.width.tolist() == [100, 100, 100]
    assert field(dataset, "site") == ["north", None, None]
    assert field(dataset, "occluded") == [1, 0, 0]
    (gap,) = dataset.gaps
    assert (gap.kind, gap.rows) == ("shapes-not-boxes", (2,))


@pytest.mark.parametrize("turn", [90, 90.0, "90", "450", -90])
def test_datumaro_box_is_turned_around_its_centre(tmp_path: Path, turn: Any) -> None:
    box = {"type": "bbox", "label_id": 0, "bbox": [10, 20, 20, 10]}
    several = [
        {**box, "attributes": {"rotation": turn}},
        {**box, "rotation": turn},
        {**box, "attributes": {"rotation": None}},
    ]
    item = {"id": "a", "image": {"path": "a.jpg", "size": [50, 100]}, "annotations": several}
    content = {"categories": {"label": {"labels": [{"name": "cone"}]}}, "items": [item]}
    write(tmp_path, {"train.json": json.dumps(content)})

    dataset = READERS["datumaro"](split(tmp_path, "train.json"))

    turned, upright = [15, 15, 10, 20], [10, 20, 20, 10]
    assert dataset.boxes.xywh.tolist() == [pytest.approx(turned)] * 2 + [upright]


def region(kind: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    size = {"original_width": 100, "original_height": 50}
    return {"id": "r", "type": kind, "from_name": "label", "value": value, **size, **more}


def task(number: int, image: str, *annotations: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": image, **data}, "annotations": annotations}


BOX = {"x": 10, "y": 10, "width": 20, "height": 40}


def test_labelstudio_by_hand(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg", "cam 1/c.jpg", "d.jpg")
    turned = {**BOX, "rotation": 90, "rectanglelabels": ["cone"]}
    tasks = [
        task(
            1,
            "/data/upload/3/0a1b2c3d-a.jpg",
            {
                "result": [
                    region("rectanglelabels", {**BOX, "rectanglelabels": ["cone"]}),
                    region("choices", {**BOX, "choices": ["Occluded"]}, from_name="marks"),
                    region("rectanglelabels", turned, id="s"),
                    region("rectangle", BOX, id="t"),
                    region("labels", {**BOX, "labels": ["vest"]}, id="t"),
                    region("choices", {"choices": ["night"]}, from_name="light", id="u"),
                ]
            },
            site="north",
        ),
        task(2, "s3://bucket/b.jpg", {"result": []}),
        task(3, "/data/local-files/?d=set/cam%201/c.jpg"),
        task(4, "d.jpg", {"result": [], "was_cancelled": True}),
    ]
    write(tmp_path, {"project.json": json.dumps(tasks)})

    fields = ("site", "light", "occluded")
    dataset = READERS["labelstudio"](split(tmp_path, "project.json", fields=fields))

    # Turned by 90 degrees around (10, 5), a box of 20 x 20 pixels lies to the left of it.
    np.testing.assert_allclose(
        dataset.boxes.xywh, [[10, 5, 20, 20], [-10, 5, 20, 20], [10, 5, 20, 20]], atol=1e-9
    )
    assert [dataset.classes[index] for index in dataset.boxes.category] == ["cone", "cone", "vest"]
    assert dataset.images.file_name.tolist() == ["a.jpg", "b.jpg", "cam 1/c.jpg", "d.jpg"]
    assert unlabelled(dataset) == ["cam 1/c.jpg", "d.jpg"]
    assert field(dataset, "site") == ["north", None, None, None]
    assert field(dataset, "light") == ["night", None, None, None]
    assert field(dataset, "occluded") == [1, 0, None, None]


def test_labelstudio_takes_ground_truth_of_several_annotators(tmp_path: Path) -> None:
    detections = {"result": [region("rectanglelabels", {**BOX, "rectanglelabels": ["cone"]})]}
    tasks = [task(1, "a.jpg", {"result": []}, {**detections, "ground_truth": True})]
    write(tmp_path, {"project.json": json.dumps(tasks)})

    assert len(READERS["labelstudio"](split(tmp_path, "project.json")).boxes) == 1


@pytest.mark.parametrize(
    "kind", ["brushlabels", "keypointlabels", "magicwandlabels", "videorectangle", "brush", "new"]
)
def test_labelstudio_image_with_no_box_is_not_looked_at(tmp_path: Path, kind: str) -> None:
    tasks = [task(1, "a.jpg", {"result": [region(kind, {"x": 1, "y": 2, kind: ["cone"]})]})]
    write(tmp_path, {"project.json": json.dumps(tasks)})

    (gap,) = READERS["labelstudio"](split(tmp_path, "project.json")).gaps
    assert (gap.kind, gap.rows) == ("shapes-not-boxes", (0,))


@pytest.mark.parametrize("kind", ["taxonomy", "textarea", "rating", "number", "relation"])
def test_labelstudio_words_about_an_image_are_no_shape(tmp_path: Path, kind: str) -> None:
    tasks = [task(1, "a.jpg", {"result": [region(kind, {kind: ["cone"]})]})]
    write(tmp_path, {"project.json": json.dumps(tasks)})

    dataset = READERS["labelstudio"](split(tmp_path, "project.json"))
    assert (dataset.gaps, len(dataset.boxes)) == ((), 0)


VIDEO = """<annotations><meta><task><name>drive</name><start_frame>0</start_frame>
<stop_frame>8</stop_frame><frame_filter>step=2</frame_filter>
<original_size><width>100</width><height>50</height></original_size>
<labels><label><name>car</name></label></labels></task></meta>
<track id="0" label="car">{}</track></annotations>"""


def video_box(frame: int, x: float, *, outside: int = 0, occluded: int = 0) -> str:
    return (
        f'<box frame="{frame}" outside="{outside}" occluded="{occluded}" keyframe="1" '
        f'xtl="{x}" ytl="0" xbr="{x + 10}" ybr="10"/>'
    )


def test_cvat_video_with_attributes_of_a_track(tmp_path: Path) -> None:
    draw(tmp_path / "images", "frame_000000.png")
    shapes = '<attribute name="colour">red</attribute>' + video_box(0, 5)
    text = VIDEO.format(shapes).replace(">8<", ">0<").replace("step=2", "step=1")
    write(tmp_path / "labels", {"a.xml": text})

    dataset = READERS["cvat"](split(tmp_path, "labels/a.xml"))

    assert dataset.boxes.xywh.tolist() == [[5, 0, 10, 10]]


def test_cvat_video_moves_boxes_between_keyframes(tmp_path: Path) -> None:
    shapes = video_box(0, 0, occluded=1) + video_box(4, 20) + video_box(6, 20, outside=1)
    write(tmp_path, {"video.xml": VIDEO.format(shapes)})

    dataset = READERS["cvat"](split(tmp_path, "video.xml", fields=("clip", "frame", "occluded")))

    assert dataset.boxes.image.tolist() == [0, 1, 2]
    assert dataset.boxes.xywh[:, 0].tolist() == [0, 10, 20]
    assert field(dataset, "frame") == [0, 2, 4, 6, 8]
    assert field(dataset, "clip") == ["drive"] * 5
    assert field(dataset, "occluded") == [1, 1, 0, 0, 0]
    assert dataset.images.width.tolist() == [100] * 5


def test_cvat_video_keeps_the_last_box_to_the_end(tmp_path: Path) -> None:
    write(tmp_path, {"video.xml": VIDEO.format(video_box(4, 20))})

    dataset = READERS["cvat"](split(tmp_path, "video.xml"))

    assert dataset.boxes.image.tolist() == [2, 3, 4]


def test_cvat_video_does_not_read_what_is_outside(tmp_path: Path) -> None:
    """The object is gone at frame 4, even if a box or shape is written there."""
    for gone in (
        '<box frame="4" outside="1" xtl="?" rotation="?"/>',
        '<mask frame="4" outside="1"/>',
    ):
        write(tmp_path, {"video.xml": VIDEO.format(video_box(0, 0) + gone)})

        dataset = READERS["cvat"](split(tmp_path, "video.xml"))

        assert (dataset.gaps, dataset.boxes.image.tolist()) == ((), [0, 1])


@pytest.mark.parametrize("outside", ["", "2", "yes"])
def test_cvat_video_outside_is_0_or_1(tmp_path: Path, outside: str) -> None:
    gone = f'<box frame="4" outside="{outside}" xtl="0" ytl="0" xbr="10" ybr="10"/>'
    write(tmp_path, {"video.xml": VIDEO.format(video_box(0, 0) + gone)})

    with pytest.raises(
        DataError, match=f"track 0, frame 4: outside is '{outside}', expected 0 or 1"
    ):
        READERS["cvat"](split(tmp_path, "video.xml"))


def test_cvat_video_with_masks_is_not_looked_at(tmp_path: Path) -> None:
    shapes = '<mask frame="0" outside="0"/>' + video_box(4, 20, outside=1)
    write(tmp_path, {"video.xml": VIDEO.format(shapes)})

    (gap,) = READERS["cvat"](split(tmp_path, "video.xml")).gaps
    assert (gap.kind, gap.rows) == ("shapes-not-boxes", (0, 1))


def test_cvat_images_count_occluded_boxes(tmp_path: Path) -> None:
    box = '<box label="car" occluded="1" xtl="1" ytl="1" xbr="2" ybr="2">{}</box>'
    mark = '<attribute name="difficult">true</attribute>'
    image = f'<image name="a.jpg" width="9" height="9">{box.format(mark)}</image>'
    write(tmp_path, {"labels.xml": f"<annotations>{image}</annotations>"})

    dataset = READERS["cvat"](split(tmp_path, "labels.xml", fields=FIELDS))

    assert [field(dataset, name) for name in FIELDS] == [[1], [0], [0], [1]]
