"""Exports of annotation tools as they lie on a disk, and `init` on them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import ConfigError
from pytest_detgate.inputs.input_paths import input_paths
from pytest_detgate.inputs.project import Project
from tests.first_config.projects import BOX, YOLO_BOX, Init, draw, write_coco
from tests.first_config.test_layouts import cvat_file, splits
from tests.unit.label_files import write
from tests.unit.label_writers import WRITERS

NUMBERS = "-1.6 0.6 2.0 46.0 -1.6"
KITTI = f"Car 0.00 0 -1.58 10 10 30 30 1.7 1.7 3.6 {' '.join(NUMBERS.split()[:4])}\n"
REGION: dict[str, Any] = {
    "type": "rectanglelabels",
    "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": ["helmet"]},
    "original_width": 100,
    "original_height": 100,
}


def datumaro(name: str) -> str:
    box = {"type": "bbox", "label_id": 0, "bbox": [10, 10, 30, 30]}
    labels = {"label": {"labels": [{"name": "helmet"}]}}
    return json.dumps({"categories": labels, "items": [{"id": name, "annotations": [box]}]})


def labelstudio(*images: str) -> str:
    annotation = {"result": [REGION], "was_cancelled": False}
    tasks = [{"data": {"image": image}, "annotations": [annotation]} for image in images]
    return json.dumps(tasks)


def test_images_in_a_folder_of_the_subset(init: Init) -> None:
    """CVAT and Datumaro write `images/default`; the rules on images must not be switched off."""
    write_coco(
        init.folder, "annotations/instances_default.json", {"a.jpg": [BOX]}, "images/default"
    )

    made = init(".")

    (split,) = splits(made).values()
    assert split["images"] == "images/default"
    assert "no image of the data set is here" not in made.out
    assert made.red() == {}


def test_a_datumaro_item_without_the_name_of_a_file(init: Init) -> None:
    draw(init.folder, "images/default/a.jpg")
    write(init.folder, {"annotations/default.json": datumaro("a")})

    made = init(".")

    assert splits(made)["all"]["images"] == "images/default"
    assert made.red() == {}


def test_a_project_of_cvat_with_folders_of_subsets(init: Init) -> None:
    """All names are near then, and the finding says how to take them."""
    draw(init.folder, "images/Train/a.jpg", "images/Train/b.jpg", "images/Validation/c.jpg")
    write(init.folder, {"annotations.xml": cvat_file(["a.jpg", "b.jpg", "c.jpg"])})

    made = init("annotations.xml")

    assert splits(made)["all"]["images"] == "images"
    near = made.text.replace("\n[dataset]  #", '\n[dataset]\nmatch-names = "near"  #', 1)
    (init.folder / "detgate.toml").write_text(near, encoding="utf-8")
    assert made.red() == {}


def test_local_files_of_label_studio(init: Init) -> None:
    draw(init.folder, "photos/site 1/a.jpg", "photos/site 1/b.jpg")
    prefix = "/data/local-files/?d=photos/site%201"
    write(init.folder, {"export.json": labelstudio(f"{prefix}/a.jpg", f"{prefix}/b.jpg")})

    made = init("export.json")

    assert splits(made)["all"] == {
        "format": "labelstudio",
        "annotations": "export.json",
        "images": ".",
    }
    assert made.red() == {}


def test_an_export_of_which_no_image_is_there(init: Init) -> None:
    """Its images are taken to be in the folder of `detgate.toml`."""
    write(init.folder, {"export.json": labelstudio("/data/upload/1/0a1b2c3d-a.jpg")})

    made = init("export.json")

    assert "no image of the data set is here" in made.out
    assert "allow-other-files" not in splits(made)["all"]


def test_a_list_beside_its_images_and_the_configuration(init: Init) -> None:
    draw(init.folder, "a.jpg", "b.jpg")
    files = {"a.txt": YOLO_BOX, "b.txt": YOLO_BOX, "classes.txt": "helmet\n"}
    write(init.folder, files | {"train.txt": "a.jpg\n", "val.txt": "b.jpg\n"})

    made = init(".")

    assert {name: split["list"] for name, split in splits(made).items()} == {
        "train": "train.txt",
        "val": "val.txt",
    }
    assert made.red() == {}


def test_no_file_of_several_tasks_is_left_out(init: Init) -> None:
    for task in ("task_1", "task_2"):
        draw(init.folder, f"{task}/images/{task}.jpg")
        write(init.folder, {f"{task}/annotations.xml": cvat_file([f"{task}.jpg"])})
    assert list(splits(init("."))) == ["task_1", "task_2"]


def test_a_file_for_each_video_of_a_split(init: Init) -> None:
    """As BDD100K has them: the folder is the split, and each file a video."""
    for video in ("b1c6", "b1c8"):
        frame: dict[str, Any] = {
            "name": f"{video}-1.jpg",
            "videoName": video,
            "frameIndex": 0,
            "labels": [],
        }
        write(init.folder, {f"val/{video}.json": json.dumps([frame])})
        draw(init.folder, f"images/{video}-1.jpg")

    assert list(splits(init("."))) == ["b1c6", "b1c8"]


def test_frames_without_the_key_of_labels_come_first(init: Init) -> None:
    """BDD100K leaves out the labels of a frame that has none."""
    label = {"category": "car", "box2d": {"x1": 10, "y1": 10, "x2": 30, "y2": 30}}
    frames = [{"name": "a.jpg"}, {"name": "b.jpg", "labels": [label]}]
    write(init.folder, {"det_val.json": json.dumps(frames)})
    draw(init.folder, "images/a.jpg", "images/b.jpg")

    assert splits(init("det_val.json"))["val"]["format"] == "scalabel"


@pytest.mark.parametrize(
    ("labels", "images", "name"),
    [
        ("labels", "images", "all"),
        ("training/label_2", "training/image_2", "train"),
        ("train/ann", "train/img", "train"),
    ],
)
def test_labels_of_kitti(init: Init, labels: str, images: str, name: str) -> None:
    draw(init.folder, f"{images}/000000.png")
    write(init.folder, {f"{labels}/000000.txt": KITTI})

    made = init(".")

    assert splits(made) == {name: {"format": "kitti", "annotations": labels, "images": images}}
    assert made.red() == {}


def test_labelme_files_in_a_folder_called_labels(init: Init) -> None:
    draw(init.folder, "images/a.jpg")
    box = ("helmet_off", 11.0, 11.0, 30.0, 30.0)
    WRITERS["labelme"]({"a.jpg": (100, 100, [box])}, init.folder).rename(init.folder / "labels")

    assert splits(init("."))["all"]["format"] == "labelme"


def test_files_of_open_images(init: Init) -> None:
    row = "a,xclick,/m/1,1,0.1,0.4,0.1,0.4,0,0,0,0,0\n"
    columns = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,"
    head = f"{columns}IsGroupOf,IsDepiction,IsInside\n"
    files = {
        "train-annotations-bbox.csv": head + row,
        "class-descriptions-boxable.csv": "/m/1,Hat\n",
    }
    write(init.folder, files)
    draw(init.folder, "train/a.jpg")

    for path in (".", "train-annotations-bbox.csv"):
        made = init(path)

        assert splits(made)["train"] == {
            "format": "openimages",
            "annotations": "train-annotations-bbox.csv",
            "images": "train",
            "classes": "class-descriptions-boxable.csv",
        }
        assert made.red() == {}
        (init.folder / "detgate.toml").unlink()


VIA: Any = {"a.jpg9": {"filename": "a.jpg", "size": 9, "regions": [], "file_attributes": {}}}
SUPERVISELY: Any = {"size": {}, "tags": [], "objects": [{"classTitle": "hat", "points": {}}]}
CREATEML: Any = [{"image": "a.jpg", "annotations": [{"label": "hat", "coordinates": {"x": 1}}]}]
MIN: Any = [{"image": "a.jpg", "id": 1, "label": [], "annotator": 1, "annotation_id": 1}]
TABLE = "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,100,100,hat,1,2,3,4\n"


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("via_project.json", VIA, "annotations of VIA; export them there as COCO"),
        ("ann/a.jpg.json", SUPERVISELY, "annotations of Supervisely; export them there as COCO"),
        ("_annotations.createml.json", CREATEML, "annotations of CreateML; export them there as"),
        ("project-1.json", MIN, "a JSON-MIN export of Label Studio; export the project as JSON"),
        ("_annotations.csv", TABLE, "a table of boxes; convert it to COCO, YOLO or Pascal VOC"),
        ("gt/gt.txt", "1,1,912,484,97,109,0,7,1\n", "lines of numbers with commas, as VisDrone"),
        ("_annotations.txt", "a.jpg 1,2,3,4,0\n", "a list of images with their boxes, as YOLO for"),
        (
            "metadata.jsonl",
            '{"file_name": "a.jpg", "objects": {}}\n',
            "labels of a data set of Hug",
        ),
        ("train.parquet", "PAR1", "a Parquet file; convert it to COCO, YOLO or Pascal VOC"),
    ],
)
def test_labels_of_another_tool(init: Init, file: str, content: Any, says: str) -> None:
    """No message says that there are no labels, or that a file of COCO lacks something."""
    text = content if isinstance(content, str) else json.dumps(content)
    draw(init.folder, "images/a.jpg")
    write(init.folder, {f"set/{file}": text})

    for path in (".", f"set/{file}"):
        made = init(path)

        assert made.code == 4
        assert made.err.startswith(f"error: set/{file}: {says}")


def test_labels_whose_images_are_not_there(init: Init) -> None:
    write(init.folder, {"labels/a.txt": YOLO_BOX, "classes.txt": "helmet\n"})

    made = init(".")

    assert made.code == 4
    assert made.err.startswith("error: .: YOLO labels (labels/a.txt) and no image. Name the folder")


def test_labelme_files_beside_the_configuration(init: Init) -> None:
    """What the gate writes there is JSON, too, and no label."""
    draw(init.folder, "a.jpg", "b.jpg")
    for stem in ("a", "b"):
        shape = {"label": "hat", "points": [[10, 10], [40, 40]], "shape_type": "rectangle"}
        content = {"imagePath": f"{stem}.jpg", "imageWidth": 100, "imageHeight": 100}
        write(init.folder, {f"{stem}.json": json.dumps(content | {"shapes": [shape]})})

    made = init(".")

    assert made.red() == {}
    for name in ("detgate-report/report.json", "detgate-baseline.json", "detgate-known.json"):
        write(init.folder, {name: "{}"})
    assert made.red() == {}
    project = Project(load_configuration(init.folder / "detgate.toml"), init.folder)
    paths = input_paths(project)
    paths.refuse(init.folder / "detgate-report/report.json", "--detgate-report", "folder")
    with pytest.raises(ConfigError, match="whose files are all read as labels"):
        paths.refuse(init.folder / "out/report.json", "--detgate-report", "folder")


@pytest.mark.parametrize("first", ["", "helmet 0.5 0.5 0.2 0.2\n"])
def test_one_of_the_first_labels_tells_the_format(init: Init, first: str) -> None:
    draw(init.folder, "a.jpg", "b.jpg", "c.jpg")
    write(init.folder, {"a.txt": first, "b.txt": YOLO_BOX, "c.txt": YOLO_BOX, "classes.txt": "hat"})

    assert splits(init("."))["all"]["format"] == "yolo"


def test_labels_in_utf_16(init: Init) -> None:
    draw(init.folder, "a.jpg")
    (init.folder / "a.txt").write_text(YOLO_BOX, encoding="utf-16")
    write(init.folder, {"classes.txt": "hat"})

    made = init(".")

    assert splits(made)["all"]["format"] == "yolo"
    assert made.red() == {}


def test_an_archive_is_told_where_it_is_named(init: Init) -> None:
    """One beside images may hold anything."""
    draw(init.folder, "images/a.jpg")
    write(init.folder, {"set.zip": "PK"})

    assert init("set.zip").err == "error: set.zip: an archive; unpack it\n"
    assert init(".").err.startswith("error: .: 1 image and no labels.")


def test_labels_among_images_beside_a_folder_of_other_labels(init: Init) -> None:
    draw(init.folder, "images/a.jpg", "images2/b.jpg")
    write(init.folder, {"labels/a.txt": YOLO_BOX, "images2/b.txt": YOLO_BOX})
    write(init.folder, {"data.yaml": "train: images\nval: images2\nnames: [hat]\n"})

    made = init("data.yaml")

    assert splits(made)["val"] == {"data": "data.yaml"}
    assert made.red() == {}


BRUSH = {"type": "brushlabels", "value": {"format": "rle", "rle": [1], "brushlabels": ["helmet"]}}


def test_shapes_that_are_no_boxes_are_allowed_by_number(init: Init) -> None:
    """One brush must not switch the rules off; a second one fails, and so does a bad box. The image
    with nothing but a brush is no image without annotation."""
    names = ["a.jpg", "b.jpg", "c.jpg"]
    draw(init.folder, *(f"images/{name}" for name in names))
    tasks = json.loads(labelstudio(*(f"images/{name}" for name in names)))
    tasks[0]["annotations"][0]["result"] = [BRUSH]
    tasks[2]["annotations"][0]["result"] = []
    write(init.folder, {"export.json": json.dumps(tasks)})

    made = init(".")

    rules = made.document["rules"]
    codes = {"box-bounds", "box-format", "dangling-annotations", "degenerate-boxes",
             "duplicate-boxes", "duplicate-ids"}  # fmt: skip
    assert {code: rules[code] for code in codes} == {code: {"max-unboxed": 1} for code in codes}
    assert rules["empty-gt-share"]["max-unboxed"] == 1
    assert rules["empty-gt-share"]["min"] == 0.3  # a third, less a tenth
    assert "all: 1 image has shapes that are no boxes (max-unboxed)" in made.out
    assert "left out" not in made.out
    assert made.red() == {}
    region = {**REGION, "value": {**REGION["value"], "x": 95}}
    tasks[1]["annotations"][0]["result"] = [region]
    write(init.folder, {"export.json": json.dumps(tasks)})
    assert set(made.red()) == {"box-bounds[all]"}
    tasks[1]["annotations"][0]["result"] = [REGION, BRUSH]
    write(init.folder, {"export.json": json.dumps(tasks)})
    assert set(made.red()) == {f"{code}[all]" for code in (*codes, "empty-gt-share")}
