"""The figures of one COCO evaluation, named instead of numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PROTOCOL = "COCO bbox"
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10, dtype=np.float64)
AREA_RANGES = ("all", "small", "medium", "large")
MAX_DETECTIONS = (1, 10, 100)

Area = Literal["all", "small", "medium", "large"]
ApMetric = Literal["AP", "AP50", "AP75"]
Metric = Literal["AP", "AP50", "AP75", "AR1", "AR10", "AR100"]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """AP of one class at IoU 0.50:0.95, 0.50 and 0.75; None where the class has no ground truth.

    `boxes` is its ground truth without crowd regions, `detections` what was found of it.
    """

    AP: float | None
    AP50: float | None
    AP75: float | None
    boxes: int
    detections: int


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCard:
    """One COCO evaluation of a split.

    Axes: T = 10 IoU thresholds, R = 101 recall points, K = classes, A = area ranges (all, small,
    medium, large), M = 1, 10, 100 detections. `precision` is (T, R, K, A, M), `recall`
    (T, K, A, M); −1 where nothing is defined, which the named figures give as None.
    """

    engine: str
    classes: dict[str, ClassScore]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    def average_precision(
        self, iou: float | None = None, area: str = "all", category: int | None = None
    ) -> float | None:
        """AP over 0.50:0.95, or at one IoU threshold, of all classes or of one."""
        values = self.precision[:, :, :, AREA_RANGES.index(area), -1]
        if iou is not None:
            values = values[threshold_number(iou)][None]
        return _mean(values if category is None else values[:, :, category])

    def average_recall(self, detections: int = 100, area: str = "all") -> float | None:
        """AR over 0.50:0.95 with at most 1, 10 or 100 detections an image."""
        return _mean(self.recall[:, :, AREA_RANGES.index(area), MAX_DETECTIONS.index(detections)])

    def figure(self, metric: Metric) -> float | None:
        """One of the figures by its usual name."""
        if metric.startswith("AR"):
            return self.average_recall(int(metric[2:]))
        return self.average_precision(None if metric == "AP" else int(metric[2:]) / 100)


def mean_precision(precision: NDArray[np.float64], metric: ApMetric) -> float | None:
    """AP, AP50 or AP75 from precision (T, R, K); None where no class has ground truth."""
    if metric != "AP":
        precision = precision[threshold_number(int(metric[2:]) / 100)]
    return _mean(precision)


def class_scores(
    precision: NDArray[np.float64], names: tuple[str, ...], boxes: list[int], detections: list[int]
) -> dict[str, ClassScore]:
    """The scores of each class, from a precision array as in `ScoreCard`."""
    over_all = precision[:, :, :, 0, -1]
    return {
        name: ClassScore(
            AP=_mean(over_all[:, :, k]),
            AP50=_mean(over_all[threshold_number(0.5), :, k]),
            AP75=_mean(over_all[threshold_number(0.75), :, k]),
            boxes=boxes[k],
            detections=detections[k],
        )
        for k, name in enumerate(names)
    }


def threshold_number(iou: float) -> int:
    """The place of an IoU threshold among COCO's ten."""
    return int(np.flatnonzero(np.isclose(IOU_THRESHOLDS, iou))[0])


def _mean(values: NDArray[np.float64]) -> float | None:
    defined = values[values > -1]
    return float(np.mean(defined)) if defined.size else None
