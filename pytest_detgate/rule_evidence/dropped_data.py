"""What training drops of its annotation files: findings, tables and charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from pytest_detgate.counts import counted_of
from pytest_detgate.evidence import BARS, Histogram, left_out
from pytest_detgate.findings import Finding, Table
from pytest_detgate.inputs.project import Project
from pytest_detgate.regular_file import real_path
from pytest_detgate.training.dropped_data import BoxReason, ImageReason, PartDrops

_BOX_REASONS: dict[BoxReason, str] = {
    "class_names": "of a class that the configuration does not name",
    "ignored": "marked ignore",
    "degenerate": "less than a pixel wide or high, without area, or outside its image",
    "no_image": "of an image that is not listed",
    "with_image": "its image is not fed",
    "other": "the data set's own code leaves it out",
}


def drop_findings(parts: Sequence[PartDrops], project: Project) -> Iterator[Finding]:
    """The images first, then what is fed wrongly, then single boxes of images that are fed."""
    for part in parts:
        split = split_of_part(part, project)
        for image in part.images_dropped:
            yield Finding(text=image.text, dataset=split, image=image.file_name)
    for part in parts:
        split = split_of_part(part, project)
        for box in part.mislabelled:
            yield Finding(
                text=f"{box.label} is fed as {box.fed_as}",
                dataset=split,
                image=box.file_name,
                box=box.xywh,
                label=box.label,
            )
    for part in parts:
        split = split_of_part(part, project)
        for dropped in sorted(part.boxes_dropped, key=lambda box: box.reason == "with_image"):
            yield Finding(
                text=f"{dropped.label} is not fed: {_BOX_REASONS[dropped.reason]}",
                dataset=split,
                image=dropped.file_name,
                box=_drawable(dropped.xywh),
                label=dropped.label,
            )


def split_of_part(part: PartDrops, project: Project) -> str | None:
    """The split whose annotation file training reads."""
    read, locate = real_path(part.annotations), project.configuration.locate
    for name, table in project.tables.dataset.splits.items():
        if table.annotations and real_path(locate(table.annotations)) == read:
            return name
    return None


def _drawable(box: tuple[float, float, float, float]) -> tuple[float, float, float, float] | None:
    return box if all(abs(side) < float("inf") for side in box) and min(box[2:]) >= 0 else None


def drop_tables(parts: Sequence[PartDrops], project: Project) -> dict[str, Table]:
    """What is fed of each annotation file, where there are several."""
    if len(parts) < 2:
        return {}
    reasons = get_args(ImageReason)
    by_part: list[list[float | int | str | bool | None]] = []
    for part in parts:
        counts = Counter(image.reason for image in part.images_dropped)
        share = part.empty_samples / part.samples if part.samples else None
        by_reason = [counts[reason] for reason in reasons]
        where = project.relative(part.annotations)
        by_part.append([where, part.listed, part.fed, *by_reason, share])
    return {
        "what training is fed": Table(
            columns=["annotation file", "images", "fed", *reasons, "effective empty share"],
            rows=by_part,
        )
    }


def class_chart(parts: Iterable[PartDrops]) -> Histogram:
    """The boxes of each class in the files and of those that are fed; first the classes that lose
    most."""
    boxes: Counter[str] = Counter()
    fed: Counter[str] = Counter()
    wrongly: Counter[str] = Counter()
    for part in parts:
        for name, (listed, through) in part.by_class.items():
            boxes[name] += listed
            fed[name] += through
        wrongly.update(box.label for box in part.mislabelled)
    ranked = sorted(boxes, key=lambda name: (fed[name] - boxes[name], -wrongly[name]))
    counts = {"in the annotation file": boxes, "fed": fed}
    if wrongly:
        counts["fed as another class"] = wrongly
    return Histogram(
        title="Boxes by class, before and after",
        about=f"{counted_of(fed.total(), boxes.total(), 'box', 'are')} fed to the model, "
        f"{wrongly.total()} of them as another class. A class that loses all its boxes is "
        "one that metainfo does not name, or names otherwise than the annotation file."
        + left_out(len(ranked), BARS, "that lose most boxes"),
        label="class",
        names=ranked[:BARS],
        counts={name: [count[label] for label in ranked[:BARS]] for name, count in counts.items()},
        shares=False,
    )
