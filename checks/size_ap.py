"""The rule `size-ap`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, get_args

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Bar, BarChart, Chart, Evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text
from pytest_detgate.rule_evidence.score_charts import bar, curves_of
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.metrics.score_rules import IntervalRule, confidence_of, require_support
from pytest_detgate.rules.options import require_limit
from pytest_detgate.rules.planned_limits import PlannedLimit, found_share
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.metrics.precision_recall import boxes_to_find
from pytest_detgate.scoring.score_card import Area

_SIZES: tuple[Area, ...] = ("small", "medium", "large")
_CURES: dict[Area, str] = {
    "small": "try a higher resolution, or tiles, in training and test",
    "medium": "see whether AP is lost between IoU 0.50 and 0.75, where boxes sit loosely",
    "large": "see whether their labels cover them whole, and whether training crops cut them",
}


class SizeAp(IntervalRule, frozen=True, kw_only=True):
    """AP of small, medium and large boxes must reach a floor for each size.

    ## What it checks

    `ap` is the AP over IoU 0.50 to 0.95 of the boxes of one size by the COCO protocol, unrounded:
    small under 32², medium up to 96², large over 96² pixels of `area`. `boxes` is the number of
    ground-truth boxes of that size. Each size with a floor is one item. The bounds come from a
    bootstrap over clips, or over images if there are no clips, with room for one more clip unlike
    all clips seen.

    ## Why it matters

    Workers far from the camera are small. A mean over all sizes hides them behind those close to
    it.

    ## How to fix

    Train and test at a higher resolution or in tiles, and check whether small boxes are labelled as
    carefully as large ones.
    """

    code: ClassVar[str] = "size-ap"
    measures: ClassVar[str] = "ap boxes"

    small: Annotated[Share, Meta(description="Floor of boxes under 32² pixels.")] | None = None
    medium: Annotated[Share, Meta(description="Floor of boxes of 32² to 96² pixels.")] | None = None
    large: Annotated[Share, Meta(description="Floor of boxes over 96² pixels.")] | None = None
    min_boxes: (
        Annotated[
            Count, Meta(description="Smallest number of boxes of a size that proves anything.")
        ]
        | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "small", "medium", "large")

    def targets(self, project: Project) -> Iterator[Target]:
        for size in _SIZES:
            if getattr(self, size) is not None:
                yield self.target(project, size)

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        confidence, floor = confidence_of(self, inputs.project), getattr(self, target.label or "")
        what = f"AP of {target.label} boxes"
        yield found_share(what, target.datasets[0], floor, confidence, self.bound)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        (size,) = (area for area in get_args(Area) if area == target.label)
        scores = inputs.scores(split)
        value = scores.average_precision(area=size)
        boxes = int(np.sum(boxes_to_find(inputs.matches(split, size))))
        if value is None:
            raise DataError(f"{split} has no {size} boxes, so their AP is not defined")
        require_support(f"size {size!r} in {split}", {"boxes": (boxes, self.min_boxes)})
        value_of = self.metric_figure(inputs, split, "AP", value, area=size)
        interval = self.interval(inputs, split, value_of)
        measurement = Measurement.at_least(
            "ap", value, getattr(self, size), bound=self.bound, interval=interval
        )
        return Outcome(
            message=f"AP {value:.3f} of {boxes} {size} boxes on {split} ({scores.protocol})"
            f"{bounds_text(interval)}",
            measurements=[measurement, Measurement.shown("boxes", boxes)],
            evidence=Evidence(charts=self._charts(inputs, split, size, measurement)),
            needs=needs_of_metric(
                self, inputs, split, measurement, value_of, inputs.matches(split, size), what="AP"
            ),
        )

    def _charts(
        self, inputs: Inputs, split: str, size: Area, measurement: Measurement
    ) -> list[Chart]:
        """The curve of the size, and the three sizes side by side."""
        scores = inputs.scores(split)
        curves = curves_of(scores, f"{size} boxes on {split}", area=size)
        sizes = {area: scores.average_precision(area=area) for area in _SIZES}
        known = sorted(
            (area for area in _SIZES if sizes[area] is not None),
            key=lambda area: sizes[area] or 0.0,
        )
        bars = [
            bar(area, measurement)
            if area == size
            else Bar(name=area, value=value, limit=getattr(self, area))
            for area, value in sizes.items()
        ]
        sides = BarChart(
            title=f"AP by size on {split}",
            about=f"AP is lowest for {known[0]} boxes: {_CURES[known[0]]}."
            if len(known) > 1
            else f"{split} has {size} boxes only, so nothing is known of other sizes.",
            label="AP",
            bars=bars,
            span=(0.0, 1.0),
        )
        return [*([] if curves is None else [curves]), sides]

    passing: ClassVar[Example] = Example(
        config="[rules.size-ap]\nsmall = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 20, 20)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 20, 20)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.size-ap]\nsmall = 0.9",
        splits={
            "val": {"a_1.jpg": [("helmet_off", 10, 10, 20, 20), ("helmet_off", 40, 40, 60, 60)]}
        },
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 40, 40, 60, 60)]}},
    )
