"""Findings that name an image or an annotation as its file does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pytest_detgate.boxes import drawable
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable
from pytest_detgate.findings import Finding


def annotation(dataset: Dataset, row: int) -> str:
    """An annotation as a person finds it in its file."""
    own = dataset.boxes.id[row]
    return f"annotation number {row + 1}, which has no id" if own is None else f"annotation {own}"


def numbers(values: Iterable[float]) -> str:
    """Coordinates, short enough to be read: `[10, 20.5, 30, 40]`."""
    return "[" + ", ".join(f"{float(value):.6g}" for value in values) + "]"


def box_findings(
    dataset: Dataset, rows: Iterable[int], reason: Callable[[int], str]
) -> Iterator[Finding]:
    """One finding for each box row, made when it is asked for."""
    boxes = dataset.boxes
    for row in map(int, rows):
        image, category = boxes.image[row], boxes.category[row]
        x, y, width, height = boxes.xywh[row].tolist()
        yield Finding(
            text=f"{annotation(dataset, row)}: {reason(row)}",
            dataset=dataset.name,
            image=None if image == UNLISTED else str(dataset.images.file_name[image]),
            box=(x, y, width, height) if drawable(boxes.xywh[[row]])[0] else None,
            label=None if category == UNLISTED else dataset.classes[category],
        )


def detection_findings(
    dataset: Dataset, detections: DetectionTable, rows: Iterable[int]
) -> Iterator[Finding]:
    """One finding for each detection row, made when it is asked for: `helmet_off 0.87`."""
    for row in map(int, rows):
        label = detections.classes[detections.category[row]]
        x, y, width, height = detections.xywh[row].tolist()
        yield Finding(
            text=f"{label} {detections.score[row]:.2f}",
            dataset=dataset.name,
            image=str(dataset.images.file_name[detections.image[row]]),
            box=(x, y, width, height),
            label=label,
            score=float(detections.score[row]),
        )


def image_findings(
    dataset: Dataset,
    rows: Iterable[int],
    reason: Callable[[int], str],
    other: Callable[[int], str] | None = None,
    kind: Callable[[int], str] | None = None,
) -> Iterator[Finding]:
    """One finding for each image row, made when it is asked for. `other` says what a leaked image
    was found in, `kind` which of several faults it is."""
    for row in map(int, rows):
        yield Finding(
            text=reason(row),
            dataset=dataset.name,
            image=str(dataset.images.file_name[row]),
            other=None if other is None else other(row),
            kind=None if kind is None else kind(row),
        )


def near_clip_findings(
    dataset: Dataset, clips: Sequence[str | None], near: Mapping[int, str], other: str
) -> Iterator[Finding]:
    """One finding for each image whose clip may be one of `other` written in another way."""
    return image_findings(
        dataset,
        near,
        lambda row: (
            f"its clip {clips[row]!r} differs from {near[row]!r} of {other} only in letter case or "
            "blanks, so it is unknown whether they are one"
        ),
    )


def untold_findings(dataset: Dataset, rows: Iterable[int], what: str) -> Iterator[Finding]:
    """One finding for each image whose clip, or `what` else, is unknown."""
    return image_findings(dataset, rows, lambda _: f"its {what} is unknown")
