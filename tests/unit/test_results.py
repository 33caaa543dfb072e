"""Result files: matched by name where they carry names, refused by name where they do not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.coco import read_coco
from pytest_detgate.dataset.folder import read_folder
from pytest_detgate.dataset.results import read_results
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError


@pytest.fixture
def val(tmp_path: Path, coco_content: Any, write_json: Any) -> Dataset:
    content = coco_content({"a.jpg": [], "b.jpg": []}, ["cone", "person"])
    return read_coco(write_json(tmp_path / "val.json", content), tmp_path, "val")


def detection(**fields: Any) -> dict[str, Any]:
    return {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5, **fields}


def test_plain_list_uses_the_ids_of_the_split(
    val: Dataset, tmp_path: Path, write_json: Any
) -> None:
    file = write_json(tmp_path / "r.json", [detection(image_id=2, category_id=2)])

    table = read_results(file, val)

    assert (table.image.tolist(), table.category.tolist()) == ([1], [1])
    assert table.classes == ("cone", "person")


def test_names_win_over_numbers_that_happen_to_agree(
    val: Dataset, tmp_path: Path, write_json: Any
) -> None:
    """Image 1 is b.jpg and category 1 is person in this file; in the split both are 2."""
    file = write_json(
        tmp_path / "r.json",
        {
            "images": [{"id": 1, "file_name": "b.jpg"}, {"id": 2, "file_name": "a.jpg"}],
            "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cone"}],
            "annotations": [detection()],
        },
    )

    table = read_results(file, val)

    assert table.image.tolist() == [1]
    assert table.classes[table.category[0]] == "person"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([detection(), detection(image_id=9)], "detection 1: image_id 9 is not an image of val"),
        ([detection(category_id=9)], "detection 0: category_id 9 is not a category of val"),
        ([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}], "missing required field `scor"),
        ({"annotations": [detection()], "images": []}, "image_id 1 is not among its images"),
        (
            {"annotations": [detection()], "images": [{"id": 1, "file_name": "aa.jpg"}]},
            "'aa.jpg' is not an image of val; did you mean 'a.jpg'?",
        ),
        (
            {"annotations": [], "categories": [{"id": 1, "name": "persons"}]},
            "class 'persons' is not a class of val; did you mean 'person'?",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    val: Dataset, tmp_path: Path, write_json: Any, content: Any, expected: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_results(write_json(tmp_path / "r.json", content), val)

    assert expected in str(caught.value)


@pytest.mark.parametrize("literal", ["NaN", "Infinity"])
def test_score_that_is_no_number(val: Dataset, tmp_path: Path, literal: str) -> None:
    text = json.dumps([detection()]).replace("0.5", literal)
    (tmp_path / "r.json").write_text(text)

    with pytest.raises(DataError, match=r"detection 0: score .* is not finite"):
        read_results(tmp_path / "r.json", val)


def test_folder_probe_needs_names(tmp_path: Path, write_json: Any) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "f.jpg").touch()
    probe = read_folder(tmp_path / "frames", "probe")

    with pytest.raises(DataError, match="is a folder, so its images have no ids"):
        read_results(write_json(tmp_path / "r.json", [detection()]), probe)

    named = {
        "annotations": [detection(image_id="f.jpg")],
        "categories": [{"id": 1, "name": "cone"}],
    }
    assert read_results(write_json(tmp_path / "r.json", named), probe).image.tolist() == [0]
