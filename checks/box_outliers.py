"""The rule `box-outliers`."""

from __future__ import annotations

import math
from collections import Counter
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Share
from pytest_detgate.counts import counted_of, part_their, with_count
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import box_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.robust_limits import UsualRange, usual_range

KINDS = ("tiny", "huge", "thin")
LEAST_BOXES = 20
"""Boxes that it takes to say which sizes of a class are usual."""


class BoxOutliers(CountRule, frozen=True, kw_only=True):
    """No box may be far smaller, larger or thinner than those of its class.

    ## What it checks

    `count` is the number of boxes that are unlike those of their class:

    - `tiny`: the shorter side is under `min-pixels`. Or it is under `tiny` pixels, and the root of
      the area is unusually small for the class.
    - `huge`: the box covers more than `huge` of its image, and that is unusually large for the
      class.
    - `thin`: one side is more than `thin` times the other, and width by height is unusual for the
      class.

    A box counts once, for the first of these. Unusual is what is more than `deviations` robust
    standard deviations from the median of the class, on a logarithmic scale: the distance of the
    quartile on that side, divided by 0.6745. So a class of long things has long boxes, and a class
    of small things has small ones. A class with under 20 boxes is compared with all boxes of the
    split. With under 20 boxes in all the rule cannot be evaluated, unless `deviations = 0`.

    Boxes without area and crowd regions are left out: `degenerate-boxes` counts the former.

    ## Why it matters

    Such boxes are mostly slips of the hand: a click without a drag, a box that was drawn around the
    whole image, a line in place of a box. Training takes each of them for an object. A few boxes
    that cover whole images cost more than many that are a pixel off.

    ## How to fix

    Look at the findings and correct or delete the boxes. If they are right, raise the limit of that
    kind, or `deviations`. If objects are too small to be seen, leave them out with the minimum
    that your training uses.
    """

    code: ClassVar[str] = "box-outliers"
    measures: ClassVar[str] = "count tiny huge thin boxes"
    accepts_findings: ClassVar[bool] = True

    min_pixels: (
        Annotated[float, Meta(gt=0, description="A shorter side below it counts in any case.")]
        | None
    ) = None
    tiny: Annotated[float, Meta(ge=0, description="Pixels of the shorter side.")] = 3
    huge: Annotated[Share, Meta(description="Share of the image that a box covers.")] = 0.8
    thin: Annotated[float, Meta(ge=1, description="The longer side by the shorter.")] = 20
    deviations: Annotated[
        float, Meta(ge=0, le=100, description="Robust deviations from which a box is unusual.")
    ] = 4

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        boxes = _boxes(dataset)
        if not len(boxes.row):
            raise NotLookedAtError(
                f"{dataset.name} has no box to look at",
                Extent(unit="annotations", to_look_at=0, looked_at=0),
            )
        usual = self._usual(dataset, boxes)
        kinds = self._kinds(boxes, usual)
        by_kind = Counter(kind for kind in kinds if kind)
        outliers = [index for index, kind in enumerate(kinds) if kind]
        outliers.sort(key=lambda index: (KINDS.index(kinds[index]), index))
        rows = [int(boxes.row[index]) for index in outliers]
        text = {
            row: _text(boxes, index, kinds[index], dataset)
            for row, index in zip(rows, outliers, strict=True)
        }
        kinds_text = ", ".join(f"{by_kind[kind]} {kind}" for kind in KINDS if by_kind[kind])
        message = (
            f"{counted_of(len(rows), len(boxes.row), 'box', 'are')} unlike the "
            f"others of {part_their(len(rows), len(boxes.row))} class"
        )
        sized = int(np.isfinite(boxes.share).sum())
        return Outcome(
            message=f"{message}: {kinds_text}" if kinds_text else message,
            measurements=[
                Measurement.at_most("count", len(rows), self.limit(target)),
                *(Measurement.shown(kind, by_kind[kind]) for kind in KINDS),
                Measurement.shown("boxes", len(boxes.row)),
            ],
            findings=box_findings(dataset, rows, text.__getitem__),
            findings_total=len(rows),
            tables={"usual boxes by class": _table(dataset, boxes, usual, kinds)},
            extent=None
            if sized == len(boxes.row)
            else Extent(
                unit="annotations",
                to_look_at=len(boxes.row),
                looked_at=sized,
                left_out=(
                    with_count(len(boxes.row) - sized, "boxes are on images of unknown size"),
                ),
            ),
        )

    def _usual(self, dataset: Dataset, boxes: _Boxes) -> list[_Usual]:
        """The usual boxes of each class."""
        if self.deviations and len(boxes.row) < LEAST_BOXES:
            raise TooLittleEvidenceError(
                f"{counted(len(boxes.row), 'box')} of {dataset.name} cannot say which sizes are "
                f"usual; "
                f"it takes {LEAST_BOXES}. With deviations = 0 only the limits in the table count"
            )
        everything = np.arange(len(boxes.row))
        result = []
        for category in range(len(dataset.classes)):
            own = np.flatnonzero(boxes.category == category)
            some = own if len(own) >= LEAST_BOXES else everything
            result.append(
                _Usual(
                    *(
                        self._range(values[some])
                        for values in (boxes.size, boxes.share, boxes.aspect)
                    )
                )
            )
        return result

    def _range(self, values: NDArray[np.float64]) -> UsualRange:
        known = values[np.isfinite(values)]
        if not len(known):
            return UsualRange(0, 0, 0)
        usual = usual_range(known, self.deviations)
        # Without deviations, every box is as unusual as the others.
        return usual if self.deviations else usual._replace(low=math.inf, high=-math.inf)

    def _kinds(self, boxes: _Boxes, usual: list[_Usual]) -> list[str]:
        limits = np.array(usual)[boxes.category]  # (boxes, 3 measures, low median high)
        tiny = (boxes.shorter < self.tiny) & (boxes.size < limits[:, 0, 0])
        if self.min_pixels is not None:
            tiny |= boxes.shorter < self.min_pixels
        huge = (np.exp(boxes.share) > self.huge) & (boxes.share > limits[:, 1, 2])
        thin = (np.exp(np.abs(boxes.aspect)) > self.thin) & (
            (boxes.aspect < limits[:, 2, 0]) | (boxes.aspect > limits[:, 2, 2])
        )
        names: list[str] = np.select([tiny, huge, thin], KINDS, "").tolist()
        return names

    passing: ClassVar[Example] = Example(
        config="[rules.box-outliers]",
        splits={
            "train": {
                f"a_{n}.jpg": [("helmet_off", 10, 10, 20 + n % 5, 20 + n % 3)] for n in range(24)
            }
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.box-outliers]",
        splits={
            "train": {
                **{
                    f"a_{n}.jpg": [("helmet_off", 10, 10, 20 + n % 5, 20 + n % 3)]
                    for n in range(24)
                },
                "b_1.jpg": [("helmet_off", 0, 0, 100, 100), ("helmet_off", 10, 10, 2, 2)],
            }
        },
    )


