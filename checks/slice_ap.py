"""The rule `slice-ap`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.dataset.slices import NO_SLICE, Slices, names_in
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text, counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.metric_needs import needs_of_metric
from pytest_detgate.rules.metrics.score_rules import (
    IntervalRule,
    confidence_of,
    interval_of_metric,
    require_support,
)
from pytest_detgate.rules.planned_limits import PlannedLimit, found_share
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse
from pytest_detgate.scoring.bounds.bootstrap import Replicates, bootstrap
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.metrics.precision_recall import boxes_to_find, precision_and_recall
from pytest_detgate.scoring.score_card import ApMetric, mean_precision, with_uncounted


class SliceAp(IntervalRule, frozen=True, kw_only=True):
    """AP of every slice of the evaluated split must reach a floor.

    ## What it checks

    `by` divides the images into slices. It is a group of `frame-pattern` (`clip`, `site`), any
    field of the images in the annotation file, `file_name`, `width`, `height`, `boxes` (annotations
    of the image), or an expression over them such as `"'night' if hour < 6 else 'day'"`. Each value
    is a slice and an item, `slice-ap[site=north]`. `ap` is the AP of its images alone by the COCO
    protocol, `images` their number, `boxes` their ground truth. Equal numbers are one slice; a text
    that reads like a number is a separate slice, in quotes. Comparisons in an expression are those
    of `where` of a probe: `hour == 7` holds for the text "7", too. The bounds come from a bootstrap
    over the slice's clips, or over images if there are no clips, with room for one more clip unlike
    all clips seen.

    `unsliced` counts the images of the split that lack the field or group that `by` names. They are
    in no slice, so nothing looks at them: more than `max-unsliced` make every item *not evaluated*.

    ## Why it matters

    A detector that is good on the mean may be useless on the one site, camera or night shift that
    it was bought for.

    ## How to fix

    Compare the images of the weak slice with training: most often training has too few like them.
    If a slice is too small to judge, `min-images` says so instead of failing on noise, and
    `too-little = "warn"` lets it through with a warning.
    """

    code: ClassVar[str] = "slice-ap"
    measures: ClassVar[str] = "ap images boxes unsliced"

    by: Annotated[str, Meta(min_length=1, description="What divides the images into slices.")]
    min: Annotated[Share, Meta(description="Floor of every slice.")]
    metric: ApMetric = "AP"
    min_images: Annotated[
        Count, Meta(description="Smallest number of images of a slice that proves anything.")
    ] = 1
    min_boxes: Annotated[
        Count,
        Meta(description="Smallest number of ground-truth boxes of a slice that proves anything."),
    ] = 1
    max_unsliced: Annotated[Count, Meta(description="Images in no slice that are allowed.")] = 0

    def validate(self, project: Project) -> None:
        super().validate(project)
        try:
            names_in(self.by)
        except DataError as error:
            refuse(OptionError(str(error), "by"))

    def targets(self, project: Project) -> Iterator[Target]:
        try:
            labels = project.slices(project.evaluate_on, self.by).labels
        except DataError:
            labels = ()
        if not labels:
            # The slices are unknown: one item remains, to say why.
            yield self.target(project)
        for label in labels:
            yield self.target(project, label)

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        confidence = confidence_of(self, inputs.project)
        what = f"{self.metric} of {target.label or 'each slice'}"
        yield found_share(what, target.datasets[0], self.min, confidence, self.bound)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        slices = inputs.project.slices(split, self.by)
        extent = self._extent(slices)
        if target.label is None:
            raise NotLookedAtError(f"by = {self.by!r} makes no slices of {split}", extent)
        images = slices.images(target.label)
        matches = inputs.matches(split)
        n_images = int(np.count_nonzero(images))
        boxes = int(boxes_to_find(matches, images).sum())
        require_support(
            f"{target.label} in {split}",
            {"images": (n_images, self.min_images), "boxes": (boxes, self.min_boxes)},
        )
        most = inputs.project.tables.scoring.max_detections
        precision, _ = precision_and_recall(matches, images, max_detections=(most,))
        value = mean_precision(precision[:, :, :, 0], self.metric)
        if value is None:
            raise TooLittleEvidenceError(f"{target.label} in {split} has no box to find")
        drawn: list[Replicates] = []

        def value_of(intervals: Intervals) -> Interval:
            if not drawn:
                drawn.append(bootstrap(matches, intervals.resampling, None, most))
            return interval_of_metric(intervals, drawn[0], self.metric, value)

        interval = self.interval(inputs, split, value_of, images)
        measurement = Measurement.at_least(
            "ap", value, self.min, bound=self.bound, interval=interval
        )
        beyond = matches.candidates.rank >= most
        uncounted = int(np.count_nonzero(beyond & images[matches.candidates.image]))
        return Outcome(
            message=f"{self.metric} {value:.3f} on {counted(n_images, 'image')} of {split}, "
            f"{counted(boxes, 'box')} ({with_uncounted(most, uncounted)}){bounds_text(interval)}",
            measurements=[
                measurement,
                Measurement.shown("images", n_images),
                Measurement.shown("boxes", boxes),
                Measurement.shown("unsliced", extent.to_look_at - extent.looked_at),
            ],
            extent=extent,
            needs=needs_of_metric(
                self, inputs, split, measurement, value_of, matches, what=self.metric, images=images
            ),
        )

    def _extent(self, slices: Slices) -> Extent:
        """The images that are in any slice, of all images of the split."""
        total = len(slices.of_image)
        unsliced = int(np.count_nonzero(slices.of_image == NO_SLICE))
        text = (
            f"{counted(unsliced, 'image')} without a value of by = {self.by!r}; max-unsliced = "
            f"{self.max_unsliced}"
        )
        return Extent(
            unit="images",
            to_look_at=total,
            looked_at=total - unsliced,
            allowed=self.max_unsliced,
            left_out=(text,) if unsliced else (),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.slice-ap]\nby = \"'left' if width < 640 else 'right'\"\nmin = 0.9",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[dataset]\nframe-pattern = '(?P<clip>(?P<site>[^_]+)_.*)_\\d+\\.jpg$'\n"
        '[rules.slice-ap]\nby = "site"\nmin = 0.9',
        splits={
            "val": {
                "north_a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
                "south_a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
            }
        },
        detections={"val": {"south_a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
