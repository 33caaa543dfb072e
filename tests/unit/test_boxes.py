"""Arithmetic of boxes: values by hand."""

from __future__ import annotations

import numpy as np

from pytest_detgate.boxes import iou, share_of


def test_a_share_of_nothing_is_nothing() -> None:
    assert share_of(np.array([3.0, 0, 0]), np.array([4.0, 2, 0])).tolist() == [0.75, 0, 0]


def test_each_box_is_compared_with_each() -> None:
    """Two boxes of 10 by 10, 5 apart, share 50 of 150; a flat box shares nothing with itself."""
    boxes = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [5, 5, 0, 0]])

    assert iou(boxes, boxes).tolist() == [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 0]]
