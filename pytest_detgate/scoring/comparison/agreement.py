"""How far two answers of one detector to the same images are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import Boxes, iou
from pytest_detgate.dataset.tables import DetectionTable

ABSENT = -1
"""Row number of a detection that the other answer does not have."""

_TOUCHING_PIXELS = 1.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """One row for each pair of detections and for each detection without a partner.

    `first` and `second` (n,) are row numbers into the two tables, or `ABSENT`.
    `score_difference` (n,) is absolute; of a detection without a partner it is its score above
    the score floor, for that is how far the score moved at least. `box_difference` (n,) is the
    largest distance, in pixels, that an edge moved; 0 where there is no partner.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score_difference: NDArray[np.float64]
    box_difference: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def unpaired(self) -> NDArray[np.bool_]:
        """(n,) whether only one of the answers has the detection."""
        alone: NDArray[np.bool_] = (self.first == ABSENT) | (self.second == ABSENT)
        return alone


def agreement(first: DetectionTable, second: DetectionTable) -> Agreement:
    """Pair the detections of two answers one to one within each image and class.

    The pair that overlaps most (IoU) is taken first, among equals the one whose edges and then
    whose scores are nearest. Boxes that do not overlap are no pair, unless no edge is a pixel
    apart: a box without area overlaps nothing, not even itself.
    """
    assert first.classes == second.classes
    n_classes = max(1, len(first.classes))
    group_of_first = first.image * n_classes + first.category
    group_of_second = second.image * n_classes + second.category
    left, right = [], []
    for group in np.union1d(group_of_first, group_of_second):
        rows = np.flatnonzero(group_of_first == group)
        others = np.flatnonzero(group_of_second == group)
        pairs = _pairs(first, rows, second, others)
        left += [rows[pairs[:, 0]], np.delete(rows, pairs[:, 0])]
        right += [others[pairs[:, 1]], np.full(len(rows) - len(pairs), ABSENT)]
        alone = np.delete(others, pairs[:, 1])
        left.append(np.full(len(alone), ABSENT))
        right.append(alone)
    nothing = np.empty(0, dtype=np.int64)
    return _differences(
        first, np.concatenate([nothing, *left]), second, np.concatenate([nothing, *right])
    )


def _pairs(
    first: DetectionTable,
    rows: NDArray[np.int64],
    second: DetectionTable,
    others: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(k, 2) positions in `rows` and `others` that belong together."""
    overlap = iou(first.xywh[rows], second.xywh[others])
    edges = _edges(first.xywh[rows]), _edges(second.xywh[others])
    apart = np.abs(edges[0][:, None] - edges[1][None, :]).max(axis=2)
    score_apart = np.abs(first.score[rows][:, None] - second.score[others][None, :])
    of_first, of_second = np.nonzero((overlap > 0) | (apart < _TOUCHING_PIXELS))
    nearest_first = np.lexsort(
        (
            score_apart[of_first, of_second],
            apart[of_first, of_second],
            -overlap[of_first, of_second],
        )
    )
    taken, taken_other = np.zeros(len(rows), np.bool_), np.zeros(len(others), np.bool_)
    pairs = []
    for pair in nearest_first:
        if not taken[of_first[pair]] and not taken_other[of_second[pair]]:
            taken[of_first[pair]] = taken_other[of_second[pair]] = True
            pairs.append((of_first[pair], of_second[pair]))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _differences(
    first: DetectionTable,
    left: NDArray[np.int64],
    second: DetectionTable,
    right: NDArray[np.int64],
) -> Agreement:
    paired = (left != ABSENT) & (right != ABSENT)
    of_first, of_second = left[paired], right[paired]
    score_difference = np.zeros(len(left))
    box_difference = np.zeros(len(left))
    score_difference[paired] = np.abs(first.score[of_first] - second.score[of_second])
    moved = np.abs(_edges(first.xywh[of_first]) - _edges(second.xywh[of_second]))
    box_difference[paired] = moved.max(axis=1, initial=0)
    for table, rows in ((first, left), (second, right)):
        alone = ~paired & (rows != ABSENT)
        score_difference[alone] = np.maximum(table.score[rows[alone]] - table.score_floor, 0)
    return Agreement(left, right, score_difference, box_difference)


def _edges(xywh: Boxes) -> Boxes:
    """(n, 4) left, top, right and bottom."""
    return np.column_stack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
