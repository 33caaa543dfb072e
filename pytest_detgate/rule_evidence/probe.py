"""What is shown of the false boxes on a probe, and what they prove of frames like these."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.evidence import ByThreshold, Evidence, LineChart, Mark, Number, Panel, Series
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.record.formatting import counted, percent, plotted
from pytest_detgate.rule_evidence.frames import by_highest, shown_frames
from pytest_detgate.rule_evidence.thresholds import (
    SplitRecall,
    advice,
    bounds_by_count,
    operating_point_mark,
    recall_panel,
    said_of_gaps,
    tallest,
    threshold_chart,
    up_to,
)
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.metrics.thresholds import (
    counts_over,
    images_of_first,
    most_on_image,
    threshold_grid,
)

_LABELS = {
    "boxes": "false boxes",
    "images": "frames with a false box",
    "image_share": "share of frames with a false box",
}


def evidence_of_probe(
    dataset: Dataset,
    detections: DetectionTable,
    false: NDArray[np.int64],
    *,
    threshold: float,
    measurements: Sequence[Measurement],
    proof: ProbeEvidence,
    recall: SplitRecall | None,
) -> Evidence:
    """The evidence of `probe-fp`: `false` (n,) are the rows of the false detections over the score
    floor, best first, `measurements` what was measured at the operating point `threshold`, and
    `proof` the bounds that they were judged by. `recall` of the evaluated split is shown where it
    is known."""
    by = counts_by_threshold(dataset, detections, false, threshold, measurements, proof)
    rows, text = by_highest(detections, false, "false box")
    return Evidence(
        charts=[_chart(dataset.name, by, threshold, measurements, recall)],
        frames=shown_frames(dataset, detections, rows, text),
        frames_total=len(rows),
        by_threshold=by,
    )


def counts_by_threshold(
    dataset: Dataset,
    detections: DetectionTable,
    false: NDArray[np.int64],
    threshold: float,
    measurements: Sequence[Measurement],
    proof: ProbeEvidence,
) -> ByThreshold:
    """The measurements of `probe-fp` at every threshold of the grid from the score floor on, and
    the bounds of those that are judged by one."""
    frames = len(dataset.images)
    thresholds = threshold_grid(detections.score_floor, threshold)
    score, image = detections.score[false], detections.image[false]
    boxes = counts_over(score, thresholds)
    images = images_of_first(image, boxes)
    values: dict[str, list[Number | None]] = {
        "boxes": boxes.tolist(),
        "images": images.tolist(),
        "image_share": (images / frames).tolist(),
        "boxes_per_image": most_on_image(image, boxes).tolist(),
        "mean_boxes_per_image": (boxes / frames).tolist(),
    }
    measured = {measurement.name for measurement in measurements}
    bounded = {measurement.name for measurement in measurements if measurement.bound == "upper"}
    judged_values: dict[str, list[Number | None]] = {}

    def hold(
        name: str,
        counts: NDArray[np.int64],
        on: NDArray[np.int64],
        bound: Callable[[NDArray[np.int64]], float],
    ) -> None:
        if name in bounded:
            judged_values[name] = bounds_by_count(
                counts, lambda first: bound(np.bincount(on[:first], minlength=frames))
            )

    def of_boxes(on_frame: NDArray[np.int64]) -> float:
        return proof.of_boxes(on_frame).high

    def of_frames(on_frame: NDArray[np.int64]) -> float:
        return proof.of_frames(on_frame).high

    hold("boxes", boxes, image, of_boxes)
    hold("images", boxes, image, of_frames)
    hold("image_share", boxes, image, lambda on_frame: of_frames(on_frame) * (1 / frames))
    hold("mean_boxes_per_image", boxes, image, lambda on_frame: of_boxes(on_frame) * (1 / frames))
    for index, label in enumerate(detections.classes):
        name = f"boxes[{label}]"
        if name in measured:
            of_class = detections.category[false] == index
            own = counts_over(score[of_class], thresholds)
            values[name] = own.tolist()
            hold(name, own, image[of_class], of_boxes)
    return ByThreshold(thresholds=thresholds, values=values, held=judged_values)


def _chart(
    probe: str,
    by: ByThreshold,
    threshold: float,
    measurements: Sequence[Measurement],
    recall: SplitRecall | None,
) -> LineChart:
    known = {measurement.name: measurement for measurement in measurements}
    shown = [
        "boxes",
        *(name for name in ("images", "image_share") if known[name].limit is not None),
    ]
    most = {
        name: tallest(known[name].value, known[name].judged_value, known[name].limit)
        for name in shown
    }
    panels = [_panel(by, known[name], most[name]) for name in shown]
    beside = ""
    if recall is not None:
        panels.append(recall_panel(recall, by.thresholds))
        beside = f", and recall on {recall.split}"
    return threshold_chart(
        "False boxes and recall by score threshold" if recall else "False boxes by score threshold",
        f"False boxes on {probe} over each score threshold{beside}. "
        + advice(by, measurements, threshold, recall)
        + said_of_gaps(by.values["boxes"], most["boxes"]),
        panels,
        [operating_point_mark(threshold)],
    )


def _panel(by: ByThreshold, measured: Measurement, most: float) -> Panel:
    label, name = _LABELS[measured.name], measured.name
    series = [Series(name=label, x=by.thresholds, y=up_to(by.values[name], most))]
    if name in by.held:
        bounds = up_to(plotted(by.held[name]), most)
        series.append(Series(name=f"upper bound of {label}", x=by.thresholds, y=bounds))
    limit = measured.limit
    marks = [] if limit is None else [Mark(label=f"budget {limit:g}", at=limit, axis="y")]
    return Panel(label=label, series=series, marks=marks)


# From this many frames or clips on, the sentence no longer dwells on how few they are.
MANY = 100


def what_follows(of_images: Interval, evidence: ProbeEvidence) -> str:
    """What follows for frames like these, rounded so that it stays true."""
    low, high = (end / evidence.frames * 100 for end in (of_images.low, of_images.high))
    assumed = "" if evidence.clips else ", assuming independent frames"
    confidence = f"({percent(evidence.confidence)} confidence{assumed})"
    units = evidence.clips or evidence.frames
    seen = counted(units, "clip" if evidence.clips else "frame")
    if high < 100:
        share = f"fewer than {_rounded(high, math.ceil)}%"
    elif low > 0:
        share = f"more than {_rounded(low, math.floor)}%"
    else:
        return f"from {seen} nothing follows for other such frames {confidence}"
    note = f"{share} of such frames have one {confidence}"
    return note if units >= MANY else f"from {seen} it only follows that {note}"


def _rounded(percentage: float, whole: Callable[[float], int]) -> str:
    """Two digits that count of a percentage, or of what it lacks to a hundred, rounded by `whole`
    (`math.floor` or `math.ceil`)."""
    telling = min(percentage, 100 - percentage)
    decimals = max(0, 1 - math.floor(math.log10(telling))) if telling > 0 else 0
    # Rounded before: 95.00000000000001 is noise, not more than 95.
    return f"{whole(round(percentage * 10**decimals, 6)) / 10**decimals:.15g}"
