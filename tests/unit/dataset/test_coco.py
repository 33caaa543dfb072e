"""COCO files are read right or refused with the place; nothing is silently dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.fields import read_fields
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError


def read(folder: Path, text: str | bytes, **options: Any) -> Dataset:
    path = folder / "val.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_coco(path, folder / "images", "val", **options)


def file(images: str = '{"id":1,"file_name":"a.jpg"}', annotations: str | None = "") -> str:
    listed = "" if annotations is None else f',"annotations":[{annotations}]'
    return f'{{"images":[{images}],"categories":[{{"id":3,"name":"cone"}}]{listed}}}'


def box(bbox: str = "[1,2,3,4]", **fields: str) -> str:
    values = {"id": "1", "image_id": "1", "category_id": "3", "bbox": bbox, **fields}
    return "{" + ",".join(f'"{key}":{value}' for key, value in values.items()) + "}"


@pytest.mark.parametrize("annotations", [None, ""])
def test_file_without_annotations(tmp_path: Path, annotations: str | None) -> None:
    dataset = read(tmp_path, file(annotations=annotations))

    assert len(dataset.images) == 1
    assert len(dataset.boxes) == 0
    assert dataset.boxes_by_image().tolist() == [0]


def test_columns(tmp_path: Path) -> None:
    dataset = read(
        tmp_path,
        file(
            '{"id":7,"file_name":"a.jpg","width":640,"height":480,"video_id":"v1","other":[1]},'
            '{"id":5,"file_name":"b.jpg"}',
            box(image_id="5", iscrowd="1", area="9.5") + "," + box(id="2", image_id="7"),
        ),
        image_fields=["video_id"],
    )

    assert dataset.images.id.tolist() == [7, 5]
    assert dataset.images.width[0] == 640
    assert np.isnan(dataset.images.width[1])
    assert dataset.images.fields["video_id"].tolist() == ["v1", None]
    assert dataset.boxes.image.tolist() == [1, 0]
    assert dataset.boxes.category.tolist() == [0, 0]
    assert dataset.boxes.crowd.tolist() == [True, False]
    assert dataset.boxes.area[0] == 9.5
    assert np.isnan(dataset.boxes.area[1])
    assert dataset.boxes.xywh.tolist() == [[1, 2, 3, 4]] * 2


def test_infinity_and_nan_literals_are_the_numbers_they_mean(tmp_path: Path) -> None:
    dataset = read(
        tmp_path,
        file('{"id":1,"file_name":"NaN Infinity.jpg"}', box("[Infinity,-Infinity,NaN,4]")),
    )

    assert dataset.images.file_name.tolist() == ["NaN Infinity.jpg"]
    assert dataset.boxes.xywh[0].tolist()[:2] == [np.inf, -np.inf]
    assert np.isnan(dataset.boxes.xywh[0, 2])
    assert dataset.notes == ("1 box is not finite",)


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('"frame-1"', '"frame-1"'),
        ("2299", '"2299"'),
        ('"2299"', "2299"),
        ("-4", "-4"),
    ],
)
def test_ids_of_any_kind_find_their_image(tmp_path: Path, listed: str, wanted: str) -> None:
    dataset = read(
        tmp_path,
        file(
            f'{{"id":{listed},"file_name":"a.jpg"}},{{"id":0,"file_name":"b.jpg"}}',
            box(image_id=wanted),
        ),
    )

    assert dataset.boxes.image.tolist() == [0]


def test_neighbouring_64_bit_ids_stay_apart(tmp_path: Path) -> None:
    """As floats, 2^53 and 2^53 + 1 are one number."""
    dataset = read(
        tmp_path,
        file(
            '{"id":9007199254740992,"file_name":"a.jpg"},'
            '{"id":9007199254740993,"file_name":"b.jpg"}',
            box(image_id="9007199254740993"),
        ),
    )

    assert dataset.boxes.image.tolist() == [1]


def test_annotations_of_what_is_not_listed_are_kept_and_told(tmp_path: Path) -> None:
    dataset = read(tmp_path, file(annotations=box(image_id="99") + "," + box(category_id="1")))

    assert dataset.boxes.image.tolist() == [UNLISTED, 0]
    assert dataset.boxes.category.tolist() == [0, UNLISTED]
    assert dataset.boxes.image_id.tolist() == [99, 1]
    assert dataset.notes == (
        "1 annotation refers to images that the file does not list",
        "1 annotation refers to categories that the file does not list",
    )


@pytest.mark.parametrize(
    "name", ["", "camera id", "time-of-day", "class", "__class__", 'a"b', "a\\b", "a\nb", "é"]
)
def test_an_image_field_may_have_any_name(tmp_path: Path, name: str) -> None:
    images = json.dumps({"id": 1, "file_name": "a.jpg", "width": 64, name: "north"})
    dataset = read(tmp_path, file(images), image_fields=(name, "width"))

    assert dataset.images.fields[name].tolist() == ["north"]
    assert dataset.images.fields["width"].tolist() == [64]
    assert read_fields(tmp_path / "val.json", "images", [name]) == {name: ["north"]}


def test_tables_cannot_be_changed(tmp_path: Path) -> None:
    dataset = read(tmp_path, file(annotations=box()))

    with pytest.raises(ValueError, match="read-only"):
        dataset.boxes.xywh[0, 0] = 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "the file is empty", id="empty"),
        pytest.param(
            '{"images": [],\n "categ', "cut off at line 2, column 8 (byte 22 of 22)", id="cut off"
        ),
        pytest.param(
            '{"images": [],\n "categories" [}', "not valid JSON at line 2, column 15", id="broken"
        ),
        pytest.param("[]", "a list, as a result file is", id="list"),
        pytest.param(
            '{"images": [], "categories": [], "annotations": null}',
            "annotations is null; expected a list",
            id="null",
        ),
        pytest.param(
            '{"images": {}, "categories": [], "annotations": []}',
            "images is an object; expected a list",
            id="object",
        ),
        pytest.param(
            '{"images": []}',
            "no list `categories`; a COCO annotation file is an object with images, annotations "
            "and categories, found images",
            id="no categories",
        ),
        pytest.param(
            file('{"id": 1}'), "images[0].file_name is missing; expected text", id="no name"
        ),
        pytest.param(
            file(annotations=box("[1,2,3]")),
            "annotations[0].bbox is [1, 2, 3]; expected [x, y, width, height]",
            id="three numbers",
        ),
        pytest.param(
            file(annotations=box('[1,2,3,"wide"]')),
            'annotations[0].bbox is "wide"; expected a number',
            id="text",
        ),
        pytest.param(
            file(annotations=box(image_id="null")), "annotations[0].image_id is null", id="null"
        ),
        pytest.param(b'\xff\xfe{"', "not valid JSON at line 1, column 1", id="utf-16"),
        pytest.param(
            file('{"id":1,"file_name":"../secret.jpg"}'),
            "images[0].file_name '../secret.jpg' leaves the images folder",
            id="parent",
        ),
        pytest.param(file('{"id":1,"file_name":"/etc/passwd"}'), "leaves the images", id="root"),
        pytest.param(file('{"id":1,"file_name":"a/../../b"}'), "leaves the images", id="up"),
        pytest.param(file('{"id":1,"file_name":"C:\\\\b.jpg"}'), "leaves the images", id="drive"),
        pytest.param(file('{"id":1,"file_name":"..\\\\b.jpg"}'), "leaves the images", id="win"),
    ],
)
def test_refused_with_the_place(tmp_path: Path, text: str | bytes, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)

    assert expected in str(caught.value)
    assert str(tmp_path / "val.json") in str(caught.value)


def test_dots_inside_a_name_are_no_escape(tmp_path: Path) -> None:
    dataset = read(tmp_path, file('{"id":1,"file_name":"clip..1/a..jpg"}'))

    assert dataset.images.file_name.tolist() == ["clip..1/a..jpg"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json: no such file"):
        read_coco(tmp_path / "gone.json", tmp_path, "val")


@pytest.mark.shared
def test_taco_unofficial_is_read_whole(shared_data: Path) -> None:
    """Counts from its SOURCE.md: a strict JSON reader refuses this file."""
    path = shared_data / "taco-json" / "annotations_unofficial.json"

    dataset = read_coco(path, path.parent, "taco")

    assert (len(dataset.images), len(dataset.boxes), len(dataset.classes)) == (3831, 8334, 60)
    assert int((~np.isfinite(dataset.boxes.xywh).all(axis=1)).sum()) == 15
    assert not (dataset.boxes_by_image() == 0).any()
