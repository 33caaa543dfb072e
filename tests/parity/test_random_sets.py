"""Both engines against pycocotools on the raw numbers: crowds, empties, ties, absent classes."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
from tests.parity.reference import by_pycocotools, random_set


@pytest.mark.parametrize("seed", range(20))
def test_arrays_equal_pycocotools(seed: int) -> None:
    dataset, detections = random_set(seed)
    evaluation = by_pycocotools(dataset, detections)

    card = evaluate(dataset, detections, "both")

    assert np.array_equal(card.precision, evaluation.eval["precision"])
    assert np.array_equal(card.recall, evaluation.eval["recall"])
    assert card.classes["never_there"].AP is None
