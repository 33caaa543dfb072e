"""How far boxes reach over the edge of their image, in pixels, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.boxes.extent import BoxExtent, box_extent
from pytest_detgate.dataset.coco.reader import read_coco
from tests.content import write_json

NAN, INF = float("nan"), float("inf")


def extent(folder: Path, *boxes: tuple[int, Any], **size: Any) -> BoxExtent:
    """Boxes on image 1, of 100 x 50 pixels unless `size` says else, and 2, of 30 x 30."""
    images = [
        {"id": 1, "file_name": "a.jpg", "width": 100, "height": 50, **size},
        {"id": 2, "file_name": "b.jpg", "width": 30, "height": 30},
    ]
    annotations = [
        {"id": index, "image_id": image, "category_id": 1, "bbox": box}
        for index, (image, box) in enumerate(boxes)
    ]
    content = {"images": images, "categories": [{"id": 1, "name": "cone"}]}
    path = write_json(folder / "val.json", {**content, "annotations": annotations})
    return box_extent(read_coco(path, folder, "val"))


@pytest.mark.parametrize(
    ("box", "over", "is_wholly_outside"),
    [
        ([0, 0, 100, 50], 0, False),
        ([10, 10, 20, 20], 0, False),
        ([-3, 10, 20, 20], 3, False),
        ([10, -4, 20, 20], 4, False),
        ([85, 10, 20, 20], 5, False),
        ([10, 36, 20, 20], 6, False),
        ([-3, 36, 20, 20], 6, False),  # its worst side counts
        ([95, -8, 20, 70], 15, False),
        ([99.5, 10, 1, 1], 0.5, False),
        # With a negative side the other corner is the smaller one.
        ([10, 10, -17, 5], 7, False),
        ([10, 10, 5, -18], 8, False),
        ([103, 20, -10, 5], 3, False),
        ([20, 55, 5, -10], 5, False),
        # No point of it is in the image; an edge that touches is no point of it.
        ([100, 10, 5, 5], 5, True),
        ([10, 50, 5, 5], 5, True),
        ([-5, 10, 5, 5], 5, True),
        ([10, -5, 5, 5], 5, True),
        ([-9, 10, 9.5, 5], 9, False),
        ([110, 10, -10, 5], 10, True),
        ([109, 10, -10, 5], 9, False),
        # As large as numbers can be: a corner, or the sum of all, may be infinite.
        ([1e308, 1, 1e308, 1], INF, True),
        ([1, 1, 1e308, 1e308], 1e308, False),
        ([-1e308, -1e308, 5, 5], 1e308, True),
    ],
)
def test_pixels_over_the_worst_side(
    tmp_path: Path, box: list[float], over: float, is_wholly_outside: bool
) -> None:
    result = extent(tmp_path, (1, box))

    assert result.over.tolist() == [over]
    assert result.unsized.tolist() == [False]
    if over:
        assert result.wholly(np.array([0])).tolist() == [is_wholly_outside]


def test_each_box_is_held_against_its_own_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the boxes are measured in several pieces."""
    boxes = (1, [20, 10, 20, 20]), (2, [20, 10, 20, 20]), (1, [20, 40, 20, 20]), (2, [35, 0, 1, 1])
    whole = extent(tmp_path, *boxes)
    monkeypatch.setattr("pytest_detgate.dataset.boxes.extent._AT_ONCE", 3)
    pieces = extent(tmp_path, *boxes)

    assert whole.over.tolist() == pieces.over.tolist() == [0, 10, 10, 6]
    assert whole.wholly(np.array([1, 3])).tolist() == [False, True]


def test_an_image_of_one_pixel_has_a_size(tmp_path: Path) -> None:
    result = extent(tmp_path, (1, [0, 0, 1, 1]), (1, [0, 0, 2, 1]), width=1, height=1)

    assert (result.over.tolist(), result.unsized.tolist()) == ([0, 1], [False, False])


@pytest.mark.parametrize("box", [[NAN, 1, 1, 1], [1, 1, 1, INF], [-INF, 1, INF, 1], [1, 1, NAN, 1]])
def test_boxes_not_finite_or_of_no_image_reach_nowhere(tmp_path: Path, box: list[float]) -> None:
    result = extent(tmp_path, (1, box), (7, [500, 500, 9, 9]), (1, [99, 1, 2, 1]))

    assert result.over.tolist() == [0, 0, 1]
    assert result.unsized.tolist() == [False, False, False]


@pytest.mark.parametrize("size", [{"width": None}, {"height": 0}, {"width": 0}, {"height": NAN}])
def test_boxes_of_an_image_without_a_size(tmp_path: Path, size: dict[str, Any]) -> None:
    """What reaches over a known side, or below 0, is not told either."""
    result = extent(tmp_path, (1, [-5, 10, 200, 100]), (2, [25, 1, 9, 9]), **size)

    assert result.unsized.tolist() == [True, False]
    assert result.over.tolist() == [0, 4]
