"""How the labels of two images of one thing differ."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.dataset.boxes.agreement import ImageLabels, disagreement

BOX = [0.1, 0.1, 0.2, 0.2]


def labels(
    *boxes: list[float], category: int = 0, is_labelled: bool = True, is_sized: bool = True
) -> ImageLabels:
    return ImageLabels(
        category=np.full(len(boxes), category),
        shares=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        is_labelled=is_labelled,
        is_sized=is_sized,
    )


NONE = labels(is_labelled=False)


@pytest.mark.parametrize(
    ("own", "other", "text"),
    [
        (NONE, NONE, None),
        (labels(), labels(), None),
        (labels(BOX, BOX), NONE, "one of them has no label file, the other one 2 boxes"),
        (NONE, labels(BOX), "one of them has no label file, the other one 1 box"),
        (labels(BOX), labels(), "here 1 box, there 0"),
        (labels(BOX), labels(BOX, category=1), "1 box of other classes"),
        (labels(BOX), labels([0.5, 0.5, 0.2, 0.2]), "1 of 1 box elsewhere"),
        (labels(BOX), labels([0.11, 0.1, 0.2, 0.2]), None),  # IoU 0.19 / 0.21
        # Where no size is known, places cannot be compared.
        (labels(BOX), labels([50, 50, 20, 20], is_sized=False), None),
    ],
)
def test_what_differs_first_is_said(own: ImageLabels, other: ImageLabels, text: str | None) -> None:
    assert disagreement(own, other, 0.5) == text