class _Boxes(NamedTuple):
    """The boxes that are judged: their `row` and `category`, the `shorter` side in pixels, and the
    logarithms of the root of the area, of the share of the image (NaN where its size is not known)
    and of width by height."""

    row: NDArray[np.int64]
    category: NDArray[np.int64]
    shorter: NDArray[np.float64]
    size: NDArray[np.float64]
    share: NDArray[np.float64]
    aspect: NDArray[np.float64]


class _Usual(NamedTuple):
    """What is usual in a class, as logarithms."""

    size: UsualRange
    share: UsualRange
    aspect: UsualRange


def _boxes(dataset: Dataset) -> _Boxes:
    boxes = dataset.boxes
    xywh = boxes.xywh
    judged = (boxes.image != UNLISTED) & (boxes.category != UNLISTED) & ~boxes.crowd
    judged &= np.isfinite(xywh).all(axis=1) & (xywh[:, 2] > 0) & (xywh[:, 3] > 0)
    row = np.flatnonzero(judged)
    width, height = xywh[row, 2], xywh[row, 3]
    image = boxes.image[row]
    pixels = dataset.images.width[image] * dataset.images.height[image]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        share = np.log(np.minimum(width * height / pixels, 1e6))
    log_width, log_height = np.log(width), np.log(height)
    return _Boxes(
        row=row,
        category=boxes.category[row],
        shorter=np.minimum(width, height),
        size=(log_width + log_height) / 2,
        share=np.where(np.isfinite(share), share, np.nan),
        aspect=log_width - log_height,
    )


def _text(boxes: _Boxes, index: int, kind: str, dataset: Dataset) -> str:
    width, height = dataset.boxes.xywh[boxes.row[index], 2:].tolist()
    name = dataset.classes[int(boxes.category[index])]
    size = f"{width:.4g} × {height:.4g} px"
    if kind == "huge":
        return f"huge: {name} covers {math.exp(boxes.share[index]):.1%} of its image"
    if kind == "thin":
        ratio = math.exp(abs(boxes.aspect[index]))
        return f"thin: {name} of {size}, one side {ratio:.4g} times the other"
    return f"tiny: {name} of {size}"


def _table(dataset: Dataset, boxes: _Boxes, usual: list[_Usual], kinds: list[str]) -> Table:
    count = Counter(
        (int(category), kind) for category, kind in zip(boxes.category, kinds, strict=True)
    )
    total = Counter(boxes.category.tolist())
    return Table(
        columns=["class", "boxes", "median size, px", *KINDS],
        rows=[
            [
                name,
                total[index],
                round(math.exp(usual[index].size.median), 1) if total[index] else None,
                *(count[index, kind] for kind in KINDS),
            ]
            for index, name in enumerate(dataset.classes)
        ],
    )
