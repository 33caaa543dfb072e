"""Two answers of one detector, paired; all differences are worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.scoring.comparison.agreement import ABSENT, Agreement, agreement

# Image row, class, score, x, y, width, height.
Row = tuple[int, int, float, float, float, float, float]


def detections_of(*rows: Row, floor: float = 0.05) -> DetectionTable:
    columns = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return DetectionTable(
        classes=("person", "helmet"),
        image=columns[:, 0].astype(np.int64),
        category=columns[:, 1].astype(np.int64),
        score=columns[:, 2],
        xywh=columns[:, 3:],
        score_floor=floor,
    )


def pairs(measured: Agreement) -> set[tuple[int, int]]:
    return set(zip(measured.first.tolist(), measured.second.tolist(), strict=True))


def differences(measured: Agreement) -> list[Any]:
    """Score and box difference of each row, the largest first."""
    both = zip(measured.score_difference.tolist(), measured.box_difference.tolist(), strict=True)
    return [(pytest.approx(score), pytest.approx(box)) for score, box in sorted(both, reverse=True)]


def test_the_same_answer_in_another_order_is_no_difference() -> None:
    person, helmet = (0, 0, 0.9, 10, 10, 30, 30), (0, 1, 0.8, 12, 10, 30, 30)
    second_image = (1, 0, 0.7, 10, 10, 30, 30)

    measured = agreement(
        detections_of(person, helmet, second_image), detections_of(second_image, helmet, person)
    )

    assert pairs(measured) == {(0, 2), (1, 1), (2, 0)}
    assert differences(measured) == [(0, 0)] * 3
    assert not measured.unpaired.any()


def test_a_pair_differs_by_score_and_furthest_edge() -> None:
    """A pair differs by its score and by the edge that moved most."""
    # The right edge goes from 40 to 43, the others move by at most 1.
    measured = agreement(
        detections_of((0, 0, 0.9, 10, 10, 30, 30)), detections_of((0, 0, 0.84, 11, 10, 32, 30))
    )

    assert differences(measured) == [(0.06, 3)]


def test_a_lost_detection_counts_with_its_score() -> None:
    """A detection that is gone counts with its score above the floor."""
    remaining, gone = (0, 0, 0.9, 10, 10, 30, 30), (0, 0, 0.35, 60, 60, 20, 20)

    for match in (
        agreement(detections_of(remaining, gone), detections_of(remaining)),
        agreement(detections_of(remaining), detections_of(remaining, gone)),
    ):
        assert differences(match) == [(0.30, 0), (0, 0)]
        assert match.unpaired.sum() == 1
    assert agreement(detections_of(remaining, gone), detections_of(remaining)).second.tolist() == [
        0,
        ABSENT,
    ]


def test_another_class_or_another_image_is_no_partner() -> None:
    box = (0.65, 10, 10, 30, 30)

    for other in ((0, 1), (1, 0)):
        measured = agreement(detections_of((0, 0, *box)), detections_of((*other, *box)))
        assert pairs(measured) == {(0, ABSENT), (ABSENT, 0)}
        assert differences(measured) == [(0.60, 0), (0.60, 0)]


def test_the_nearest_box_is_paired_first_and_only_once() -> None:
    # Both overlap the only box of the second answer: the first by 90/110, the second wholly.
    near, same = (0, 0, 0.9, 0, 0, 10, 10), (0, 0, 0.8, 1, 0, 10, 10)

    measured = agreement(detections_of(near, same), detections_of((0, 0, 0.8, 1, 0, 10, 10)))

    assert pairs(measured) == {(0, ABSENT), (1, 0)}
    assert differences(measured) == [(0.85, 0), (0, 0)]


def test_one_box_said_twice_is_paired_by_score() -> None:
    box = (10, 10, 30, 30)

    measured = agreement(
        detections_of((0, 0, 0.9, *box), (0, 0, 0.4, *box)),
        detections_of((0, 0, 0.4, *box), (0, 0, 0.9, *box)),
    )

    assert differences(measured) == [(0, 0), (0, 0)]


def test_boxes_that_do_not_overlap_are_no_pair() -> None:
    measured = agreement(
        detections_of((0, 0, 0.9, 0, 0, 10, 10)), detections_of((0, 0, 0.9, 10, 0, 10, 10))
    )

    assert measured.unpaired.all()


def test_boxes_without_area_are_paired_where_alike() -> None:
    """Boxes without area are paired where they all but coincide."""
    line = (0, 0, 0.9, 100, 20, 0, 30)

    measured = agreement(detections_of(line), detections_of((0, 0, 0.9, 100, 20.25, 0, 30)))
    assert differences(measured) == [(0, 0.25)]

    assert agreement(detections_of(line), detections_of((0, 0, 0.9, 100, 21, 0, 30))).unpaired.all()


def test_answers_without_any_detection() -> None:
    box = (0, 0, 0.25, 10, 10, 30, 30)

    assert len(agreement(detections_of(), detections_of())) == 0
    assert differences(agreement(detections_of(box), detections_of())) == [(0.2, 0)]


def test_pairs_are_the_greedy_ones_on_random_boxes() -> None:
    """Against the definition, taken literally: again and again the best pair that is left."""
    random = np.random.default_rng(5)
    for _ in range(20):
        tables = []
        for _ in range(2):
            n = int(random.integers(1, 12))
            start, size = 30 * random.random((n, 2)), 5 + 20 * random.random((n, 2))
            rows = np.column_stack([np.zeros((n, 2)), random.random(n), start, size])
            tables.append(detections_of(*(tuple(row) for row in rows.tolist())))
        left, right = (set(range(len(table))) for table in tables)
        expected = set()
        while left and right:
            best, i, j = max(
                (overlap(tables[0].xywh[i], tables[1].xywh[j]), i, j) for i in left for j in right
            )
            if best == 0:
                break
            expected.add((i, j))
            left.remove(i)
            right.remove(j)

        assert {pair for pair in pairs(agreement(*tables)) if ABSENT not in pair} == expected


def overlap(first: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """IoU of two boxes."""
    width = min(first[0] + first[2], other[0] + other[2]) - max(first[0], other[0])
    height = min(first[1] + first[3], other[1] + other[3]) - max(first[1], other[1])
    shared = max(width, 0) * max(height, 0)
    return float(shared / (first[2] * first[3] + other[2] * other[3] - shared))
