"""What is shown of the objects that one model finds and another misses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.evidence import Bar, BarChart, Evidence
from pytest_detgate.findings import Finding, Table
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import annotation, box_findings
from pytest_detgate.rule_evidence.frames import shown_frames
from pytest_detgate.scoring.comparison.lost_objects import ObjectChange

LISTED = 200
"""Gained objects that are listed at most, as many as findings are."""


def lost_findings(
    dataset: Dataset, change: ObjectChange, missed: NDArray[np.int64]
) -> Iterator[Finding]:
    """One finding for each object that must be found and is not, then one for each other object
    that is lost; `missed` are the indices of the former."""
    lost = change.lost_first()
    others = lost[~np.isin(lost, missed)]
    by_row = {int(change.box[index]): int(index) for index in (*missed, *others)}
    guarded = {int(change.box[index]) for index in missed}

    def reason(row: int) -> str:
        text = _seen(change, by_row[row])
        return f"must be found, {text}" if row in guarded else f"lost, {text}"

    return box_findings(dataset, by_row, reason)


def tables_of_change(dataset: Dataset, change: ObjectChange) -> dict[str, Table]:
    """Return the counts by class, and the objects that are found now and were not before."""

    def count(which: NDArray[np.bool_]) -> list[int]:
        counts: list[int] = np.bincount(
            change.category[which], minlength=len(change.classes)
        ).tolist()
        return counts

    everything = np.ones(len(change.box), dtype=np.bool_)
    columns = zip(
        change.classes,
        count(everything),
        count(change.found_before),
        count(change.found_after),
        count(change.lost),
        count(change.gained),
        strict=True,
    )
    gained = change.gained_first()[:LISTED]
    return {
        "objects by class": Table(
            columns=["class", "objects", "found by the baseline", "found", "lost", "gained"],
            rows=[list(row) for row in columns],
        ),
        "gained objects": Table(
            columns=["image", "object", "class", "score", "score of the baseline"],
            rows=[
                [
                    str(dataset.images.file_name[change.image[index]]),
                    annotation(dataset, int(change.box[index])),
                    change.classes[change.category[index]],
                    _score(change.score[index]),
                    _score(change.before[index]),
                ]
                for index in gained.tolist()
            ],
        ),
    }


def evidence_of_change(
    dataset: Dataset, detections: DetectionTable, change: ObjectChange, missed: NDArray[np.int64]
) -> Evidence:
    """Return the frames with lost objects, those with the most first, and a chart by group."""
    worth = np.union1d(missed, np.flatnonzero(change.lost))
    lost = Counter(change.image[worth].tolist())
    gained = Counter(change.image[change.gained].tolist())
    images = [image for image, _ in lost.most_common()]

    def text(row: int) -> str:
        also = f", {gained[row]} gained" if gained[row] else ""
        return f"{counted(lost[row], 'object')} lost{also}"

    return Evidence(
        charts=[_chart(dataset.name, change)],
        frames=shown_frames(dataset, detections, images, text),
        frames_total=len(images),
    )


def evidence_of_new_boxes(
    dataset: Dataset, detections: DetectionTable, new: NDArray[np.int64]
) -> Evidence:
    """Return the frames with new false boxes, whose rows are `new`, best score first."""
    count = Counter(detections.image[new].tolist())
    images = [image for image, _ in count.most_common()]

    def text(row: int) -> str:
        return counted(count[row], "new false box")

    frames = shown_frames(dataset, detections, images, text)
    return Evidence(frames=frames, frames_total=len(images))


def _chart(split: str, change: ObjectChange) -> BarChart:
    """How many objects of each class were lost and gained, the most lost first."""
    bars = []
    for number, name in enumerate(change.classes):
        inside = change.category == number
        lost, gained = int((change.lost & inside).sum()), int((change.gained & inside).sum())
        if lost or gained:
            bars.append((lost, Bar(name=f"{name}: lost", value=lost)))
            bars.append((lost, Bar(name=f"{name}: gained", value=gained)))
    bars.sort(key=lambda bar: -bar[0])
    return BarChart(
        title="Objects lost and gained since the baseline",
        about=f"Objects of {split} that only one of the two models finds. A class that loses "
        "objects while another gains as many keeps AP, and its users see the loss.",
        label="objects",
        bars=[bar for _, bar in bars[:30]],
    )


def _seen(change: ObjectChange, index: int) -> str:
    """Say what both models see of an object."""
    before, score = change.before[index], change.score[index]
    then = "the baseline misses it" if not change.found_before[index] else "the baseline finds it"
    then += "" if np.isnan(before) else f" with {before:.2f}"
    now = "no detection matches it now" if np.isnan(score) else f"now {score:.2f}"
    return f"{then}, {now}"


def _score(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
