"""Expected calibration error and its bins against hotcoco."""

from __future__ import annotations

import pytest

from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import candidates_of, match
from pytest_detgate.scoring.metrics.calibration import calibration_of
from tests.parity.detection_sets import detection_set
from tests.parity.hotcoco_evaluation import hotcoco_evaluation


@pytest.mark.parametrize("bins", [4, 7, 10])
@pytest.mark.parametrize("digits", [1, 2, 8])  # 1: every score is at the edge of a bin of ten
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_hotcoco(seed: int, digits: int, bins: int) -> None:
    columns = columns_of(*detection_set(seed, digits=digits))

    ours = calibration_of(match(candidates_of(columns)), bins)

    theirs = hotcoco_evaluation(columns).calibration(n_bins=bins, iou_threshold=0.5)
    assert ours.expected_error() == pytest.approx(theirs["ece"], abs=1e-12)
    for number, name in enumerate(columns.classes):
        assert ours.expected_error(number) == pytest.approx(theirs["per_category"][name], abs=1e-12)
    assert ours.count.sum(axis=0).tolist() == [part["count"] for part in theirs["bins"]]
    assert ours.detections() == theirs["num_detections"]
