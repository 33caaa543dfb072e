"""Splits of a `data.yaml`, in the layouts of Ultralytics and Roboflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.labels.yolo.data_yaml import read_data_yaml
from pytest_detgate.errors import ConfigError, DataError
from tests.judged import judged
from tests.unit.label_files import READERS, draw, write

NAMES = "names: [helmet, vest]\n"


@pytest.mark.parametrize(
    ("text", "images", "labels"),
    [
        ("val: images/val\n", "images/val", "labels/val"),
        ("path: .\nval: ./images/val/\n", "images/val", "labels/val"),
        ("path: /content/datasets/site\nval: images/val\n", "images/val", "labels/val"),
        ("val: [images/val]\n", "images/val", "labels/val"),
        ("val: ../valid/images\n", "valid/images", "valid/labels"),
        ("val: valid\n", "valid/images", "valid/labels"),
        ("valid: valid/images\n", "valid/images", "valid/labels"),
        ("val: images\\val\n", "images/val", "labels/val"),
        ("val: flat\n", "flat", "flat"),
        ("val: /content/ppe-1/valid/images\n", "valid/images", "valid/labels"),
        ("val: C:\\me\\ppe\\images\\val\n", "images/val", "labels/val"),
        ("path: /content/ppe\nval: /content/ppe/valid\n", "valid/images", "valid/labels"),
    ],
)
def test_where_a_split_is(tmp_path: Path, text: str, images: str, labels: str) -> None:
    for folder in ("images/val", "valid/images", "flat"):
        draw(tmp_path / folder, "a.jpg")
    write(tmp_path, {"data.yaml": text + NAMES})

    (read,) = read_data_yaml(tmp_path / "data.yaml", "val")

    assert (read.images, read.labels) == (tmp_path / images, tmp_path / labels)
    assert read.classes == ("helmet", "vest")
    assert read.listed is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: images\n", "has no split 'val' (there is: train); name it by `split`"),
        ("val: gone\n", "`val` is gone: no such folder or list"),
        ("val: [a, b]\n", "`val` is a: no such folder or list"),
        ("val: [a.txt, {b: c}]\n", "`val` is a.txt: no such"),
        ("val: []\n", "has no split 'val'"),
        ("val:\n", "has no split 'val' (there is: none)"),
        ("val: {images: a}\n", "`val`: expected folders or lists of images, found {'images'"),
        ("val: empty.txt\n", "empty.txt: lists no image"),
        ("val: two.txt\n", "two.txt: lists images of 2 folders far apart"),
    ],
)
def test_a_split_that_is_not_there(tmp_path: Path, text: str, expected: str) -> None:
    write(
        tmp_path,
        {
            "data.yaml": text + NAMES,
            "empty.txt": "\n",
            "two.txt": "a/images/x.jpg\n/b/images/y.jpg",
        },
    )

    with pytest.raises(DataError) as caught:
        read_data_yaml(tmp_path / "data.yaml", "val")

    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["train: /a/images\nval: /b/images\n", "val: [/a/images, /b/images]\n"],
)
def test_two_folders_of_another_machine_become_no_one(tmp_path: Path, text: str) -> None:
    draw(tmp_path, "images/a.jpg")
    write(tmp_path, {"data.yaml": text + NAMES})

    with pytest.raises(DataError) as caught:
        read_data_yaml(tmp_path / "data.yaml", "val")

    assert "lists images of /a/images and of /b/images, and there is one" in str(caught.value)


def test_a_list_of_images_in_several_folders(tmp_path: Path) -> None:
    """As `split` writes one for folders that were split before; labels are beside each folder."""
    draw(tmp_path, "train/images/a.jpg", "valid/images/a.jpg", "valid/images/b.jpg")
    write(
        tmp_path,
        {
            "data.yaml": "val: val.txt\n" + NAMES,
            "val.txt": "./train/images/a.jpg\n./valid/images/b.jpg\n",
            "train/labels/a.txt": "0 .5 .5 .2 .2\n",
            "valid/labels/a.txt": "1 .5 .5 .2 .2\n1 .2 .2 .1 .1\n",
            "valid/labels/b.txt": "1 .5 .5 .4 .4\n",
        },
    )
    (read,) = read_data_yaml(tmp_path / "data.yaml", "val")

    dataset = READERS["yolo"](
        SplitFiles(name="val", labels=read.labels, images=read.images, listed=read.listed)
    )

    assert dataset.images.file_name.tolist() == ["train/images/a.jpg", "valid/images/b.jpg"]
    assert [dataset.classes[index] for index in dataset.boxes.category] == ["helmet", "vest"]
    assert dataset.boxes.image.tolist() == [0, 1]
    assert dataset.boxes.xywh.tolist() == [[40, 20, 20, 10], [30, 15, 40, 20]]


def test_two_labels_of_one_image_are_refused(tmp_path: Path) -> None:
    """One beside the image and one in the folder beside: it is not known which counts."""
    draw(tmp_path, "a/images/x.jpg", "b/images/y.jpg")
    labels = ("a/images/x.txt", "a/labels/x.txt", "b/labels/y.txt")
    write(
        tmp_path,
        {
            "data.yaml": "val: val.txt\n" + NAMES,
            "val.txt": "./a/images/x.jpg\n./b/images/y.jpg\n",
            **dict.fromkeys(labels, "0 .5 .5 .2 .2\n"),
        },
    )
    (read,) = read_data_yaml(tmp_path / "data.yaml", "val")

    with pytest.raises(DataError, match=r"a/images/x\.jpg has two labels"):
        READERS["yolo"](
            SplitFiles(name="val", labels=read.labels, images=read.images, listed=read.listed)
        )


RULES = "[rules.image-files]\n[rules.class-support]\nmin-boxes = 1\n[rules.box-bounds]\n"


@pytest.mark.parametrize(
    "text", ["val: images/val\n", "val: val.txt\n", "path: ..\nval: set/images/val\n"]
)
def test_a_split_of_a_data_yaml_is_gated(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "set"
    draw(folder / "images" / "val", "a.jpg", "b.jpg")
    write(
        folder,
        {
            "data.yaml": text + NAMES,
            "val.txt": "./images/val/a.jpg\n./images/val/b.jpg\n",
            "labels/val/a.txt": "0 .5 .5 .2 .2\n1 .2 .2 .1 .1\n",
            "labels/val/b.txt": "",
        },
    )
    config = '[dataset.splits.tested]\ndata = "set/data.yaml"\nsplit = "val"\n' + RULES

    results = judged(tmp_path, config)

    assert {result.verdict for result in results.values()} == {"passed"}, results


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('data = "d.yaml"\nimages = "i"', "images: only applies without data"),
        ('data = "d.yaml"\nclasses = "c.txt"', "classes: only applies without data"),
        ('data = "d.yaml"\nformat = "voc"', "format: only applies without data"),
        ('annotations = "a"\nimages = "i"\nsplit = "val"', "split: only applies with data"),
        ('images = "i"', "the key 'annotations' is missing; it takes text (or name a data.yaml"),
        ('annotations = "a"\nimages = "i"\nmax-polygons = 3', "max-polygons: only applies to"),
    ],
)
def test_keys_that_contradict_each_other(tmp_path: Path, table: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judged(tmp_path, f"[dataset.splits.val]\n{table}\n[rules.image-files]\n")

    assert expected in str(caught.value)


def test_data_yaml_with_a_list_of_classes_that_count(tmp_path: Path) -> None:
    draw(tmp_path / "images" / "val", "a.jpg")
    write(
        tmp_path,
        {"data.yaml": "val: images/val\n" + NAMES, "labels/val/a.txt": "0 .5 .5 .2 .2\n"},
    )
    config = '[dataset.splits.val]\ndata = "data.yaml"\nclasses = ["helmet"]\n' + RULES

    assert {result.verdict for result in judged(tmp_path, config).values()} == {"passed"}


def test_a_list_of_several_folders_named_from_beside_it(tmp_path: Path) -> None:
    for site in ("north", "south"):
        draw(tmp_path / f"data/{site}/images", "a.jpg")
    write(tmp_path / "data", {"data.yaml": "val: two.txt\n" + NAMES})
    write(tmp_path / "data", {"two.txt": "./north/images/a.jpg\n./south/images/a.jpg\n"})
    (tmp_path / "gate").mkdir()

    (read,) = read_data_yaml(tmp_path / "gate" / ".." / "data" / "data.yaml", "val")

    assert (read.images, read.labels) == (tmp_path / "data", tmp_path / "data")


def test_two_folders_of_another_machine_that_are_one_here(tmp_path: Path) -> None:
    """Each has an image of this name, and one of them was never looked at."""
    draw(tmp_path / "images", "a.jpg")
    lines = "/north/images/a.jpg\n/south/images/a.jpg\n"
    write(tmp_path, {"data.yaml": "val: two.txt\n" + NAMES, "two.txt": lines})

    with pytest.raises(DataError) as caught:
        read_data_yaml(tmp_path / "data.yaml", "val")

    assert (
        f"two.txt: lists images of /north/images and of /south/images, and there is one folder for "
        f"both: {tmp_path / 'images'}"
    ) in str(caught.value)


def test_a_list_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """CVAT writes `data/` in front of the paths, and no such folder."""
    draw(tmp_path / "images/train", "a.jpg")
    lines = "data/images/train/a.jpg\n"
    write(tmp_path, {"data.yaml": "train: train.txt\n" + NAMES, "train.txt": lines})

    (read,) = read_data_yaml(tmp_path / "data.yaml", "train")

    assert (read.images, read.labels) == (tmp_path / "images", tmp_path / "labels")


def test_two_folders_that_are_not_there_become_no_one(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    lines = "north/images/a.jpg\nsouth/images/a.jpg\n"
    write(tmp_path, {"data.yaml": "val: two.txt\n" + NAMES, "two.txt": lines})

    with pytest.raises(DataError, match="lists images of north/images and of south/images"):
        read_data_yaml(tmp_path / "data.yaml", "val")


def test_a_list_that_was_written_under_windows(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    lines = "D:\\data\\site\\images\\a.jpg\r\n"
    write(tmp_path, {"data.yaml": "val: one.txt\n" + NAMES, "one.txt": lines})

    (read,) = read_data_yaml(tmp_path / "data.yaml", "val")

    assert (read.images, read.labels) == (tmp_path / "images", tmp_path / "labels")
