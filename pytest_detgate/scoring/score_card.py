"""The metrics of one COCO evaluation, named instead of numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import verb, with_noun

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10, dtype=np.float64)
AREA_RANGES = ("all", "small", "medium", "large")
MAX_DETECTIONS = 100
"""Of each image and class, how many of the best detections AP looks at, by default."""
_AR_LIMITS = (1, 10, 100)

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
    medium, large), M = the limits on detections of `limits_of`. `precision` is (T, R, K, A, M),
    `recall` (T, K, A, M); −1 where nothing is defined, which the named metrics give as None.

    `uncounted` detections are not among the `max_detections` best of their image and class, and
    so have no part in AP.
    """

    engine: str
    classes: dict[str, ClassScore]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    max_detections: int = MAX_DETECTIONS
    uncounted: int = 0

    @property
    def protocol(self) -> str:
        """The protocol as messages have it."""
        return with_uncounted(self.max_detections, self.uncounted)

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
        return _mean(self.recall[:, :, AREA_RANGES.index(area), _AR_LIMITS.index(detections)])

    def value_of(self, metric: Metric) -> float | None:
        """One of the metrics by its usual name."""
        if metric.startswith("AR"):
            return self.average_recall(int(metric[2:]))
        return self.average_precision(None if metric == "AP" else int(metric[2:]) / 100)


def limits_of(max_detections: int = MAX_DETECTIONS) -> tuple[int, ...]:
    """How many detections of an image and class count: 1, 10 and 100 for AR, the last for AP."""
    return tuple(dict.fromkeys((*_AR_LIMITS, max_detections)))


def ar_limit(metric: Metric) -> int:
    """The place among the limits of how many detections a kind of AR looks at."""
    return _AR_LIMITS.index(int(metric[2:]))


def protocol_name(max_detections: int) -> str:
    """What AP is computed by; metrics of other names are not comparable."""
    other = (
        f", {with_noun(str(max_detections), 'detection')}"
        if max_detections != MAX_DETECTIONS
        else ""
    )
    return f"COCO bbox{other}"


def with_uncounted(max_detections: int, uncounted: int) -> str:
    """The protocol, and the detections that have no part in AP where there are any."""
    if not uncounted:
        return protocol_name(max_detections)
    return (
        f"COCO bbox; {with_noun(str(uncounted), 'detection')} beyond the best {max_detections} of "
        f"an image and class {verb(uncounted, 'do')} not count"
    )


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
