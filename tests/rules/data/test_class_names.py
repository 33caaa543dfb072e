"""Class names of splits beside each other: the pair that was meant, and the file that differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import judged, measured, split_tables
from tests.unit.label_files import draw, write


def coco(folder: Path, **splits: list[str]) -> str:
    for split, names in splits.items():
        content = {
            "images": [{"id": 1, "file_name": f"{split}.jpg", "width": 100, "height": 50}],
            "categories": [{"id": row, "name": name} for row, name in enumerate(names)],
            "annotations": [
                {"id": row, "image_id": 1, "category_id": row, "bbox": [row, 1, 8, 8]}
                for row, _ in enumerate(names)
            ],
        }
        (folder / f"{split}.json").write_text(json.dumps(content))
    return split_tables(**dict.fromkeys(splits, "images"))


def test_splits_with_other_names(tmp_path: Path) -> None:
    config = coco(
        tmp_path, train=["helmet", "vest"], val=["helmet", "safety vest"], test=["helmet", "vest"]
    )

    results = judged(tmp_path, config + '[rules.class-names]\nsplits = ["train", "val", "test"]')
    result = results["class-names[train-val]"]

    assert measured(result) == {"count": 2}
    assert [finding.text for finding in result.findings] == [
        "'safety vest' is a class of val (val.json) only; train (train.json) says 'vest', and so "
        "does test",
        "'vest' is a class of train (train.json) only; val (val.json) says 'safety vest'",
    ]
    assert results["class-names[train-test]"].verdict == "passed"
    assert results["class-names[val]"].verdict == "not-evaluated"  # there is no detector


@pytest.mark.parametrize(
    ("train", "val", "near"),
    [
        (["helmet"], ["Helmet "], "helmet"),
        (["no_helmet", "cone"], ["No Helmet", "cone"], "no_helmet"),
        (["person", "hard-hat"], ["person", "hardhat"], "hard-hat"),
    ],
)
def test_the_nearest_pair_is_named(
    tmp_path: Path, train: list[str], val: list[str], near: str
) -> None:
    config = coco(tmp_path, train=train, val=val)

    (result,) = judged(
        tmp_path, config + '[rules.class-names]\nbetween = ["train", "val"]'
    ).values()

    assert result.verdict == "failed"
    assert f"train (train.json) says {near!r}" in result.message


def test_labels_without_a_list_have_the_classes_of_their_boxes(tmp_path: Path) -> None:
    """VOC files list no classes: of two that COCO lists, only the one with a box is missing there,
    and the one without says nothing."""
    names = {"helmet": [("helmet", 1, 1, 5, 5)], "vest": [("vest", 1, 1, 5, 5)], "cone": []}
    write_json(
        tmp_path / "val.json",
        coco_content({f"{name}.jpg": boxes for name, boxes in names.items()}, tuple(names)),
    )
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    thing = f"<object><name>helmet</name>{box}</object>"
    draw(tmp_path / "images", "a.jpg")
    text = f"<annotation><filename>a.jpg</filename>{thing}</annotation>"
    write(tmp_path / "labels", {"a.xml": text})
    config = """
        [dataset.splits.train]
        format = "voc"
        annotations = "labels"
        images = "images"
        [dataset.splits.val]
        annotations = "val.json"
        images = "images"
        [rules.class-names]
        between = ["train", "val"]
        """

    (result,) = judged(tmp_path, config).values()

    assert result.verdict == "failed"
    assert result.message == "'vest' is a class of val (val.json) only"


def test_a_class_that_only_one_split_has(tmp_path: Path) -> None:
    config = coco(tmp_path, train=["helmet", "zebra"], val=["helmet"])

    (result,) = judged(
        tmp_path, config + '[rules.class-names]\nbetween = ["train", "val"]'
    ).values()

    assert result.message == "'zebra' is a class of train (train.json) only"


def voc(folder: Path, split: str, *names: str) -> str:
    draw(folder / split / "images", "a.jpg")
    things = "".join(
        f"<object><name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
        "<ymax>9</ymax></bndbox></object>"
        for name in names
    )
    xml = f"<annotation><filename>a.jpg</filename>{things}</annotation>"
    write(folder, {f"{split}/xml/a.xml": xml})
    table = f'annotations = "{split}/xml"\nimages = "{split}/images"\nformat = "voc"\n'
    return f"[dataset.splits.{split}]\n{table}"


@pytest.mark.parametrize(
    ("val", "count"), [(["cone"], 0), (["cone", "vest"], 0), (["cone", "safety vest"], 2)]
)
def test_a_format_without_a_class_list(tmp_path: Path, val: list[str], count: int) -> None:
    """A rare class that val has no box of is no other name."""
    config = voc(tmp_path, "train", "cone", "vest") + voc(tmp_path, "val", *val)

    (result,) = judged(
        tmp_path, config + '[rules.class-names]\nbetween = ["train", "val"]'
    ).values()

    assert measured(result) == {"count": count}
