"""Placeholders do not count as classes, and a project may choose those that do."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.class_choice import (
    chosen_detections,
    placeholder_rows,
    with_counting_classes,
)
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.errors import DataError
from tests.judged import judged, measured

CATEGORIES = [
    {"id": 0, "name": "ppe", "supercategory": "none"},
    {"id": 1, "name": "helmet", "supercategory": "ppe"},
    {"id": 2, "name": "vest", "supercategory": "ppe"},
]


def coco(
    folder: Path, categories: list[dict[str, Any]], used: list[Any], name: str = "val.json"
) -> Path:
    """A file with a box of each used category on its one image."""
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
        "categories": categories,
        "annotations": [
            {"id": row, "image_id": 1, "category_id": entry, "bbox": [10 * row, 10, 8, 8]}
            for row, entry in enumerate(used)
        ],
    }
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def read(folder: Path, categories: list[dict[str, Any]], used: list[Any]) -> Dataset:
    return read_coco(coco(folder, categories, used), folder, "val")


@pytest.mark.parametrize(
    ("names", "groups", "rows"),
    [
        (["ppe", "helmet", "vest"], ["none", "ppe", "ppe"], (0,)),
        (["helmet", "ppe"], ["ppe", "none"], (1,)),
        (["helmet", "helmet"], ["none", "helmet"], (0,)),
        (["__background__", "helmet"], [None, None], (0,)),
        (["helmet", "Background"], [], (1,)),
        (["_background_", "ppe", "a", "b"], ["", "", "ppe", "ppe"], (0, 1)),
        (["person", "car"], ["person", "vehicle"], ()),
        (["helmet"], ["ppe"], ()),
        (["a", "b"], ["b", "a"], ()),
        (["a", "b", "c"], ["none", "a", "none"], ()),
    ],
)
def test_which_classes_may_be_placeholders(
    names: list[str], groups: list[str | None], rows: tuple[int, ...]
) -> None:
    assert placeholder_rows(names, groups) == rows


def test_a_placeholder_without_a_box_is_left_out(tmp_path: Path) -> None:
    dataset = with_counting_classes(read(tmp_path, CATEGORIES, [1, 2, 2]), None)

    assert dataset.classes == ("helmet", "vest")
    assert dataset.category_id == (1, 2)
    assert dataset.boxes.category.tolist() == [0, 1, 1]
    assert dataset.placeholders == ("ppe",)
    assert "'ppe' has no box and is a placeholder" in dataset.notes[-1]


def test_a_placeholder_with_a_box_is_a_class(tmp_path: Path) -> None:
    dataset = with_counting_classes(read(tmp_path, CATEGORIES, [0, 1]), None)

    assert dataset.classes == ("ppe", "helmet", "vest")
    assert dataset.placeholders == ()


def test_the_chosen_classes_count(tmp_path: Path) -> None:
    """Like COCO's 80 names in a file that uses three."""
    categories = [{"id": n, "name": f"class {n}"} for n in range(1, 81)]
    dataset = read(tmp_path, categories, [5, 80, 5, 7])

    chosen = with_counting_classes(dataset, ["class 80", "class 5"])

    assert chosen.classes == ("class 5", "class 80")
    assert chosen.boxes.category.tolist() == [0, 1, 0]
    assert chosen.boxes.id.tolist() == [0, 1, 2]
    assert chosen.notes[-1].startswith("1 box of 78 classes that `classes` does not list")
    assert len(chosen.all_classes()[1]) == 80


def test_a_chosen_class_that_is_nearly_one(tmp_path: Path) -> None:
    dataset = read(tmp_path, CATEGORIES, [1, 2])

    with pytest.raises(DataError, match=r"has no class 'helmt', .* did you mean 'helmet'\?"):
        with_counting_classes(dataset, ["helmt", "vest"])


@pytest.mark.parametrize("written", ["VEST", "Vest", "vest "])
def test_a_chosen_class_in_another_letter_case(tmp_path: Path, written: str) -> None:
    """All its boxes would be left out, and rules on boxes pass on none."""
    dataset = read(tmp_path, CATEGORIES, [1, 2])

    with pytest.raises(DataError, match=r"did you mean 'vest'\?"):
        with_counting_classes(dataset, ["helmet", written])


