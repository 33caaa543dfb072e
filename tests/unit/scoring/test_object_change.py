"""What two models find, object by object: counts and orders by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.comparison.lost_objects import ObjectChange, new_boxes


def change(
    detections: list[float],
    before: list[float],
    area: float | list[float] = 400.0,
    classes: int = 1,
) -> ObjectChange:
    """Objects, one on each image, found with these scores over 0.3; 0 is not found at all."""
    n = len(detections)
    score, other = (np.where(np.array(entry) > 0, entry, np.nan) for entry in (detections, before))
    return ObjectChange(
        classes=tuple(f"class {number}" for number in range(classes)),
        box=np.arange(n),
        image=np.arange(n),
        category=np.arange(n) % classes,
        area=np.broadcast_to(np.asarray(area, dtype=np.float64), n),
        score=score,
        before=other,
        found_after=score > 0.3,
        found_before=other > 0.3,
    )


def test_the_surest_of_the_baseline_come_first() -> None:
    first = change([0.2, 0, 0.1, 0.9, 0.8, 0.95], [0.5, 0.9, 0.7, 0.1, 0.2, 0])

    assert first.lost_first().tolist() == [1, 2, 0]
    assert first.gained_first().tolist() == [5, 3, 4]


def test_losses_are_counted_by_class_and_by_size() -> None:
    """Clip 0: a small object of class 0 is lost, a large one of class 1 gained; clip 1: nothing.
    32 and 96 pixels belong to two sizes, as in COCO."""
    first = change(
        [0, 0.9, 0.9, 0.9], [0.9, 0, 0.9, 0.9], [32.0**2, 96.0**2, 400.0, 400.0], classes=2
    )
    units = Units(kind="clip", of_image=np.array([0, 0, 1, 1]), count=3)

    names, rows = first.net_losses(units)

    assert dict(zip(names, rows.tolist(), strict=True)) == {
        "all objects": [0, 0, 0],
        "class 0": [1, 0, 0],
        "class 1": [-1, 0, 0],
        "small objects": [1, 0, 0],
        "medium objects": [0, 0, 0],
        "large objects": [-1, 0, 0],
    }
    assert rows.dtype == np.float64


def test_groups_without_a_change_are_left_out() -> None:
    names, rows = change([0.9, 0.9], [0.9, 0.9], classes=2).net_losses(
        Units(kind="image", of_image=np.array([0, 1]), count=2)
    )

    assert names == ["all objects"]
    assert rows.tolist() == [[0, 0]]


@pytest.mark.parametrize("classes", [1, 2])
def test_a_single_class_is_no_group(classes: int) -> None:
    names, _ = change([0, 0], [0.9, 0.9], classes=classes).net_losses(
        Units(kind="image", of_image=np.array([0, 1]), count=2)
    )

    of_class = ["class 0", "class 1"] if classes == 2 else []
    assert names == ["all objects", *of_class, "small objects"]


def test_boxes_without_a_partner_are_new_or_gone() -> None:
    """Image 0: a cat in the same place for both, a dog for one where the other has a cat. Image 1:
    of two dogs of one model the surer has the dog of the other, though both are in its place."""
    here, there = [0.0, 0, 10, 10], [50.0, 0, 10, 10]
    new = DetectionTable(
        classes=("cat", "dog"),
        image=np.array([0, 0, 1, 1]),
        category=np.array([0, 1, 1, 1]),
        xywh=np.array([here, there, here, here]),
        score=np.array([0.9, 0.8, 0.4, 0.7]),
    )
    before = DetectionTable(
        classes=("dog", "cat"),
        image=np.array([1, 0, 0, 1]),
        category=np.array([0, 1, 1, 1]),
        xywh=np.array([here, there, here, there]),
        score=np.array([0.5, 0.6, 0.7, 0.2]),
    )

    result, gone = new_boxes(new, np.arange(4), before, np.arange(3), images=2)

    assert result.tolist() == [1, 2]
    assert gone.tolist() == [1]
