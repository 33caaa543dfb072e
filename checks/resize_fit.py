"""The rule `resize-fit`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.config.tables.onnx_table import Pixels
from pytest_detgate.counts import counted_of, part_verb, verb, with_noun
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.detector.resizing import Resize
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence, Histogram, Mark
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.inputs.detections.model_resize import model_resize
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted, percent
from pytest_detgate.rule_evidence.findings import box_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.options import require_limit
from pytest_detgate.rules.rule import Outcome, Target

_EDGES = [2.0**power for power in range(12)]


class ResizeFit(SplitRule, frozen=True, kw_only=True):
    """Few objects may be smaller than the model can see after its own resize.

    ## What it checks

    Each box is scaled as the model scales its image. `count` is the number of boxes whose side is
    under `min-pixels` then, `share` their share of all boxes. The side is that of a square of the
    same area. Crowd regions and boxes without area are left out.

    The resize comes from, in this order: `size` and `resize` of this table; `[model.onnx]`; the
    ONNX file, with what Ultralytics writes into it; the test pipeline of the configuration of
    MMDetection that `[model]` or `[train]` names (`Resize`, `FixScaleResize`, `FixShapeResize`,
    and the letterbox of MMYOLO). If none of them says it, the rule cannot be evaluated.

    ## Why it matters

    A helmet of 24 pixels on an image of 3840 × 2160 is one of 4 pixels where the model works at
    640: less than one cell of its finest grid (8 pixels for most detectors). No training finds such
    objects, and their labels only add noise.

    ## How to fix

    Enlarge the input of the model, cut images into tiles, or leave such objects out of the labels
    and say so. The table by class shows which class needs it.
    """

    code: ClassVar[str] = "resize-fit"
    measures: ClassVar[str] = "share count boxes median_side"

    min_pixels: Annotated[
        float, Meta(gt=0, description="Side in pixels of the model's input that is large enough.")
    ] = 8.0
    max_share: (
        Annotated[Share, Meta(description="Largest share of boxes that are smaller.")] | None
    ) = None
    max: Annotated[Count, Meta(description="Largest number of boxes that are smaller.")] | None = (
        None
    )
    size: (
        Annotated[
            tuple[Pixels, Pixels],
            Meta(description="Height and width of the model's input. Omitted: as the model says."),
        ]
        | None
    ) = None
    resize: Annotated[
        Literal["fit", "stretch"],
        Meta(
            description="How an image gets that size. fit: scaled as a whole (letterbox). stretch: "
            "each side by itself."
        ),
    ] = "fit"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "max-share", "max")

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = inputs.dataset(target.datasets[0])
        resize = self._resize(inputs)
        rows, side = _sides(dataset, resize)
        small = side < self.min_pixels
        count, total = int(small.sum()), len(rows)
        smallest_first = rows[small][np.argsort(side[small], kind="stable")]
        side_of = dict(zip(rows[small].tolist(), side[small].tolist(), strict=True))
        return Outcome(
            message=f"{counted_of(count, total, 'box')} ({percent(count / total)}) of "
            f"{dataset.name} {part_verb(count, total, 'are')} under "
            f"{with_noun(f'{self.min_pixels:g}', 'pixel')} after the resize ({resize})",
            measurements=[
                Measurement.at_most("share", count / total, self.max_share),
                Measurement.at_most("count", count, self.max),
                Measurement.shown("boxes", total),
                Measurement.shown("median_side", float(np.median(side))),
            ],
            findings=box_findings(
                dataset,
                smallest_first,
                lambda row: f"{with_noun(f'{side_of[row]:.3g}', 'pixel')} after the resize",
            ),
            findings_total=count,
            tables={"by class": _by_class(dataset, rows, small)},
            evidence=Evidence(charts=[self._chart(dataset.name, side, resize)]),
        )

    def _resize(self, inputs: Inputs) -> Resize:
        if self.size is None:
            return model_resize(inputs)
        height, width = self.size
        return Resize(kind=self.resize, width=width, height=height, origin="size of this rule")

    def _chart(self, split: str, side: NDArray[np.float64], resize: Resize) -> Histogram:
        counts, _ = np.histogram(np.clip(side, _EDGES[0], _EDGES[-1]), bins=_EDGES)
        return Histogram(
            title=f"Side of the boxes of {split} after the resize",
            about=f"The side of a square of the same area, in pixels of the model's input "
            f"({resize}). Left of the mark the model sees too little.",
            label="pixels",
            counts={split: counts.tolist()},
            edges=_EDGES,
            marks=[Mark(label="min-pixels", at=self.min_pixels)],
            log_edges=True,
        )

    passing: ClassVar[Example] = Example(
        config="[rules.resize-fit]\nsize = [100, 100]\nmax-share = 0.0",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 20, 20)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.resize-fit]\nsize = [25, 25]\nmax-share = 0.0",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 20, 20)]}},
    )


def _sides(dataset: Dataset, resize: Resize) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n,) rows of the boxes that count, and their sides after the resize."""
    boxes, images = dataset.boxes, dataset.images
    with np.errstate(invalid="ignore", over="ignore"):
        counts = np.isfinite(boxes.xywh).all(axis=1) & (boxes.xywh[:, 2:] > 0).all(axis=1)
    counts &= (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
    rows = np.flatnonzero(counts)
    if not len(rows):
        raise DataError(f"{dataset.name} has no boxes, so nothing is known of their size")
    image = boxes.image[rows]
    width, height = images.width[image], images.height[image]
    unknown = np.flatnonzero(~((width > 0) & (height > 0) & np.isfinite(width * height)))
    if len(unknown):
        first, n_unknown = images.file_name[image[unknown[0]]], len(np.unique(image[unknown]))
        raise DataError(
            f"{counted(n_unknown, 'image')} of {dataset.name} {verb(n_unknown, 'have')} no width "
            f"and height, first {first}: how the model resizes images is not known there"
        )
    across, down = resize.scales(width, height)
    with np.errstate(over="ignore"):
        side = np.sqrt(boxes.xywh[rows, 2] * across) * np.sqrt(boxes.xywh[rows, 3] * down)
    return rows, side


def _by_class(dataset: Dataset, rows: NDArray[np.int64], small: NDArray[np.bool_]) -> Table:
    """Small boxes of each class, the class with the largest share first."""
    n = len(dataset.classes)
    category = dataset.boxes.category[rows]
    total = np.bincount(category, minlength=n)
    under = np.bincount(category[small], minlength=n)
    listed: list[list[Any]] = [
        [name, int(under[k]), int(total[k]), float(under[k] / total[k])]
        for k, name in enumerate(dataset.classes)
        if total[k]
    ]
    listed.sort(key=lambda row: -row[3])
    return Table(columns=["class", "too small", "boxes", "share"], rows=listed)
