"""Damaged COCO files give one `DataError` with the place, whatever is wrong and wherever."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text import json_arrays
from pytest_detgate.errors import DataError


def content() -> dict[str, Any]:
    return {
        "info": {"description": 'a "quoted" } , { [text]'},
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 640, "height": 480, "clip": "c1"},
            {"id": 2, "file_name": "ü\u2028.jpg", "width": 640.5, "height": None},
        ],
        "categories": [{"id": 3, "name": "cone"}, {"id": 4, "name": "vest"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3.5, 4], "area": 14},
            {
                "id": 2,
                "image_id": 2,
                "category_id": 4,
                "bbox": [1, 2, 3, 4],
                "iscrowd": 1,
                "segmentation": [[1, 2, 3, 4, 5, 6]],
                "extra": [{"a": 1}, {"b": "}, {"}],
            },
        ],
    }


def read(folder: Path, text: str | bytes) -> Dataset:
    path = folder / "val.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_coco(path, folder / "images", "val", ["clip"])


@pytest.mark.parametrize("piece", [1, 40, 1 << 18])
def test_every_prefix_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(json_arrays, "_PIECE", piece)
    whole = json.dumps(content(), ensure_ascii=False).encode()

    for length in range(len(whole)):
        with pytest.raises(DataError) as caught:
            read(tmp_path, whole[:length])
        assert str(caught.value).startswith(f"{tmp_path / 'val.json'}: ")

    assert len(read(tmp_path, whole).boxes) == 2


def test_every_single_byte_changed_is_read_or_one_error(tmp_path: Path) -> None:
    whole = json.dumps(content(), ensure_ascii=False).encode()
    for number in range(len(whole)):
        for byte in b'\xff\x00"}]9':
            damaged = whole[:number] + bytes([byte]) + whole[number + 1 :]
            # Any other exception fails the test.
            with contextlib.suppress(DataError):
                read(tmp_path, damaged)


WRONG: list[Any] = ["text", None, True, 1.5, [], {}, [1, 2], -1]
FIELDS = [("images", key) for key in ("id", "file_name", "width", "height")] + [
    ("annotations", key) for key in ("id", "image_id", "category_id", "bbox", "area", "iscrowd")
]


@pytest.mark.parametrize(("table", "key"), FIELDS)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_wrong_types_are_refused_with_their_place(
    tmp_path: Path, table: str, key: str, value: Any
) -> None:
    """Some of the values are right for some of the fields; those are read."""
    file = content()
    file[table][1][key] = value

    right: Any = {
        "id": ("text", -1),
        "file_name": ("text",),
        "width": (1.5, -1),
        "height": (1.5, -1),
        "image_id": ("text", -1),
        "category_id": ("text", -1),
        "bbox": ([],),  # the frame of the segmentation is used
        "area": (1.5, -1),
        "iscrowd": (True, -1),
    }[key]
    optional = ("width", "height", "area", "iscrowd", "bbox") + (("id",) * (table == "annotations"))
    plain = [allowed for allowed in right if type(allowed) is type(value)]
    if value in plain or (value is None and key in optional):
        assert len(read(tmp_path, json.dumps(file)).boxes) == 2
        return

    with pytest.raises(DataError) as caught:
        read(tmp_path, json.dumps(file))

    assert f"{table}[1].{key} is " in str(caught.value)


@pytest.mark.parametrize("table", ["images", "annotations", "categories"])
@pytest.mark.parametrize("value", [None, {}, "text", 5, [1], [[]], [None]], ids=repr)
def test_wrong_tables_are_refused(tmp_path: Path, table: str, value: Any) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, json.dumps({**content(), table: value}))

    message = str(caught.value).partition("val.json: ")[2]
    assert message.startswith((f"{table} is ", f"{table}[0] is ")) or f"$.{table}" in message


@pytest.mark.parametrize("bbox", [[1, 2, 3], [1, 2, 3, 4, 5], [[1, 2, 3, 4]], ["x", 2, 3, 4]])
def test_boxes_of_other_lengths(tmp_path: Path, bbox: list[Any]) -> None:
    file = content()
    file["annotations"][1]["bbox"] = bbox

    with pytest.raises(DataError, match=r"annotations\[1\]\.bbox is "):
        read(tmp_path, json.dumps(file))


@pytest.mark.parametrize("name", ["../a.jpg", "x/../../a.jpg", "/a.jpg", "..\\a.jpg", "C:/a.jpg"])
def test_names_that_escape(tmp_path: Path, name: str) -> None:
    file = content()
    file["images"][1]["file_name"] = name

    with pytest.raises(DataError, match=r"images\[1\]\.file_name .* leaves the images folder"):
        read(tmp_path, json.dumps(file))


@pytest.mark.parametrize("name", ["a\nb.jpg", "<b>a</b>.jpg", "a..b.jpg", "a:b.jpg", "null\0.jpg"])
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    file = content()
    file["images"][1]["file_name"] = name

    assert read(tmp_path, json.dumps(file)).images.file_name[1] == name


@pytest.mark.parametrize("piece", [1, 10, 100, 1000])
def test_pieces_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """Cuts fall into strings and nested arrays, and rows of all kinds meet in one column."""
    file = content()
    file["annotations"] = [
        {**file["annotations"][index % 2], "id": own, "image_id": image}
        for index, (own, image) in enumerate(
            [(1, 1), (2, 2), ("3", "1"), (4.0, 2.0), (2**60, 1), (2**60 + 1, 2), (2**70, 9)] * 3
        )
    ]
    whole = read(tmp_path, json.dumps(file))
    monkeypatch.setattr(json_arrays, "_PIECE", piece)

    cut = read(tmp_path, json.dumps(file))

    assert cut.boxes.id.tolist() == whole.boxes.id.tolist()
    assert cut.boxes.id.tolist()[:7] == [1, 2, "3", 4, 2**60, 2**60 + 1, 2**70]
    assert cut.boxes.image.tolist() == [0, 1, 0, 1, 0, 1, -1] * 3
    for column in ("xywh", "area", "crowd", "category"):
        np.testing.assert_array_equal(getattr(cut.boxes, column), getattr(whole.boxes, column))
    assert cut.images.file_name.tolist() == whole.images.file_name.tolist()


def test_a_wrong_value_far_into_the_file_has_its_place(tmp_path: Path) -> None:
    file = content()
    file["annotations"] = [dict(file["annotations"][0]) for _ in range(20_000)]
    file["annotations"][15_000]["category_id"] = None

    with pytest.raises(DataError, match=r"annotations\[15000\]\.category_id is null"):
        read(tmp_path, json.dumps(file))


def test_a_fraction_is_no_id(tmp_path: Path) -> None:
    file = content()
    file["images"][1]["id"] = 2.5

    with pytest.raises(DataError, match=r"images\[1\]\.id is 2\.5; expected a whole number"):
        read(tmp_path, json.dumps(file))


@pytest.mark.parametrize("literal", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "location", ["images.id", "annotations.id", "annotations.image_id", "annotations.category_id"]
)
def test_a_literal_is_no_id(tmp_path: Path, location: str, literal: float) -> None:
    """pandas writes NaN for an id that a join has not found: it is not the id of another row."""
    table, key = location.split(".")
    file = content()
    file[table][1][key] = literal
    file["images"][0]["id"] = literal if table == "annotations" else 1

    with pytest.raises(DataError, match=rf"{table}\[1\]\.{key} is .* expected a whole number"):
        read(tmp_path, json.dumps(file))


def test_a_literal_is_no_category(tmp_path: Path) -> None:
    file = content()
    file["categories"][1]["id"] = np.nan

    with pytest.raises(DataError, match=r"Expected a whole number or text, got `NaN`"):
        read(tmp_path, json.dumps(file))


@pytest.mark.parametrize("literal", [np.nan, -np.inf])
def test_a_literal_is_no_name(tmp_path: Path, literal: float) -> None:
    file = content()
    file["images"][1]["file_name"] = literal
    with pytest.raises(DataError, match=r"images\[1\]\.file_name is .* expected text"):
        read(tmp_path, json.dumps(file))
    file = content()
    file["categories"][1]["name"] = literal
    with pytest.raises(DataError, match=r"categories\[1\]\.name is .* expected text"):
        read(tmp_path, json.dumps(file))


def test_literals_in_numbers_beside_text_that_looks_like_them(tmp_path: Path) -> None:
    text = json.dumps(content()).replace("3.5, 4]", "-Infinity, NaN]").replace("c1", "a, NaN, b")

    dataset = read(tmp_path, text)

    assert dataset.boxes.xywh[0, 2] == -np.inf
    assert np.isnan(dataset.boxes.xywh[0, 3])
    assert dataset.images.fields["clip"].tolist() == ["a, NaN, b", None]


def test_ids_far_apart_and_close_together_find_the_same_rows(tmp_path: Path) -> None:
    """Close ones are looked up in a table of all of them, others by sorting."""
    for ids in ([5, 3, 4, 3], [5, 2**62, -(2**62), 2**62]):
        file = {
            "images": [{"id": own, "file_name": f"{index}"} for index, own in enumerate(ids)],
            "categories": [{"id": 1, "name": "cone"}],
            "annotations": [
                {"image_id": image, "category_id": 1, "bbox": [0, 0, 1, 1]}
                for image in [*ids, 99, -99, 2**63 - 1, -(2**63)]
            ],
        }
        assert read(tmp_path, json.dumps(file)).boxes.image.tolist() == [0, 1, 2, 1, -1, -1, -1, -1]


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["a.jpg", "b.png"], ""),
        (["a.jpg", "a.xml"], '; with .xml files it may be format = "voc"'),
        (
            ["a.json"],
            '; give one of its .json files; with .json files it may be format = "labelme"',
        ),
    ],
)
def test_a_folder_says_which_format_it_may_have(
    tmp_path: Path, names: list[str], hint: str
) -> None:
    for name in names:
        (tmp_path / name).write_text("")

    with pytest.raises(DataError) as caught:
        read_coco(tmp_path, tmp_path, "val")

    assert str(caught.value) == f"{tmp_path}: a folder, and COCO annotations are one file{hint}"