def test_chosen_classes_none_of_which_the_file_lists(tmp_path: Path) -> None:
    dataset = read(tmp_path, CATEGORIES, [1, 2, 2])

    with pytest.raises(
        DataError, match=r"none of the classes .* \('zebra', 'gnu'\), so all 3 boxes"
    ):
        with_counting_classes(dataset, ["zebra", "gnu"])
    empty = with_counting_classes(read(tmp_path, CATEGORIES, []), ["zebra", "gnu"])
    assert empty.classes == ("zebra", "gnu")


def test_a_chosen_class_that_the_file_lacks_has_no_boxes(tmp_path: Path) -> None:
    chosen = with_counting_classes(read(tmp_path, CATEGORIES, [1, 2]), ["vest", "zebra"])

    assert chosen.classes == ("vest", "zebra")
    assert "'zebra' of `classes` is not among the classes of the file" in chosen.notes


CONFIG = """
[dataset]
classes = ["helmet", "vest"]
[dataset.splits.val]
annotations = "val.json"
images = "."
[rules.class-ap]
min = 0.9
[rules.class-support]
min-boxes = 1
[rules.absent-class-boxes]
"""


@pytest.mark.parametrize("listed", [False, True], ids=["ids", "names"])
def test_detections_of_other_classes_do_not_count(tmp_path: Path, *, listed: bool) -> None:
    """All boxes are found, and a mask where there is none."""
    categories = [*CATEGORIES[1:], {"id": 3, "name": "mask"}]
    coco(tmp_path, categories, [1, 2, 3])
    detections: Any = [
        {"image_id": 1, "category_id": entry, "bbox": [10 * row, 10, 8, 8], "score": 0.9}
        for row, entry in enumerate([1, 2, 3, 3])
    ]
    if listed:
        images = [{"id": 1, "file_name": "a.jpg"}]
        detections = {"annotations": detections, "categories": categories, "images": images}
    (tmp_path / "r.json").write_text(json.dumps(detections))

    results = judged(tmp_path, CONFIG, {"val": tmp_path / "r.json"})

    assert {name: result.verdict for name, result in results.items()} == {
        "class-ap[helmet]": "passed",
        "class-ap[vest]": "passed",
        "class-support[val]": "passed",
        "absent-class-boxes[val]": "passed",
    }
    assert measured(results["absent-class-boxes[val]"])["boxes"] == 0


def test_boxes_in_a_placeholder_still_count_as_false(tmp_path: Path) -> None:
    coco(tmp_path, CATEGORIES, [1, 2])
    detections = {
        "categories": CATEGORIES,
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 1, "category_id": entry, "bbox": [10 * row, 10, 8, 8], "score": 0.9}
            for row, entry in enumerate([1, 2, 0])
        ],
    }
    (tmp_path / "r.json").write_text(json.dumps(detections))
    config = CONFIG.replace('classes = ["helmet", "vest"]', "")

    results = judged(tmp_path, config, {"val": tmp_path / "r.json"})

    assert measured(results["absent-class-boxes[val]"])["boxes"] == 1
    assert results["class-ap[helmet]"].verdict == "passed"
    assert "class-ap[ppe]" not in results


def test_boxes_of_a_class_without_a_name_are_refused(tmp_path: Path) -> None:
    nameless = [{"id": 1, "name": " "}, {"id": 2, "name": "vest"}]

    assert with_counting_classes(read(tmp_path, nameless, [2]), None).classes == ("vest",)
    with pytest.raises(DataError, match=r"val\.json: 1 box is of a class without a name"):
        with_counting_classes(read(tmp_path, nameless, [1, 2]), None)


def test_detections_of_chosen_classes_alone_are_all_of_them(tmp_path: Path) -> None:
    """No note says that something was left out."""
    coco(tmp_path, CATEGORIES[1:], [1, 2])
    detections = [{"image_id": 1, "category_id": 1, "bbox": [0, 10, 8, 8], "score": 0.9}]
    (tmp_path / "r.json").write_text(json.dumps(detections))
    chosen = with_counting_classes(read_coco(tmp_path / "val.json", tmp_path, "val"), ["helmet"])
    table = DetectionTable(
        classes=("helmet",),
        image=np.zeros(1, dtype=np.int64),
        category=np.zeros(1, dtype=np.int64),
        xywh=np.array([[0.0, 10, 8, 8]]),
        score=np.array([0.9]),
        notes=("as written",),
    )

    assert chosen_detections(table, chosen).notes == ("as written",)
    vest = dataclasses.replace(table, classes=("helmet", "vest"), category=np.ones(1, np.int64))
    assert chosen_detections(vest, chosen).notes == (
        "as written",
        "1 detection of classes that `classes` does not list is left out",
    )
