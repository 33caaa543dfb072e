"""Error kinds and their cost, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import candidates_of, match
from pytest_detgate.scoring.metrics.error_kinds import KINDS, ErrorKind, Errors, errors_of
from pytest_detgate.testing import coco_content
from tests.content import result_rows, write_json

CLASSES = ("helmet_off", "no_vest")
BOX = (0, 0, 10, 10)
ELSEWHERE = (50, 50, 10, 10)


@pytest.fixture
def sorted_errors(tmp_path: Path) -> Callable[..., Errors]:
    """A function that sorts the errors of detections, both by image."""

    def sort(truth: dict[str, Any], rows: dict[str, Any]) -> Errors:
        path = write_json(tmp_path / "val.json", coco_content(truth, CLASSES))
        dataset = read_coco(path, tmp_path, "val")
        results = result_rows(truth, rows, CLASSES)
        detections = read_results(write_json(tmp_path / "found.json", results), dataset)
        return errors_of(match(candidates_of(columns_of(dataset, detections))))

    return sort


@pytest.mark.parametrize(
    ("name", "box", "kind"),
    [
        ("helmet_off", (5, 0, 10, 10), "location"),  # 50 / 150
        ("helmet_off", (0, 0, 10, 1), "location"),  # 10 / 100, the least
        ("helmet_off", (0, 0, 9, 1), "background"),  # 9 / 100
        ("helmet_off", ELSEWHERE, "background"),
        ("no_vest", (0, 0, 10, 5), "class"),  # 50 / 100, the least
        ("no_vest", (5, 0, 10, 10), "both"),  # 50 / 150
        ("no_vest", (0, 0, 10, 1), "background"),  # 10 / 100, the most
        ("helmet_off", (0, 0, 10, 6), "duplicate"),  # 60 / 100 with a box that is taken
        ("helmet_off", (0, 0, 10, 5), "location"),  # 50 / 100 with a box that is taken
    ],
)
def test_kind_of_a_detection(
    sorted_errors: Callable[..., Errors], name: str, box: Any, kind: ErrorKind
) -> None:
    """Beside a better one that found the only box."""
    errors = sorted_errors(
        {"a.jpg": [("helmet_off", *BOX)]},
        {"a.jpg": [("helmet_off", 0.9, *BOX), (name, 0.5, *box)]},
    )

    assert [KINDS[number] for number in errors.kind] == [kind]
    assert errors.count.sum() == errors.total(kind) == 1
    assert errors.count[KINDS.index(kind), CLASSES.index(name)] == 1


def test_false_detection_in_front_and_a_missed_box(sorted_errors: Callable[..., Errors]) -> None:
    """The second detection finds one box of two: precision 1/2 at the 51 recall points from 0 to
    0.5. Without the false one it is 1; without the missed box it is 1/2 at all 101."""
    errors = sorted_errors(
        {"a.jpg": [("helmet_off", *BOX)], "b.jpg": [("helmet_off", *BOX)]},
        {"a.jpg": [("helmet_off", 0.9, *ELSEWHERE), ("helmet_off", 0.8, *BOX)]},
    )

    assert errors.ap[0] == pytest.approx(25.5 / 101)
    assert errors.dap("background") == pytest.approx(25.5 / 101)
    assert errors.dap("miss") == pytest.approx(0.5 - 25.5 / 101)
    assert errors.columns.gt_image[errors.missed].tolist() == [1]
    for kind in ("duplicate", "class", "location", "both"):
        assert (errors.dap(kind), errors.total(kind)) == (0, 0)


def test_better_of_two_off_the_same_box_is_mended(sorted_errors: Callable[..., Errors]) -> None:
    """Both are off by half (IoU 1/3), so the box is no miss. Mended, the better one has found it
    and the other is gone: AP 1 after 0."""
    errors = sorted_errors(
        {"a.jpg": [("helmet_off", *BOX)]},
        {"a.jpg": [("helmet_off", 0.8, 5, 0, 10, 10), ("helmet_off", 0.9, 0, 5, 10, 10)]},
    )

    assert errors.total("location") == 2
    assert errors.total("miss") == 0
    assert errors.dap("location") == 1


def test_wrong_class_costs_both_classes(sorted_errors: Callable[..., Errors]) -> None:
    """`helmet_off` is found as `no_vest`, in front of a true `no_vest`: AP 0 and 1/2. Mended both
    are 1."""
    errors = sorted_errors(
        {"a.jpg": [("helmet_off", *BOX)], "b.jpg": [("no_vest", *BOX)]},
        {"a.jpg": [("no_vest", 0.9, *BOX)], "b.jpg": [("no_vest", 0.8, *BOX)]},
    )

    assert errors.ap.tolist() == pytest.approx([0, 0.5])
    assert errors.dap("class") == pytest.approx(0.75)
    assert errors.class_dap("class").tolist() == pytest.approx([1, 0.5])
    assert errors.columns.gt_category[errors.about].tolist() == [0]


def test_equal_scores_stand_errors_first_where_errors_are_mended(
    sorted_errors: Callable[..., Errors],
) -> None:
    """The true detection is on the earlier image, so AP is 1; behind the false one it is 1/2. No
    kind costs less than nothing for that."""
    errors = sorted_errors(
        {"a.jpg": [("helmet_off", *BOX)], "b.jpg": []},
        {"a.jpg": [("helmet_off", 0.8, *BOX)], "b.jpg": [("helmet_off", 0.8, *BOX)]},
    )

    assert errors.ap[0] == 1
    assert errors.fixed_ap[KINDS.index("both"), 0] == 0.5
    assert errors.fixed_ap[KINDS.index("background"), 0] == 1
    assert errors.dap("both") == 0


def test_class_of_which_every_box_is_missed(sorted_errors: Callable[..., Errors]) -> None:
    """Mended it has no box left and no AP; the mean goes from 1/2 to that of the other class."""
    errors = sorted_errors(
        {"a.jpg": [("helmet_off", *BOX)], "b.jpg": [("no_vest", *BOX)]},
        {"a.jpg": [("helmet_off", 0.9, *BOX)], "b.jpg": [("no_vest", 0.9, *ELSEWHERE)]},
    )

    assert errors.dap("miss") == pytest.approx(0.5)
    assert np.isnan(errors.class_dap("miss")[1])


def test_no_cost_where_no_box_would_be_left(sorted_errors: Callable[..., Errors]) -> None:
    errors = sorted_errors(
        {"a.jpg": [("helmet_off", *BOX)]}, {"a.jpg": [("helmet_off", 0.9, *ELSEWHERE)]}
    )

    assert errors.dap("miss") is None
    assert errors.dap("background") == 0


def test_only_the_hundred_best_of_an_image_are_looked_at(
    sorted_errors: Callable[..., Errors],
) -> None:
    """The box is found by the 101st detection, counted over both classes."""
    others = [(CLASSES[number % 2], 0.9, *ELSEWHERE) for number in range(100)]
    truth = {"a.jpg": [("helmet_off", *BOX)]}

    errors = sorted_errors(truth, {"a.jpg": [("helmet_off", 0.8, *BOX), *others]})

    assert errors.total("background") == 100
    assert errors.total("miss") == 1
