"""Where `init` finds splits, images, classes and formats."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.testing import coco_content
from tests.first_config.projects import BOX, YOLO_BOX, Init, Made, draw, write_coco, yolo_set
from tests.unit.label_files import write
from tests.unit.label_writers import WRITERS

VOC = (
    "<annotation><filename>{name}.jpg</filename><size><width>100</width><height>100</height>"
    "</size><object><name>helmet_off</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>40</xmax>"
    "<ymax>40</ymax></bndbox></object></annotation>"
)


def splits(made: Made) -> dict[str, Any]:
    assert made.code == 0, made.err
    result: dict[str, Any] = made.document["dataset"]["splits"]
    return result


def test_data_yaml_of_roboflow(init: Init) -> None:
    yolo_set(init.folder)

    made = init("data.yaml")

    assert splits(made) == {"train": {"data": "data.yaml"}, "val": {"data": "data.yaml"}}
    assert made.red() == {}


def test_data_yaml_of_ultralytics_with_a_path(init: Init) -> None:
    for split in ("train", "val"):
        draw(init.folder, f"set/images/{split}/{split}x.jpg")
        write(init.folder, {f"set/labels/{split}/{split}x.txt": YOLO_BOX})
    yaml = "path: ../set\ntrain: images/train\nval: images/val\ntest:\nnames:\n  0: helmet_off\n"
    write(init.folder, {"conf/mine.yaml": yaml})

    made = init("conf/mine.yaml")

    assert splits(made)["val"] == {"data": "conf/mine.yaml"}
    assert made.red() == {}


def test_data_yaml_with_lists(init: Init) -> None:
    for camera in ("a", "b"):
        draw(init.folder, f"images/cam{camera}/{camera}x.jpg")
        write(
            init.folder,
            {
                f"labels/cam{camera}/{camera}x.txt": YOLO_BOX,
                f"{camera}.txt": f"./images/cam{camera}/{camera}x.jpg\n",
            },
        )
    write(init.folder, {"data.yaml": "train: a.txt\nval: b.txt\nnames: [helmet_off]\n"})

    made = init(".")

    assert splits(made)["train"] == {"data": "data.yaml"}
    assert made.red() == {}
    assert made.red() == {}


def test_several_folders_of_one_split(init: Init) -> None:
    for part in ("a", "b"):
        draw(init.folder, f"{part}/images/{part}x.jpg")
        write(init.folder, {f"{part}/labels/{part}x.txt": YOLO_BOX})
    write(
        init.folder, {"data.yaml": "train: [a/images, b/images]\nval: gone\nnames: [helmet_off]\n"}
    )

    made = init("data.yaml")

    assert splits(made) == {"train": {"data": "data.yaml"}}
    assert "val: gone of data.yaml is not there; left out" in made.out
    assert "train: 2 images, 2 boxes" in made.out
    assert made.red() == {}


def test_several_folders_of_which_one_is_not_there(init: Init) -> None:
    for part in ("a", "b"):
        draw(init.folder, f"{part}/images/{part}x.jpg")
        write(init.folder, {f"{part}/labels/{part}x.txt": YOLO_BOX})
    text = "train: [a/images, gone, b/images]\nnames: [helmet_off]\n"
    write(init.folder, {"data.yaml": text})

    made = init("data.yaml")

    assert list(splits(made)) == ["train", "train-3"]
    assert "train-2: gone of data.yaml is not there; left out" in made.out


def test_data_yaml_with_names_that_yaml_takes_for_values(init: Init) -> None:
    for folder in ("no", "012"):
        draw(init.folder, f"{folder}/{folder}x.jpg")
        write(init.folder, {f"{folder}/{folder}x.txt": YOLO_BOX})
    write(init.folder, {"data.yaml": "train: no\nval: 012\ntest: null\nnames: [helmet_off]\n"})

    made = init("data.yaml")

    assert splits(made) == {"train": {"data": "data.yaml"}, "val": {"data": "data.yaml"}}
    assert made.red() == {}
    assert "left out" not in made.out
    assert made.red() == {}


def test_a_yaml_file_that_names_no_folders_is_no_data_yaml(init: Init) -> None:
    write_coco(init.folder, "val.json", {"ax.jpg": [BOX], "bx.jpg": []}, "images")
    write(init.folder, {".gitlab-ci.yml": "test:\n  script: [pytest]\n"})

    made = init(".")

    assert list(splits(made)) == ["val"]


@pytest.mark.parametrize(
    "yaml", ["names: [a]\n", "train: gone\nnames: [a]\n", "[1, 2]\n", "train: [\n", "\x00"]
)
def test_data_yaml_without_images_is_refused(init: Init, yaml: str) -> None:
    write(init.folder, {"data.yaml": yaml})

    made = init("data.yaml")

    assert made.code == 4
    assert made.err.startswith("error: data.yaml: ")
    assert not (init.folder / "detgate.toml").exists()


def test_a_pointer_among_coco_files_is_refused(init: Init) -> None:
    """It may be a split, which the gate would never look at."""
    write_coco(init.folder, "train.json", {"ax.jpg": [BOX], "bx.jpg": []}, "images")
    write(init.folder, {"val.json": "version https://git-lfs.github.com/spec/v1\nsize 9\n"})

    made = init(".")

    assert made.code == 4
    assert made.err.startswith("error: val.json: not the file but a pointer of Git LFS")


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda content: gzip.compress(content), "not JSON but a compressed file (gzip)"),
        (lambda content: content[:40], "cut off at line 1"),
        (lambda content: b"", "the file is empty"),
    ],
)
def test_a_damaged_file_among_coco_files_is_refused(
    init: Init, keep: Callable[[bytes], bytes], message: str
) -> None:
    """It may be a split, which the gate would never look at."""
    for name in ("train", "val"):
        write_coco(init.folder, f"{name}.json", {"ax.jpg": [BOX], "bx.jpg": []}, "images")
    content = (init.folder / "val.json").read_bytes()
    (init.folder / "val.json").write_bytes(keep(content))

    made = init(".")

    assert made.code == 4
    assert f"val.json: {message}" in made.err


def test_settings_with_comments_are_no_annotations(init: Init) -> None:
    write_coco(init.folder, "val.json", {"ax.jpg": [BOX], "bx.jpg": []}, "images")
    write(init.folder, {"settings.json": "{\n// of the editor\n}\n"})

    assert init(".").code == 0


def test_data_yaml_with_names_alone_says_what_to_name(init: Init) -> None:
    write(init.folder, {"data.yaml": "names: [a]\n"})

    assert init("data.yaml").err == (
        "error: data.yaml: expected at least one of train, val, test, which say where the images "
        "are; or name the folder that has the images and labels\n"
    )


def test_one_coco_file(init: Init) -> None:
    write_coco(init.folder, "instances_val2017.json", {"ax.jpg": [BOX], "bx.jpg": []}, "val2017")

    made = init("instances_val2017.json")

    assert splits(made) == {"val": {"annotations": "instances_val2017.json", "images": "val2017"}}
    assert made.red() == {}


def test_coco_files_of_a_folder(init: Init) -> None:
    write_coco(init.folder, "annotations/train.json", {"ax.jpg": [BOX], "bx.jpg": []}, "images")
    write_coco(init.folder, "annotations/val.json", {"cx.jpg": [BOX], "dx.jpg": []}, "images")
    write(init.folder, {"annotations/val_results.json": '[{"image_id": 1, "score": 0.5}]'})

    made = init("annotations")

    assert list(splits(made)) == ["train", "val"]
    assert splits(made)["val"]["images"] == "images"
    assert made.red() == {}


def test_coco_files_of_roboflow(init: Init) -> None:
    for split in ("train", "valid"):
        file = f"{split}/_annotations.coco.json"
        write_coco(init.folder, file, {f"{split}x.jpg": [BOX], f"{split}y.jpg": []}, split)

    made = init(init.folder)

    assert splits(made)["valid"] == {
        "annotations": "valid/_annotations.coco.json",
        "images": "valid",
    }
    assert made.red() == {}


def test_the_largest_family_of_coco_files_is_taken(init: Init) -> None:
    for split in ("train", "val"):
        images = {
            f"{split}x.jpg": [BOX, ("helmet_off", 60.0, 60.0, 20.0, 20.0)],
            f"{split}y.jpg": [],
        }
        write_coco(init.folder, f"all-{split}.json", images, "images")
        write_coco(init.folder, f"few-{split}.json", {f"{split}y.jpg": []}, "images")

    made = init(".")

    assert [split["annotations"] for split in splits(made).values()] == [
        "all-train.json",
        "all-val.json",
    ]
    assert "2 COCO files left out: few-train.json, few-val.json" in made.out


def test_yolo_folders_of_splits(init: Init) -> None:
    for split in ("train", "test"):
        draw(init.folder, f"images/{split}/cam/{split}x.jpg")
        write(init.folder, {f"labels/{split}/cam/{split}x.txt": YOLO_BOX})
    write(init.folder, {"classes.txt": "helmet_off\n"})

    made = init(".")

    assert splits(made)["test"] == {
        "format": "yolo",
        "annotations": "labels/test",
        "images": "images/test",
        "classes": "classes.txt",
    }
    assert made.red() == {}


def test_yolo_labels_beside_their_images(init: Init) -> None:
    draw(init.folder, "data/ax.jpg", "data/bx.jpg")
    write(init.folder, {"data/ax.txt": "", "data/bx.txt": YOLO_BOX, "obj.names": "helmet_off\n"})

    made = init("data")

    assert splits(made)["all"]["annotations"] == splits(made)["all"]["images"] == "data"
    assert made.red() == {}


def test_voc_with_lists(init: Init) -> None:
    for name in ("ax", "bx"):
        draw(init.folder, f"JPEGImages/{name}.jpg")
        write(init.folder, {f"Annotations/{name}.xml": VOC.format(name=name)})
    write(
        init.folder,
        {"ImageSets/Main/train.txt": "ax\n", "ImageSets/Main/val.txt": "bx\n"},
    )

    made = init(".")

    assert splits(made)["val"] == {
        "format": "voc",
        "annotations": "Annotations",
        "images": "JPEGImages",
        "list": "ImageSets/Main/val.txt",
    }
    assert made.red() == {}


CONFIG = """
data_root = "data/"
train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        type="RepeatDataset",
        times=2,
        dataset=dict(
            type="CocoDataset", data_root=data_root, ann_file="train.json",
            data_prefix=dict(img="images/"),
        ),
    ),
)
val_dataloader = dict(dataset=dict(
    type="CocoDataset", data_root=data_root, ann_file="val.json", data_prefix=dict(img="images/"),
))
test_dataloader = val_dataloader
"""


def mmdetection_project(folder: Path) -> None:
    for split in ("train", "val"):
        images = {f"{split}x.jpg": [BOX], f"{split}y.jpg": []}
        write_coco(folder, f"data/{split}.json", images, "data/images")


def test_configuration_of_mmdetection_is_read(init: Init) -> None:
    mmdetection_project(init.folder)
    own = '_base_ = ["base.py"]\nval_dataloader = dict(dataset=dict(data_root="data/"))\n'
    write(init.folder, {"configs/base.py": CONFIG, "configs/site.py": own})

    made = init("configs/site.py")

    assert splits(made) == {
        "train": {"annotations": "data/train.json", "images": "data/images"},
        "val": {"annotations": "data/val.json", "images": "data/images"},
    }
    assert made.document["train"] == {
        "config": "configs/site.py",
        "work-dir": "work_dirs/site",
    }
    assert made.red() == {}


def test_code_that_needs_no_running_is_not_run(init: Init) -> None:
    mmdetection_project(init.folder)
    code = 'import os\nseen = open("was-run", "w")\n'
    write(init.folder, {"site.py": code + CONFIG})

    made = init("site.py")

    assert splits(made)["train"]["annotations"] == "data/train.json"
    assert not (init.folder / "was-run").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("mmengine") is None, reason="MMEngine is not installed"
)
def test_computed_values_are_run(init: Init) -> None:
    mmdetection_project(init.folder)
    computed = CONFIG.replace('data_root = "data/"', 'data_root = "/".join(["data", ""])')
    write(init.folder, {"site.py": computed})

    made = init("site.py")

    assert splits(made)["train"]["annotations"] == "data/train.json"
    assert "site.py computes its values, so it was run" in made.out


@pytest.mark.skipif(
    importlib.util.find_spec("mmengine") is None, reason="MMEngine is not installed"
)
def test_a_configuration_that_ends_the_program_is_refused(init: Init) -> None:
    write(init.folder, {"site.py": "raise SystemExit(3)\n"})

    made = init("site.py")

    assert made.code == 4
    assert made.err == "error: site.py: it ended with exit code 3 when it was run\n"


def test_computed_values_without_mmengine(init: Init, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    computed = CONFIG.replace('data_root = "data/"', 'data_root = "/".join(["data", ""])')
    write(init.folder, {"site.py": computed})

    made = init("site.py")

    assert made.code == 4
    assert "MMEngine is not installed here" in made.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "x = 1\n"),
        ("a.py", "x = \n"),
        ("a.py", "_base_ = 'a.py'\n"),
        ("a.csv", "x"),
        ("empty/readme.md", "x"),
    ],
)
def test_what_is_no_data_set_is_refused(init: Init, name: str, text: str) -> None:
    write(init.folder, {name: text})

    made = init(name.split("/")[0])

    assert made.code == 4
    assert len(made.err.splitlines()) == 1


def test_a_path_that_is_not_there_is_refused(init: Init) -> None:
    made = init("gone")

    assert made.err.startswith("error: gone: no such file or folder; expected a data.yaml")


def test_a_coco_file_that_cannot_be_read_comes_first(init: Init) -> None:
    write(init.folder, {"val.json": '{"images": [{"id": 1}], "categories": []}'})

    made = init("val.json")

    assert made.code == 0
    assert made.out.startswith("does not pass until it is fixed:\n  val: val.json: ")
    assert "image-files[val]" in made.red()


def test_coco_content_without_images_beside_it(init: Init) -> None:
    write(init.folder, {"val.json": json.dumps(coco_content({"ax.jpg": [BOX], "bx.jpg": []}))})

    made = init("val.json")

    assert made.out.startswith("no image of the data set is here, so no rule looks at them\n")
    assert made.document["rules"]["image-files"] == {"enabled": False}
    assert made.red() == {}


def test_images_of_other_data_are_not_taken(init: Init) -> None:
    """A folder beside the data set has an image of the same name."""
    draw(init.folder, "other/ax.jpg")
    write(init.folder, {"set/val.json": json.dumps(coco_content({"ax.jpg": [BOX]}))})

    made = init("set")

    assert splits(made)["val"]["images"] == "set"


@pytest.mark.parametrize("kind", ["labelme", "kitti", "labelstudio", "scalabel", "datumaro"])
def test_exports_of_annotation_tools(init: Init, kind: str) -> None:
    names = [f"yard_{number:04d}.jpg" for number in range(0, 60, 10)]
    draw(init.folder, *(f"images/{name}" for name in names))
    box = ("helmet_off", 11.0, 11.0, 30.0, 30.0)
    path = WRITERS[kind]({name: (100, 100, [box]) for name in names}, init.folder)

    made = init(".")

    (split,) = splits(made).values()
    assert split == {"format": kind, "annotations": path.name, "images": "images"}
    assert made.red() == {}
    if path.is_file():
        path.rename(init.folder / "val.json")
        (init.folder / "detgate.toml").unlink()
        assert list(splits(init("val.json"))) == ["val"]


def test_images_of_val_in_a_folder_that_is_called_valid(init: Init) -> None:
    write_coco(init.folder, "ann/train.json", {"a.jpg": [BOX]}, "train/images")
    write_coco(init.folder, "ann/val.json", {"b.jpg": [BOX]}, "valid/images")

    splits_found = splits(init("ann"))

    assert {name: split["images"] for name, split in splits_found.items()} == {
        "train": "train/images",
        "val": "valid/images",
    }


def cvat_file(names: Sequence[str]) -> str:
    box = '<box label="helmet_off" xtl="11" ytl="11" xbr="41" ybr="41"/>'
    images = "".join(
        f'<image id="{row}" name="{name}" width="100" height="100">{box}</image>'
        for row, name in enumerate(names)
    )
    return f"<annotations><version>1.1</version><meta><task/></meta>{images}</annotations>"


def test_file_of_cvat(init: Init) -> None:
    draw(init.folder, "frames/a.jpg", "frames/b.jpg")
    write(init.folder, {"annotations.xml": cvat_file(["a.jpg", "b.jpg"])})

    made = init("annotations.xml")

    assert splits(made) == {
        "all": {"format": "cvat", "annotations": "annotations.xml", "images": "frames"}
    }
    assert made.red() == {}


def test_near_names_of_cvat_lead_to_the_option(init: Init) -> None:
    """A name without suffix, and one whose letters are composed in another way."""
    draw(init.folder, "images/a.jpg", "images/u\N{COMBINING DIAERESIS}.jpg", "images/c.jpg")
    write(init.folder, {"annotations.xml": cvat_file(["a", "\N{LATIN SMALL LETTER U WITH DIAERESIS}"
                                                      ".jpg", "c.jpg", "gone.jpg"])})  # fmt: skip

    made = init(".")

    out = " ".join(made.out.split())
    advice = 'match-names = "near" under [dataset] finds 2 of them'
    assert f"image-files[all]: 3 of 4 images have a bad file: 3 missing; {advice}" in out
    text = made.text.replace("[dataset]  #", '[dataset]\nmatch-names = "near"  #', 1)
    (init.folder / "detgate.toml").write_text(text, encoding="utf-8")
    assert made.red()["image-files[all]"] == "1 of 4 images has a bad file: 1 missing"


def cvat_project(images: Sequence[tuple[str, str]]) -> str:
    """The file of a project: images of several subsets, by subset and name."""
    text = cvat_file([name for _, name in images])
    for row, (subset, _) in enumerate(images):
        text = text.replace(f'<image id="{row}"', f'<image id="{row}" subset="{subset}"')
    return text.replace("<task/>", "<project/>")


@pytest.mark.parametrize("path", [".", "annotations.xml"])
def test_subsets_of_a_cvat_project_are_splits(init: Init, path: str) -> None:
    """Two different images of one name, in the folders of their subsets."""
    images = [("Validation", "v.jpg"), ("Train", "a.jpg"), ("Train", "v.jpg")]
    draw(init.folder, *(f"images/{subset}/{name}" for subset, name in images))
    write(init.folder, {"annotations.xml": cvat_project(images)})

    made = init(path)

    shared = {"format": "cvat", "annotations": "annotations.xml"}
    assert splits(made) == {
        "train": {**shared, "images": "images/Train", "subset": "Train"},
        "val": {**shared, "images": "images/Validation", "subset": "Validation"},
    }
    assert "train: 2 images, 2 boxes" in made.out
    assert "val: 1 image, 1 box" in made.out
    assert made.red() == {}


def test_a_subset_that_cvat_does_not_have(init: Init) -> None:
    draw(init.folder, "images/Train/a.jpg", "images/Test/b.jpg")
    text = cvat_project([("Train", "a.jpg"), ("Test", "b.jpg")])
    write(init.folder, {"annotations.xml": text})
    made = init(".")
    mistyped = made.text.replace('subset = "Train"', 'subset = "Trian"')
    (init.folder / "detgate.toml").write_text(mistyped)

    reason = made.red()["box-bounds[train]"]

    assert reason.endswith("no subset 'Trian'; did you mean 'Train'? (there is: Train, Test)")


def test_tasks_of_cvat_are_splits(init: Init) -> None:
    for task in ("north", "south"):
        draw(init.folder, f"{task}/images/{task}.jpg")
        write(init.folder, {f"{task}/annotations.xml": cvat_file([f"{task}.jpg"])})

    splits_found = splits(init("."))

    assert {split["annotations"] for split in splits_found.values()} == {
        "north/annotations.xml",
        "south/annotations.xml",
    }
    assert {split["images"] for split in splits_found.values()} == {"north/images", "south/images"}


def test_images_without_labels_are_refused(init: Init) -> None:
    draw(init.folder, "images/a.jpg", "images/b.jpg")

    made = init("images")

    assert made.code == 4
    assert made.err.startswith("error: images: 2 images and no labels. Name the folder that has")


def test_yolo_labels_without_their_images_are_refused(init: Init) -> None:
    """Their boxes are shares of images."""
    write(init.folder, {"labels/a.txt": YOLO_BOX, "data.yaml": "names: [x]\ntrain: images\n"})

    made = init("data.yaml")

    assert made.code == 4
    assert (
        "data.yaml: none of its images is there (train: images). YOLO labels are shares of their "
        "image"
    ) in made.err
