"""Calibration, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import candidates_of, match
from pytest_detgate.scoring.metrics.calibration import Calibration, calibration_of
from pytest_detgate.testing import coco_content
from tests.content import result_rows, write_json

CLASSES = ("helmet_off", "no_vest")
TRUTH = {"a.jpg": [("helmet_off", 0, 0, 10, 10)]}
RIGHT, WRONG = (0, 0, 10, 10), (50, 50, 10, 10)


@pytest.fixture
def calibrated(tmp_path: Path) -> Callable[..., Calibration]:
    """A function that calibrates detections of the one box of `TRUTH`."""

    def calibrate(rows: list[tuple[Any, ...]], **options: Any) -> Calibration:
        truth = write_json(tmp_path / "val.json", coco_content(TRUTH, CLASSES))
        dataset = read_coco(truth, tmp_path, "val")
        results = result_rows(TRUTH, {"a.jpg": rows}, CLASSES)
        detections = read_results(write_json(tmp_path / "found.json", results), dataset)
        return calibration_of(match(candidates_of(columns_of(dataset, detections))), **options)

    return calibrate


def test_mean_distance_over_detections(calibrated: Callable[..., Calibration]) -> None:
    """Bins of ten: 0.9 is right, so it is off by 0.1; the bin of 0.82 and 0.88 has a mean of 0.85
    and nothing true; 0.25 is off by itself: (0.1 + 2 · 0.85 + 0.25) / 4."""
    calibrations = calibrated(
        [
            ("helmet_off", 0.9, *RIGHT),
            ("helmet_off", 0.88, *WRONG),
            ("helmet_off", 0.82, *WRONG),
            ("no_vest", 0.25, *RIGHT),
        ]
    )

    assert calibrations.expected_error() == pytest.approx(2.05 / 4)
    assert calibrations.expected_error(0) == pytest.approx(1.8 / 3)
    assert calibrations.expected_error(1) == pytest.approx(0.25)
    assert calibrations.detections() == 4


def test_errors_of_one_bin_even_out(calibrated: Callable[..., Calibration]) -> None:
    """In one bin a right 0.9 and a wrong 0.1 have mean 0.5 and half true: no error."""
    calibrations = calibrated([("helmet_off", 0.9, *RIGHT), ("helmet_off", 0.1, *WRONG)], bins=1)

    assert calibrations.expected_error() == pytest.approx(0)


def test_highest_score_is_in_the_last_bin(calibrated: Callable[..., Calibration]) -> None:
    assert calibrated([("helmet_off", 1.0, *RIGHT)]).count[0].tolist() == [0] * 9 + [1]


def test_low_scores_are_left_out(calibrated: Callable[..., Calibration]) -> None:
    calibrations = calibrated(
        [("helmet_off", 0.5, *RIGHT), ("helmet_off", 0.49, *WRONG)], min_score=0.5
    )

    assert calibrations.detections() == 1
    assert calibrations.expected_error() == pytest.approx(0.5)


def test_class_without_detections_has_no_error(calibrated: Callable[..., Calibration]) -> None:
    assert calibrated([("helmet_off", 0.5, *RIGHT)]).expected_error(1) is None
