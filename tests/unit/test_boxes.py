"""Arithmetic of boxes: values by hand."""

from __future__ import annotations

import numpy as np

from pytest_detgate.boxes import (
    MAX_AREA,
    area,
    drawable,
    intersection,
    iou,
    paired_intersection,
    share_of,
    usable_area,
)

TEN = [0.0, 0, 10, 10]
"""A box of 10 by 10."""


def test_an_area_is_width_by_height() -> None:
    assert area(np.array([[5.0, 7, 3, 4], [1, 2, 0, 9]])).tolist() == [12, 0]


def test_an_area_of_a_file_is_a_number_up_to_a_limit() -> None:
    areas = np.array([-1, 0, 0.5, MAX_AREA, MAX_AREA + 1, np.nan])

    assert usable_area(areas).tolist() == [False, True, True, True, False, False]


def test_a_box_that_can_be_drawn_is_finite() -> None:
    boxes = [TEN, [0, 0, 0, 0.5], [0, 0, -1, 5], [0, 0, 5, -1], [0, np.nan, 5, 5]]

    assert drawable(np.array(boxes)).tolist() == [True, True, False, False, False]


def test_a_box_without_a_finite_end_cannot_be_drawn() -> None:
    boxes = [[1e308, 0, 1e308, 1], [-np.inf, 0, np.inf, 1], TEN]

    assert drawable(np.array(boxes)).tolist() == [False, False, True]


def test_the_shared_area_of_each_box_with_each() -> None:
    """The first two share 2 by 4 pixels; the third is beside both."""
    boxes = np.array([[0.0, 0, 4, 10], [2, 3, 9, 4], [20, 50, 5, 5]])
    shared = [[40, 8, 0], [8, 36, 0], [0, 0, 25]]

    assert intersection(boxes, boxes).tolist() == shared
    assert intersection(boxes[:1], boxes).tolist() == shared[:1]
    assert paired_intersection(boxes, boxes).tolist() == [40, 36, 25]
    assert paired_intersection(boxes, boxes[[1, 2, 0]]).tolist() == [8, 0, 0]


def test_boxes_apart_in_both_ways_share_nothing() -> None:
    """The product of two negative sides is no area."""
    first, other = np.array([TEN]), np.array([[30.0, 30, 10, 10]])

    assert intersection(first, other).tolist() == [[0]]
    assert paired_intersection(first, other).tolist() == [0]


def test_a_share_of_nothing_is_nothing() -> None:
    assert share_of(np.array([3.0, 0, 0]), np.array([4.0, 2, 0])).tolist() == [0.75, 0, 0]


def test_each_box_is_compared_with_each() -> None:
    """Two boxes of 10 by 10, 5 apart, share 50 of 150; a flat box shares nothing with itself."""
    boxes = np.array([TEN, [5, 0, 10, 10], [5, 5, 0, 0]])

    assert iou(boxes, boxes).tolist() == [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 0]]
