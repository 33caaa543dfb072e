"""The oracle reads labels as the documentation of their formats has it, also odd ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.campaign.oracle.folders import is_folder
from tests.campaign.oracle.label_readers import read_labels
from tests.campaign.oracle.labels import Image, Labels
from tests.campaign.oracle.queries import chosen_rows
from tests.campaign.oracle.reading import NotLookedAtError
from tests.campaign.project import Entry, read, resolved

_PICTURE: Entry = {"picture": {"look": 0, "width": 120, "height": 90, "suffix": ".png"}}


def _read(kind: str, labels: dict[str, Entry], **images: Entry) -> Labels:
    path = next(iter(labels))
    path = path if kind not in ("labelme", "kitti") else path.rpartition("/")[0]
    files = labels | {f"images/{name}.png": entry for name, entry in images.items()}
    return read_labels(files, {"format": kind, "annotations": path, "images": "images"})


def test_a_path_leads_to_the_same_file_however_it_is_written() -> None:
    files: dict[str, Entry] = {"images/val/a.png": {"text": "x"}, "b": {"link": "images"}}
    for path in ("./images/val/a.png", "images//val/./a.png", "./b/val/a.png"):
        assert resolved(files, path) == "images/val/a.png"
        assert read(files, path) == b"x"
    assert resolved(files, "IMAGES/val/a.png") is None
    assert is_folder(files, "./images/val")
    assert not is_folder(files, "images/va")
    assert not is_folder(files, "images/val/a.png")


def test_a_line_of_a_list_may_have_another_suffix() -> None:
    split = Labels("images", "coco")
    split.images = [Image(("text", name), name) for name in ("a.PNG", "b.png", "c.png", "c.jpg")]
    files: dict[str, Entry] = {"list": {"text": "a.png\nb.png\n"}, "two": {"text": "c.bmp\n"}}
    assert chosen_rows(files, {"list": "list"}, split, "") == [0, 1]
    with pytest.raises(NotLookedAtError, match="2 images"):
        chosen_rows(files, {"list": "two"}, split, "")


def _region(**turn: Any) -> dict[str, Any]:
    value = {"x": 50, "y": 50, "width": 10, "height": 20, "rectanglelabels": ["vest"], **turn}
    result = {"type": "rectanglelabels", "original_width": 100, "original_height": 100}
    done = {"was_cancelled": False, "result": [{**result, "value": value}]}
    return {"json": [{"data": {"image": "a.png"}, "annotations": [done]}]}


@pytest.mark.parametrize("turn", [90, 450, -270, "90"])
def test_a_turned_box_is_its_frame(turn: object) -> None:
    # Clockwise around (50, 50): the upper side, 10 long, points down and the left one, 20, left.
    labels = _read("labelstudio", {"val.json": _region(rotation=turn)}, a=_PICTURE)
    assert labels.annotations[0].box == pytest.approx((30, 50, 20, 10))
    upright = _read("labelstudio", {"val.json": _region(rotation=360)}, a=_PICTURE)
    assert upright.annotations[0].box == (50, 50, 10, 20)


def test_an_item_without_path_is_the_image_with_its_name() -> None:
    item = {"id": "a", "annotations": [], "image": {"PATH": "a.png"}}
    content = {"categories": {"label": {"labels": []}}, "items": [item]}
    labels = _read("datumaro", {"val.json": {"json": content}}, a=_PICTURE)
    assert labels.images[0].file_name == "a.png"
    missing = _read("datumaro", {"val.json": {"json": content}}, b=_PICTURE)
    assert missing.images[0].file_name == "a"


def test_a_size_that_is_not_given_is_that_of_the_file() -> None:
    text = '<annotations><image id="0" name="a.png" width="50"></image></annotations>'
    labels = _read("cvat", {"val.xml": {"text": text}}, a=_PICTURE)
    assert (labels.images[0].width, labels.images[0].height) == (120, 90)
    missing = _read("cvat", {"val.xml": {"text": text}}, b=_PICTURE)
    assert missing.images[0].width is None


def test_an_image_among_labels_is_no_label() -> None:
    content = {"imagePath": "a.png", "shapes": [], "imageWidth": 120, "imageHeight": 90}
    files: dict[str, Entry] = {"labels/a.json": {"json": content}, "labels/b.jpg": {"text": ""}}
    assert _read("labelme", files, a=_PICTURE).unlabelled == []
    assert _read("labelme", files, a=_PICTURE, b=_PICTURE).unlabelled == ["b"]
    files["labels/a.dat"] = {"text": ""}
    assert _read("labelme", files, a=_PICTURE).unlabelled == ["a.dat"]


def test_labels_without_a_folder_of_images_are_of_missing_images() -> None:
    files: dict[str, Entry] = {"labels/a.txt": {"text": ""}}

    assert _read("kitti", files).strays == ["a.txt"]
