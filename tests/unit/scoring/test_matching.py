"""Matches of a few boxes, worked out by hand; `tests/parity` has sets against pycocotools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import Candidates, Matches, candidates_of, match
from pytest_detgate.scoring.score_card import Area
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json

CLASSES = ("cone", "vest", "helmet")


def candidates(folder: Path, truth: dict[str, Any], detections: dict[str, Any]) -> Candidates:
    split = read_coco(write_json(folder / "val.json", coco_content(truth, CLASSES)), folder, "val")
    results = write_json(folder / "found.json", result_content(truth, detections, CLASSES))
    return candidates_of(columns_of(split, read_results(results, split)))


def counted(matches: Matches) -> tuple[int, int, int]:
    """True, false and ignored detections at the first threshold."""
    return (
        int(matches.hits().sum()),
        int(matches.false().sum()),
        int(matches.ignored[0].sum()),
    )


@pytest.mark.parametrize(
    ("side", "areas"),
    [
        (31.0, {"small"}),
        (32.0, {"small", "medium"}),
        (33.0, {"medium"}),
        (96.0, {"medium", "large"}),
        (97.0, {"large"}),
    ],
)
def test_both_ends_of_an_area_range_belong_to_it(
    tmp_path: Path, side: float, areas: set[Area]
) -> None:
    """As COCO has it: a square of 32 pixels is small and medium. One such box is found, another
    is false; outside of their range neither counts."""
    box = (10.0, 10.0, side, side)
    truth = {"a.jpg": [("cone", *box)], "b.jpg": []}
    detections = {"a.jpg": [("cone", 0.9, *box)], "b.jpg": [("cone", 0.8, *box)]}
    made = candidates(tmp_path, truth, detections)

    for area in ("small", "medium", "large"):
        expected = (1, 1, 0) if area in areas else (0, 0, 2)
        assert counted(match(made, area)) == expected
        assert match(made, area).gt_ignored.tolist() == [area not in areas]


def test_without_ground_truth_everything_is_false(tmp_path: Path) -> None:
    """Of 20 and of 50 pixels: the smaller one is out of the range of medium boxes."""
    detections = {
        "a.jpg": [("cone", 0.9, 1.0, 1.0, 20.0, 20.0), ("cone", 0.8, 1.0, 1.0, 50.0, 50.0)]
    }
    made = candidates(tmp_path, {"a.jpg": []}, detections)

    assert counted(match(made)) == (0, 2, 0)
    assert counted(match(made, "medium")) == (0, 1, 1)
    assert match(made, "medium").ignored[0].tolist() == [True, False]


def test_ranks_begin_anew_with_each_image_and_class(tmp_path: Path) -> None:
    """The last image of one class is followed by the first image of the next but one."""
    truth: dict[str, Any] = {"a.jpg": [], "b.jpg": []}
    box = (1.0, 1.0, 20.0, 20.0)
    detections = {
        "a.jpg": [("helmet", 0.7, *box), ("helmet", 0.4, *box)],
        "b.jpg": [("cone", 0.9, *box), ("cone", 0.8, *box), ("helmet", 0.6, *box)],
    }
    made = candidates(tmp_path, truth, detections)

    assert made.score.tolist() == [0.9, 0.8, 0.7, 0.6, 0.4]
    assert made.image.tolist() == [1, 1, 0, 1, 0]
    assert made.rank.tolist() == [0, 1, 0, 0, 1]
    assert made.image_rank.tolist() == [0, 1, 0, 2, 1]
    assert made.first.tolist() == [0, 2, 2, 5]


def test_the_higher_overlap_wins_among_equals_the_later_box(tmp_path: Path) -> None:
    """Boxes of 10 x 10 pixels; 1 pixel apart is an IoU of 90 / 110, 2 pixels 80 / 120."""
    truth = {"a.jpg": [("cone", threshold, 0.0, 10.0, 10.0) for threshold in (12.0, 11.0, 9.0)]}
    detections = {
        "a.jpg": [("cone", score, 10.0, 0.0, 10.0, 10.0) for score in (0.9, 0.8, 0.7, 0.6)]
    }

    matches = match(candidates(tmp_path, truth, detections))

    assert matches.gt[0].tolist() == [2, 1, 0, -1]
    # At 0.75 the box two pixels away, 0.67, matches nothing, at 0.85 none does.
    assert matches.gt[5].tolist() == [2, 1, -1, -1]
    assert matches.gt[7].tolist() == [-1] * 4
    assert matches.hits(5).tolist() == [True, True, False, False]
    assert matches.false(5).tolist() == [False, False, True, True]
    assert np.isclose(np.sort(matches.candidates.pair_iou)[-1], 90 / 110)


def test_flat_boxes_that_cross_share_nothing(tmp_path: Path) -> None:
    """An upright and a level line cross: neither has an area, so there is no IoU."""
    truth = {"a.jpg": [("cone", 0.0, 5.0, 10.0, 0.0)]}
    detections = {"a.jpg": [("cone", 0.9, 5.0, 0.0, 0.0, 10.0)]}

    made = candidates(tmp_path, truth, detections)

    assert len(made.pair_iou) == 0
    assert counted(match(made)) == (0, 1, 0)


def test_boxes_smaller_than_a_pixel_match(tmp_path: Path) -> None:
    """Half a pixel, and a quarter of one in it: an IoU of 0.5."""
    truth = {"a.jpg": [("cone", 3.0, 3.0, 0.5, 1.0)]}
    detections = {"a.jpg": [("cone", 0.9, 3.0, 3.0, 0.5, 0.5)]}

    made = candidates(tmp_path, truth, detections)

    assert made.pair_iou.tolist() == [0.5]
    assert counted(match(made)) == (1, 0, 0)


def test_pairs_are_in_the_order_of_their_boxes(tmp_path: Path) -> None:
    """Boxes of two classes in turn: so many that NumPy does not keep their order by chance."""
    boxes = [(CLASSES[number % 2], number / 4, 0.0, 50.0, 50.0) for number in range(40)]
    detections = [("cone", 0.9, 0.0, 0.0, 50.0, 50.0), ("vest", 0.8, 0.0, 0.0, 50.0, 50.0)]

    made = candidates(tmp_path, {"a.jpg": boxes}, {"a.jpg": detections})

    assert made.pair_detection.tolist() == [0] * 20 + [1] * 20
    assert made.pair_gt.tolist() == [*range(0, 40, 2), *range(1, 40, 2)]
