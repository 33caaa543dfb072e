"""`box-format` tells forms apart by whole files, and holds its peace where it cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.judged import measured
from tests.rules.split_files import judged_split

Boxes = NDArray[np.float64]
WIDTH, HEIGHT = 640, 480


def drawn(n: int = 300, seed: int = 0) -> Boxes:
    """Boxes of all sizes anywhere in an image."""
    generator = np.random.default_rng(seed)
    size = generator.uniform((4, 4), (WIDTH * 0.6, HEIGHT * 0.6), (n, 2))
    corner = generator.random((n, 2)) * ([WIDTH, HEIGHT] - size)
    return np.concatenate([corner, size], axis=1).round(1)


def corners(xywh: Boxes) -> Boxes:
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def centres(xywh: Boxes) -> Boxes:
    return np.concatenate([xywh[:, :2] + xywh[:, 2:] / 2, xywh[:, 2:]], axis=1)


def shares(boxes: Boxes) -> Boxes:
    return boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT]


def content(boxes: Boxes, area: Boxes | None = None, *, sized: bool = True) -> dict[str, object]:
    size = {"width": WIDTH, "height": HEIGHT} if sized else {}
    return {
        "images": [{"id": number, "file_name": f"{number}.jpg", **size} for number in range(10)],
        "categories": [{"id": 1, "name": "cone"}],
        "annotations": [
            {"id": index, "image_id": index % 10, "category_id": 1, "bbox": box}
            | ({} if area is None else {"area": float(area[index])})
            for index, box in enumerate(boxes.tolist())
        ],
    }


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (corners, "300 of 300 boxes look like corners [x1, y1, x2, y2]"),
        (centres, "300 of 300 boxes look like centres and sizes"),
        (shares, "300 of 300 boxes look like shares of the image's size instead of pixels"),
        (
            lambda xywh: shares(corners(xywh)),
            "300 of 300 boxes look like corners [x1, y1, x2, y2] in shares",
        ),
        (
            lambda xywh: shares(centres(xywh)),
            "300 of 300 boxes look like centres and sizes in "
            "shares of the image's size, as YOLO writes them",
        ),
    ],
)
def test_form_of_the_whole_file(tmp_path: Path, form: Callable[[Boxes], Boxes], words: str) -> None:
    result = judged_split(tmp_path, "[rules.box-format]", content(form(drawn())))

    assert result.message.startswith(words)
    assert measured(result)["count"] == 300


@pytest.mark.parametrize("seed", range(20))
def test_coco_boxes_are_coco_boxes(tmp_path: Path, seed: int) -> None:
    boxes = drawn(seed=seed)
    boxes[:12, :2] = [WIDTH, HEIGHT] - boxes[:12, 2:] * 0.9  # a few stick out on the right

    result = judged_split(tmp_path, "[rules.box-format]", content(boxes))

    assert (result.verdict, measured(result)["count"]) == ("passed", 0)


@pytest.mark.parametrize(
    "boxes",
    [
        pytest.param(np.tile([0.0, 0, WIDTH, HEIGHT], (50, 1)), id="all of the image"),
        pytest.param(drawn() * 0.3, id="all at the top left"),
        pytest.param(np.concatenate([drawn(), [[0.0, 0, 1, 1]]]), id="one pixel among others"),
        pytest.param(drawn() + np.array([0, 0, -2, -2]), id="too small by two pixels"),
    ],
)
def test_odd_files_in_cocos_form(tmp_path: Path, boxes: Boxes) -> None:
    boxes = np.maximum(boxes, [0, 0, 1, 1])

    result = judged_split(tmp_path, "[rules.box-format]", content(boxes))

    assert measured(result)["misread"] == 0


def test_some_boxes_in_shares(tmp_path: Path) -> None:
    """Merged from two sources, one of which was not converted."""
    boxes = drawn()
    boxes[100:140] = shares(boxes[100:140])

    result = judged_split(tmp_path, "[rules.box-format]", content(boxes))

    assert measured(result) == {"count": 40, "misread": 40, "areas": 0, "boxes": 300}
    assert result.findings[0].image == "0.jpg"
    assert result.findings[0].text.startswith("annotation 100: [0.")


def test_corners_are_told_by_their_areas_where_no_size_is_known(tmp_path: Path) -> None:
    boxes = drawn()
    area = boxes[:, 2] * boxes[:, 3]

    as_corners = judged_split(
        tmp_path, "[rules.box-format]", content(corners(boxes), area, sized=False)
    )
    as_coco = judged_split(tmp_path, "[rules.box-format]", content(boxes, area, sized=False))

    assert measured(as_corners)["misread"] == 300
    assert measured(as_coco)["count"] == 0


def test_areas(tmp_path: Path) -> None:
    """Of the same box of 100 × 50: its own area, a mask's, one rounded up, none, two too large and
    two that are none."""
    boxes = np.tile([10.0, 10, 100, 50], (8, 1))
    area = np.array([5000.0, 3000, 5040, np.nan, 5060, 9999, 0, -5000])
    file = content(boxes, area)
    del file["annotations"][3]["area"]  # type: ignore[index]

    result = judged_split(tmp_path, "[rules.box-format]", file)

    assert measured(result) == {"count": 4, "misread": 0, "areas": 4, "boxes": 8}
    assert [finding.text for finding in result.findings] == [
        "annotation 4: area 5060, but the box has 5000",
        "annotation 5: area 9999, but the box has 5000",
        "annotation 6: area 0, but the box has 5000",
        "annotation 7: area -5000, but the box has 5000",
    ]
