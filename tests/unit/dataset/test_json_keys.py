"""A key that occurs twice in an object is refused, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.text import json_arrays
from pytest_detgate.dataset.text.json_keys import refuse_repeated_keys
from pytest_detgate.errors import DataError

ROWS = 60
CONTENT: dict[str, Any] = {
    "info": {"url": "http://a:b", "note": 'a } " and { :'},
    "categories": [{"id": 1, "name": "cone"}],
    "images": [
        {"id": n, "file_name": f"{n}.jpg", "width": 9, "height": 9, "date": "2020-01-01 10:00"}
        for n in range(ROWS)
    ],
    "annotations": [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}
        for n in range(ROWS)
    ],
}


def text_with(where: str, key: str, row: int = 0) -> str:
    """The file with a key once more, in an object of a list or at the top."""
    content = json.loads(json.dumps(CONTENT))
    part = content if where == "" else content[where][row] if where != "info" else content["info"]
    part["TWICE"] = part[key]
    return json.dumps(content).replace("TWICE", key)


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ("", "images"),
        ("", "annotations"),
        ("", "categories"),
        ("", "info"),
        ("info", "note"),
        ("categories", "name"),
        ("images", "file_name"),
        ("images", "height"),
        ("annotations", "bbox"),
        ("annotations", "category_id"),
        ("annotations", "area"),
        ("annotations", "iscrowd"),
    ],
)
@pytest.mark.parametrize("row", [0, 30, ROWS - 1])
@pytest.mark.parametrize("piece", [200, 1 << 18])
def test_a_repeated_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, key: str, row: int, piece: int
) -> None:
    monkeypatch.setattr(json_arrays, "_PIECE", piece)
    in_list = where in ("images", "annotations")
    path = tmp_path / "val.json"
    path.write_text(text_with(where, key, row if in_list else 0), encoding="utf-8")

    with pytest.raises(DataError) as caught:
        read_coco(path, tmp_path, "val")

    location = f" - at `$.{where}[{row}]`" if in_list else ""
    assert str(caught.value) == f"{path}: the key {key!r} occurs twice in one object{location}"


def test_every_row_may_repeat_it(tmp_path: Path) -> None:
    text = json.dumps(CONTENT).replace('"area": 12', '"area": 12, "area": 13')
    (tmp_path / "val.json").write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=r"'area' occurs twice in one object - at `\$.annotations"):
        read_coco(tmp_path / "val.json", tmp_path, "val")


@pytest.mark.parametrize(
    "change",
    [
        lambda row, n: row,
        lambda row, n: {**row, "note": 'a: "b", "area": 3 }, {'} if n % 3 else row,
        lambda row, n: {**row, "segmentation": {"size": [9, 9], "counts": "a:"}} if n % 2 else row,
        lambda row, n: {**row, "attributes": {"area": n, "bbox": {"area": 1}}},
        lambda row, n: {key: row[key] for key in row if key not in ("area", "id") or n % 2},
        lambda row, n: {**row, "segmentation": [[1, 2, 3, 4]] * n},
    ],
    ids=["plain", "texts", "masks", "nested", "missing", "polygons"],
)
@pytest.mark.parametrize("piece", [200, 1 << 18])
@pytest.mark.parametrize("indent", [None, 1])
def test_rows_that_only_look_alike_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, piece: int, indent: int | None
) -> None:
    monkeypatch.setattr(json_arrays, "_PIECE", piece)
    rows = [change(row, n) for n, row in enumerate(CONTENT["annotations"])]
    path = tmp_path / "val.json"
    path.write_text(json.dumps({**CONTENT, "annotations": rows}, indent=indent), encoding="utf-8")

    dataset = read_coco(path, tmp_path, "val")

    assert len(dataset.boxes) == ROWS
    assert dataset.boxes.image.tolist() == list(range(ROWS))


def test_a_file_with_literals_that_json_does_not_know(tmp_path: Path) -> None:
    text = json.dumps(CONTENT).replace('"area": 12', '"area": NaN', 1)
    path = tmp_path / "val.json"
    path.write_text(text, encoding="utf-8")
    assert len(read_coco(path, tmp_path, "val").boxes) == ROWS

    path.write_text(text.replace('"info"', '"images": [], "info"'), encoding="utf-8")
    with pytest.raises(DataError, match="'images' occurs twice"):
        read_coco(path, tmp_path, "val")


@pytest.mark.parametrize("text", ['{"a": "x\\u003ay", "a": 1}', '{"a": {"b": ":", "b": 1}}'])
def test_a_colon_in_a_text_hides_no_key(tmp_path: Path, text: str) -> None:
    """One colon too few, for the key, and one that the text has as a number, make up for it."""
    with pytest.raises(DataError, match="occurs twice"):
        refuse_repeated_keys(text.encode(), [], tmp_path)
