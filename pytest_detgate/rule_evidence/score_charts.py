"""Charts of the metrics of a split: curves, AP by class, confusions, kinds of error.

What is drawn of hundreds of classes is capped, and the chart says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.evidence import BARS, Bar, BarChart, LineChart, Matrix, Panel, Series, left_out
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.record.formatting import counted, plotted, six_digits
from pytest_detgate.scoring.metrics.confusion import Confusion
from pytest_detgate.scoring.metrics.error_kinds import KINDS, ErrorKind
from pytest_detgate.scoring.metrics.precision_recall import RECALL_POINTS
from pytest_detgate.scoring.score_card import AREA_RANGES, Area, ScoreCard, threshold_number

CURVES = 12
"""Classes that have a curve each; of more, the weakest are drawn beside the mean."""
WEAKEST_CURVES = 5
CONFUSED = 20
"""Classes of a confusion matrix at most."""

_IOUS = (0.5, 0.75)
_RECALLS = [round(float(point), 2) for point in RECALL_POINTS]
_CURES: dict[ErrorKind, str] = {
    "background": "add images to training on which there is nothing to detect",
    "duplicate": "lower the IoU threshold of non-maximum suppression",
    "class": "look at the labels of the classes that are taken for each other",
    "location": "look for loose boxes in the ground truth",
    "both": "look at the frames with detections of the wrong class beside a box",
    "miss": "add boxes like the missed ones to training, or enlarge the input",
}


def curve(
    card: ScoreCard, iou: float, category: int | None = None, area: Area = "all"
) -> NDArray[np.float64] | None:
    """(101,) interpolated precision at the recall points of COCO, of one class or in the mean
    over the classes that have ground truth; None where there is none."""
    values = card.precision[threshold_number(iou), :, :, AREA_RANGES.index(area), -1]
    defined = values[0] > -1
    if category is not None:
        return values[:, category] if defined[category] else None
    if not defined.any():
        return None
    mean: NDArray[np.float64] = values[:, defined].mean(axis=1)
    return mean


def curves_of_split(card: ScoreCard, split: str) -> LineChart | None:
    """Precision and recall of the classes of a split at IoU 0.50 and 0.75, of the weakest where
    there are many; None where there is no box to find."""
    by_ap = _weakest({name: score.AP for name, score in card.classes.items()})
    if not by_ap:
        return None
    drawn = by_ap if len(by_ap) <= CURVES else by_ap[:WEAKEST_CURVES]
    index_of_class = {name: index for index, name in enumerate(card.classes)}
    panels = []
    for iou in _IOUS:
        series = [] if len(by_ap) == 1 else [_series("mean over classes", curve(card, iou))]
        # Classes in the order of the file, so that they keep their place when metrics change.
        series += [
            _series(name, curve(card, iou, index))
            for name, index in index_of_class.items()
            if name in drawn
        ]
        panels.append(Panel(label=f"precision at IoU {iou:.2f}", series=series, span=(0.0, 1.0)))
    weakest = by_ap[0]
    return _curve_chart(
        f"Precision and recall on {split}",
        f"The weakest class is {weakest} (AP {card.classes[weakest].AP:.3f}): a curve that ends "
        "early misses boxes at any threshold, one that falls early has false boxes above true "
        "ones; look at its frames first." + left_out(len(by_ap), len(drawn), "weakest"),
        panels,
    )


def curves_of(
    card: ScoreCard, what: str, category: int | None = None, area: Area = "all"
) -> LineChart | None:
    """Precision and recall of one class, or of the mean, at IoU 0.50 and 0.75 in one panel."""
    curves = {iou: curve(card, iou, category, area) for iou in _IOUS}
    if any(values is None for values in curves.values()):
        return None
    loose, strict = (float(np.mean(values)) for values in curves.values() if values is not None)
    highest = _highest_recall(card, 0.5, category, area)
    end = (
        "every box is found at some threshold"
        if highest == 1
        else f"no threshold finds more than {100 * highest:.4g}% of the boxes"
    )
    if loose - strict > 1 - loose:
        advice = "look at how closely boxes sit, in the ground truth too"
    elif highest == 1:
        advice = "look at false boxes that score above true ones"
    else:
        advice = "look at the misses and at false boxes that score above true ones"
    return _curve_chart(
        f"Precision and recall of {what}",
        f"AP50 is {loose:.3f} and AP75 {strict:.3f}; at IoU 0.50 {end}. To gain AP, {advice}."
        if loose < 1 or strict < 1
        else "Every box is found, and no false box scores above a true one.",
        [
            Panel(
                label="precision",
                series=[_series(f"IoU {iou:.2f}", values) for iou, values in curves.items()],
                span=(0.0, 1.0),
            )
        ],
    )


def bar(name: str, measured: Measurement) -> Bar:
    """The bar of a measurement with its bounds and its limit."""
    return Bar(
        name=name,
        value=six_digits(measured.value),
        low=None if measured.interval is None else six_digits(measured.interval.low),
        high=None if measured.interval is None else six_digits(measured.interval.high),
        limit=measured.limit,
        passed=measured.passed,
    )


def ap_by_class(
    values: Mapping[str, float | None],
    interval: Callable[[str], Interval | None],
    split: str,
    metric: str,
) -> BarChart | None:
    """AP of each class that has ground truth, the weakest first, with the bounds that `interval`
    says of a class; None where none has."""
    by_ap = _weakest(values)
    if not by_ap:
        return None
    weakest, best = by_ap[0], by_ap[-1]
    note = (
        f"{metric} is lowest for {weakest} ({values[weakest]:.3f}) and highest for {best} "
        f"({values[best]:.3f}). Lines are bounds: where they are wide, the class needs more ground "
        "truth before it can be judged."
        if len(by_ap) > 1
        else f"{metric} of {weakest} is {values[weakest]:.3f}. The line shows its bounds: where "
        "it is wide, more ground truth is needed."
    )
    return BarChart(
        title=f"{metric} by class on {split}",
        about=note + left_out(len(by_ap), BARS, "weakest"),
        label=metric,
        bars=[
            bar(name, Measurement.shown(metric, values[name] or 0.0, interval(name)))
            for name in by_ap[:BARS]
        ],
        span=(0.0, 1.0),
    )


def confusion_matrix(confusion: Confusion, split: str) -> Matrix:
    """The confusion matrix at the operating point, of the classes with the most errors where
    there are many."""
    wrong = confusion.matrix.copy()
    np.fill_diagonal(wrong, 0)
    errors = wrong.sum(axis=0) + wrong.sum(axis=1)
    names = confusion.classes
    most = np.argsort(-errors[:-1], kind="stable")[:CONFUSED]
    chosen = np.array([*np.sort(most), len(names)], dtype=np.int64)
    between = wrong[:-1, :-1]
    if between.any():
        true, predicted = np.unravel_index(int(between.argmax()), between.shape)
        note = (
            f"{names[true]} is taken for {names[predicted]} most often "
            f"({counted(int(between[true, predicted]), 'time')}): compare the labels of the two."
        )
    else:
        note = (
            "No class is taken for another: what is wrong are boxes of nothing (last row) and "
            "boxes that are not found (last column)."
        )
    kept_names = [names[index] for index in chosen[:-1].tolist()]
    return Matrix(
        title=f"What is detected in place of what on {split}",
        about=f"Ground truth by what was detected with score > {confusion.score_threshold:g}. "
        + note
        + left_out(len(names), CONFUSED, "with the most errors"),
        row_label="ground truth",
        column_label="detected",
        rows=[*kept_names, "(nothing there)"],
        columns=[*kept_names, "(not found)"],
        counts=confusion.matrix[np.ix_(chosen, chosen)].tolist(),
    )


def error_kinds(
    costs: Mapping[ErrorKind, float | None],
    counts: Mapping[ErrorKind, int],
    split: str,
    limits: Mapping[ErrorKind, float] | None = None,
) -> BarChart:
    """What each kind of error costs in AP at IoU 0.5, and the limit of those that have one."""
    limits = limits or {}
    known = {kind: cost for kind in KINDS if (cost := costs[kind]) is not None}
    worst = max(known, key=lambda kind: known[kind], default=None)
    if worst is None or not known[worst]:
        note = "No kind of error costs AP at IoU 0.5."
    else:
        note = (
            f"Errors of kind {worst} cost most: {known[worst]:.3f} AP at IoU 0.5 "
            f"({counts[worst]:,} of them). To fix them, {_CURES[worst]}."
        )
    return BarChart(
        title=f"What each kind of error costs on {split}",
        about=note,
        label="AP50 to gain",
        bars=[
            Bar(
                name=kind,
                value=None if (cost := costs[kind]) is None else round(cost, 4),
                limit=limits.get(kind),
                passed=None if cost is None or kind not in limits else cost <= limits[kind],
            )
            for kind in KINDS
        ],
    )


def _highest_recall(card: ScoreCard, iou: float, category: int | None, area: Area) -> float:
    """The recall at which a curve ends, of a class or in the mean."""
    values = card.recall[threshold_number(iou), :, AREA_RANGES.index(area), -1]
    return float(values[values > -1].mean() if category is None else values[category])


def _weakest(values: Mapping[str, float | None]) -> list[str]:
    """The classes that have a value, the lowest first."""
    known = {name: value for name, value in values.items() if value is not None}
    return sorted(known, key=lambda name: known[name])


def _series(name: str, values: NDArray[np.float64] | None) -> Series:
    assert values is not None  # of classes that have ground truth
    return Series(name=name, x=_RECALLS, y=plotted(values.tolist()))


def _curve_chart(title: str, about: str, panels: Sequence[Panel]) -> LineChart:
    return LineChart(title=title, about=about, label="recall", panels=list(panels), span=(0.0, 1.0))
