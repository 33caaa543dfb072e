"""The curves of the record beside `COCOeval.eval["precision"]` of pycocotools."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.evidence import LineChart, Panel
from pytest_detgate.rule_evidence.score_charts import curves_of, curves_of_split
from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
from tests.parity.reference import CLASSES, by_pycocotools, random_set

IOU_50, IOU_75 = 0, 5
ALL, SMALL, MEDIUM, LARGE = range(4)
HUNDRED_BOXES = 2
SIX_DIGITS = 1e-5


def curves(panel: Panel) -> dict[str, list[float | None]]:
    for series in panel.series:
        assert series.x == pytest.approx(np.linspace(0, 1, 101))
    return {series.name: series.y for series in panel.series}


@pytest.mark.parametrize("seed", range(5))
def test_curves_of_a_split_are_pycocotools_precision(seed: int) -> None:
    dataset, detections = random_set(seed)
    precision = by_pycocotools(dataset, detections).eval["precision"][..., ALL, HUNDRED_BOXES]
    card = evaluate(dataset, detections)

    chart = curves_of_split(card, "val")

    assert isinstance(chart, LineChart)
    assert [panel.label for panel in chart.panels] == [
        "precision at IoU 0.50",
        "precision at IoU 0.75",
    ]
    for panel, iou in zip(chart.panels, (IOU_50, IOU_75), strict=True):
        drawn = curves(panel)
        assert list(drawn) == ["mean over classes", "person", "cone"]  # no third class anywhere
        for index, name in enumerate(CLASSES[:2]):
            assert drawn[name] == pytest.approx(precision[iou, :, index], rel=SIX_DIGITS)
        mean = precision[iou, :, :2].mean(axis=1)
        assert drawn["mean over classes"] == pytest.approx(mean, rel=SIX_DIGITS)


@pytest.mark.parametrize("seed", range(5))
def test_curves_of_a_class_and_of_a_size(seed: int) -> None:
    dataset, detections = random_set(seed)
    evaluation = by_pycocotools(dataset, detections)
    precision = evaluation.eval["precision"][..., HUNDRED_BOXES]
    card = evaluate(dataset, detections)

    of_class = curves_of(card, "cone on val", category=1)
    large = curves_of(card, "large boxes on val", area="large")

    assert of_class is not None
    assert large is not None
    (panel,), (of_size,) = of_class.panels, large.panels
    large_ones = precision[..., LARGE]
    defined = large_ones[0, 0] > -1
    for iou, name in ((IOU_50, "IoU 0.50"), (IOU_75, "IoU 0.75")):
        assert curves(panel)[name] == pytest.approx(precision[iou, :, 1, ALL], rel=SIX_DIGITS)
        assert curves(of_size)[name] == pytest.approx(
            large_ones[iou][:, defined].mean(axis=1), rel=SIX_DIGITS
        )
    assert f"AP50 is {precision[IOU_50, :, 1, ALL].mean():.3f}" in of_class.about
    highest = evaluation.eval["recall"][IOU_50, 1, ALL, HUNDRED_BOXES]
    assert f"no threshold finds more than {100 * highest:.4g}%" in of_class.about


def test_a_class_without_ground_truth_has_no_curve() -> None:
    card = evaluate(*random_set(0))

    assert curves_of(card, "never_there on val", category=2) is None
