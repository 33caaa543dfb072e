"""LabelMe files of boxes alone are read in a short way, which says what the long way says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.labels.labelme.labelme_boxes import PlainFiles
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from tests.unit.dataset.labels.table_contents import table_contents
from tests.unit.label_files import READERS, draw, split


def shape(**changes: Any) -> dict[str, Any]:
    return {
        "label": "helmet",
        "points": [[30.5, 4], [10, 20]],
        "group_id": None,
        "shape_type": "rectangle",
        "flags": {},
        **changes,
    }


def file(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "../images/a.png",
        "imageData": None,
        "imageHeight": 50,
        "imageWidth": 100,
        **changes,
    }


PLAIN = file(shape(), shape(label="vest", points=[[1, 2], [3, 4.25]]))
TEXT = json.dumps(PLAIN)
# Each as the second of three files, of which the others are plain.
VARIANTS: dict[str, str] = {
    "plain": TEXT,
    "no shapes": json.dumps(file()),
    "another key": json.dumps(file(shape(description="x"), shape())),
    "no size": json.dumps(file(shape(), imageHeight=None, imageWidth=None)),
    "an image inside": json.dumps(file(shape(), imageData="aGVsbWV0" * 1000)),
    "a flag": json.dumps(file(shape(flags={"occluded": True}))),
    "a flag of the image": json.dumps(file(shape(), flags={"night": True})),
    "attributes": json.dumps(file(shape(attributes={"truncated": "1"}))),
    "difficult": json.dumps(file(shape(difficult=True))),
    "not difficult": json.dumps(file(shape(difficult=False))),
    "a score": json.dumps(file(shape(score=0.5), shape())),
    "a key with an escape": json.dumps(file(shape(), **{'no"te': 1})),
    "over a hundred boxes": json.dumps(file(*[shape()] * 101)),
    "a polygon": json.dumps(file(shape(shape_type="polygon", points=[[0, 0], [9, 0], [9, 9]]))),
    "four points": json.dumps(file(shape(points=[[0, 0], [9, 0], [9, 9], [0, 9]]))),
    "no kind": json.dumps(file(shape(shape_type=None, points=[[0, 0], [9, 0], [9, 9]]))),
    "a line": json.dumps(file(shape(shape_type="line"), shape())),
    "numbers as text": json.dumps(file(shape(points=[["1", "2"], ["3", "4"]]))),
    "a colon in a text": json.dumps(file(shape(label="a: b"))),
    "an escape": json.dumps(file(shape(label="ä"))),
    "not a number": TEXT.replace("30.5", "NaN"),
    "a byte order mark": "\ufeff" + TEXT,
    "indented": json.dumps(PLAIN, indent=2),
}


def read(folder: Path, text: str) -> Dataset:
    labels = folder / "labels"
    labels.mkdir(parents=True, exist_ok=True)
    draw(folder / "images", "a.png", "b.png", "c.png")
    # In the order that they are read in.
    others = {name: TEXT.replace("a.png", f"{name}.png") for name in ("b", "c")}
    for name, content in {"1": others["b"], "2": text, "3": others["c"]}.items():
        (labels / f"{name}.json").write_text(content, encoding="utf-8")
    return READERS["labelme"](split(folder))


@pytest.mark.parametrize("name", VARIANTS)
def test_both_ways_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    short = table_contents("labelme", read(tmp_path, VARIANTS[name]))
    monkeypatch.setattr(PlainFiles, "read", lambda self, content: None)

    assert table_contents("labelme", read(tmp_path, VARIANTS[name])) == short


def test_what_a_plain_file_says() -> None:
    files = PlainFiles()
    assert files.read(TEXT.encode()) is None
    files.learn(TEXT.encode())

    plain = files.read(TEXT.encode())

    again = files.read(TEXT.encode())
    # The image, its size, where its boxes begin, and how many there are.
    assert plain == ("../images/a.png", (100, 50), 0, 2)
    assert again == ("../images/a.png", (100, 50), 2, 2)
    boxes = files.boxes()
    assert [boxes.classes[number] for number in boxes.category] == ["helmet", "vest"] * 2
    # The corners come in any order.
    assert boxes.xywh.tolist() == [[10, 4, 20.5, 16], [1, 2, 2, 2.25]] * 2


def test_boxes_in_another_order_than_their_files(tmp_path: Path) -> None:
    """The boxes of an image are its own, in any order of the label files, and whether a file
    between them is read in the long way."""
    draw(tmp_path / "images", "a.png", "b.png", "c.png", "d.png", size=(100, 50))
    (tmp_path / "labels").mkdir()
    contents = {
        "1": file(shape(label="of d"), shape(label="d too"), imagePath="d.png"),
        "2": file(
            shape(label="of b", shape_type="polygon", points=[[0, 0], [9, 0], [9, 9]]),
            imagePath="b.png",
        ),
        "3": file(imagePath="c.png"),
        "4": file(shape(label="of a", points=[[1, 2], [3, 4]]), imagePath="a.png"),
        "5": file(shape(label="of an image that is gone"), imagePath="gone.png"),
    }
    for name, content in contents.items():
        (tmp_path / f"labels/{name}.json").write_text(json.dumps(content))

    dataset = READERS["labelme"](split(tmp_path))

    rows = zip(dataset.boxes.image.tolist(), dataset.boxes.id, strict=True)
    assert [(dataset.images.file_name[row], where) for row, where in rows] == [
        ("a.png", "a.png:1"),
        ("b.png", "b.png:1"),
        ("d.png", "d.png:1"),
        ("d.png", "d.png:2"),
        ("gone.png", "gone.png:1"),
    ]
    assert dataset.boxes.category_id.tolist() == [
        *("of a", "of b", "of d", "d too", "of an image that is gone")
    ]
    assert [dataset.classes[index] for index in dataset.boxes.category] == [
        *dataset.boxes.category_id
    ]
    assert dataset.boxes.xywh.tolist() == [
        *([1, 2, 2, 2], [0, 0, 9, 9]),
        *([[10, 4, 20.5, 16]] * 3),
    ]


def test_classes_of_other_splits_are_none(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.png", "b.png", size=(100, 50))
    (tmp_path / "labels").mkdir()
    for name in "ab":
        content = file(shape(label=f"of {name}"), imagePath=f"{name}.png")
        (tmp_path / f"labels/{name}.json").write_text(json.dumps(content))
    (tmp_path / "list.txt").write_text("b.png\n")

    dataset = READERS["labelme"](split(tmp_path, listed=tmp_path / "list.txt"))

    assert dataset.classes == ("of b",)
    assert dataset.boxes.category.tolist() == [0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"label": "vest"', '"label": "cone", "label": "vest"', id="a class"),
        pytest.param('"version"', '"imagePath": "b.png", "version"', id="the image"),
        pytest.param('"group_id": null', '"group_id": null, "group_id": 1', id="what is not read"),
        # As many colons as before.
        pytest.param('"group_id": null', '"label": "cone"', id="in place of another"),
    ],
)
def test_a_key_that_occurs_twice(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(DataError, match="occurs twice in one object"):
        read(tmp_path, TEXT.replace(old, new))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"imagePath": " "}, "`imagePath` is empty"),
        ({"shapes": [shape(label=" ")]}, "shape 1 has no label"),
        ({"shapes": [shape(points=[[1, 2]])]}, "shape 1: a rectangle has 2 points, found 1"),
        ({"shapes": [shape(points=[[1, 2, 3], [4, 5]])]}, "length 2"),
        ({"shapes": [shape(shape_type="cube")]}, "shape 1: no shape_type 'cube'"),
    ],
)
def test_mistakes_are_found(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError) as refusal:
        read(tmp_path, json.dumps(file(shape()) | change))

    assert text in str(refusal.value)


def test_files_with_many_sets_of_keys() -> None:
    """Only some sets are learnt; the rest is read the long way."""
    files = PlainFiles()
    texts = [json.dumps(file(shape(**{f"key {number}": 1}))) for number in range(12)]
    for text in texts:
        files.learn(text.encode())

    assert [files.read(text.encode()) is not None for text in texts] == [True] * 8 + [False] * 4
