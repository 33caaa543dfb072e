"""`two-class-iou` of `duplicate-boxes`: one object that two people gave two classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.boxes import iou as iou_of
from pytest_detgate.dataset.boxes.duplicates import double_boxes
from pytest_detgate.dataset.tables import BoxTable
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

BOXES = {
    "a.jpg": [("helmet", 10, 10, 40, 40), ("vest", 11, 10, 40, 40)],  # IoU 39 / 41 = 0.951
    "b.jpg": [("helmet", 10, 10, 40, 40), ("vest", 10, 10, 40, 40)],
    "c.jpg": [("helmet", 10, 10, 40, 40), ("vest", 30, 10, 40, 40)],  # IoU 20 / 60
    "d.jpg": [("helmet", 10, 10, 40, 40), ("helmet", 11, 10, 40, 40)],
}


def result(folder: Path, options: str) -> RuleResult:
    write_json(folder / "train.json", coco_content(BOXES, ("helmet", "vest")))
    config = split_tables(train=".") + "[rules.duplicate-boxes]\niou = 0.99\n" + options
    (actual,) = judged(folder, config).values()
    return actual


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        ("", 1),
        ("two-class-iou = 1.0\n", 1),
        ("two-class-iou = 0.9\n", 2),
        ("two-class-iou = 0.3\n", 3),
    ],
)
def test_places_with_two_classes(tmp_path: Path, options: str, positions: int) -> None:
    values = measured(result(tmp_path, options))

    assert (values["count"], values["two_classes"]) == (0, positions)


def test_both_classes_and_the_overlap_are_named(tmp_path: Path) -> None:
    line = finding_lines(result(tmp_path, "two-class-iou = 0.9\n"))[0]

    assert line == "a.jpg: annotation 2: 'vest' where annotation 1 says 'helmet' (IoU 0.951)"


@pytest.mark.parametrize(("boxes", "images"), [(300, 30), (300, 2)])
@pytest.mark.parametrize("two_classes", [0.4, 0.8, None])
def test_a_comparison_of_all_pairs_agrees(
    boxes: int, images: int, two_classes: float | None
) -> None:
    random = np.random.default_rng(boxes + images)
    xywh = np.round(random.random((boxes, 4)) * [40, 40, 20, 20] / 4) * 4 + 4
    image, category = random.integers(0, images, boxes), random.integers(0, 3, boxes)
    table = BoxTable(
        id=np.arange(boxes),
        image_id=image,
        category_id=category,
        image=image,
        category=category,
        xywh=xywh,
        area=xywh[:, 2] * xywh[:, 3],
        crowd=np.zeros(boxes, dtype=np.bool_),
    )

    actual = double_boxes(table, 0.9, two_classes)

    overlap = iou_of(xywh, xywh)
    same = (xywh[:, None] == xywh[None]).all(axis=2)
    two = same if two_classes is None else same | (overlap >= two_classes)
    two &= (image[:, None] == image) & (category[:, None] != category)
    # A place is what pairs connect; each has one pair in the answer.
    from scipy.sparse.csgraph import connected_components

    _, group = connected_components(two, directed=False)
    positions = {group[row] for row in np.flatnonzero(two.any(axis=1))}
    assert sorted(group[row] for row, _ in actual.contradicting) == sorted(positions)
    assert all(two[row, other] for row, other in actual.contradicting)


def test_doubles_are_found_beside_boxes_that_lie_far_away() -> None:
    """A box at 1e17 leaves no digits for the places of the others in a common order."""
    count = 60
    x = np.concatenate([np.arange(count) * 100.0, [1e17], np.arange(count) * 100.0 + 1])
    xywh = np.column_stack([x, np.zeros(len(x)), np.full(len(x), 50.0), np.full(len(x), 50.0)])
    rows = np.arange(len(x))
    table = BoxTable(
        id=rows, image_id=rows * 0, category_id=rows * 0, image=rows * 0, category=rows * 0,
        xywh=xywh, area=np.full(len(x), 2500.0), crowd=np.zeros(len(x), dtype=np.bool_),
    )  # fmt: skip

    actual = double_boxes(table, 0.9)

    assert actual.extra.tolist() == list(range(count + 1, 2 * count + 1))
    assert actual.other.tolist() == list(range(count))
