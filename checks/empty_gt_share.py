"""The rule `empty-gt-share`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.counts import counted_of, verb
from pytest_detgate.dataset.clips.clips import ClipKey
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.evidence import BARS, Bar, BarChart, Evidence, left_out
from pytest_detgate.findings import Measurement
from pytest_detgate.gaps import Extent, GapKind, described, gap
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import image_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.options import require_limit, require_order
from pytest_detgate.rules.rule import Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations


class EmptyGtShare(SplitRule, frozen=True, kw_only=True):
    """The share of images without any annotation must be within limits.

    ## What it checks

    `share` is the number of images without any annotation divided by the number of images. An image
    with only crowd regions is not empty; those are counted as `crowd_only`. If the format has one
    label file for each image, an image without a label file is not empty either, because it has not
    been labelled. Those are `missing`, and more than `max-missing` fail.

    An image without any annotation whose file is missing is not empty, and makes the rule not
    evaluated. If the folder of images itself does not exist, annotations are judged without it.

    ## Why it matters

    A detector that sees an object on every training image learns that there always is one, and
    fires on images with nothing to detect. AP cannot see that.

    ## How to fix

    - `share` too low: Add frames with nothing to detect, and make sure that training keeps them.
    - `share` too high: Remove some of the empty images, or label what is on them.
    - `missing` too high: Write a label file for each image; one for an image with nothing to detect
      is an empty file.
    - MMDetection: Training keeps such frames only if `filter_cfg` says `filter_empty_gt=False`.
    """

    code: ClassVar[str] = "empty-gt-share"
    measures: ClassVar[str] = "share missing images empty crowd_only"
    ignored_gaps: ClassVar[frozenset[GapKind]] = frozenset(
        {"unlisted-class", "boxes-not-finite", "images-without-labels"}
    )

    min: Annotated[Share, Meta(description="Smallest share of empty images.")] | None = None
    max: Annotated[Share, Meta(description="Largest share of empty images.")] | None = None

    max_missing: Annotated[
        Count, Meta(description="Images without a label file that are allowed, as max-unlabelled.")
    ] = 0

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "min", "max")
        require_order(self.min, self.max)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = inputs.dataset(target.datasets[0])
        boxes = dataset.boxes_by_image()
        images = len(boxes)
        empty = dataset.empty_images()
        absent = _without_file(dataset, empty)
        empty = np.setdiff1d(empty, absent)
        unlabelled = dataset.images.unlabelled
        missing = np.flatnonzero(unlabelled) if unlabelled is not None else empty[:0]
        max_missing = max(self.max_missing, self.max_unlabelled)
        listed = dataset.boxes.image[~dataset.boxes.crowd & (dataset.boxes.image >= 0)]
        not_crowd = np.bincount(listed, minlength=images)
        share = len(empty) / images
        measurements = [
            Measurement.at_least("share", share, self.min),
            Measurement.at_most("share", share, self.max),
        ]
        if unlabelled is not None:
            measurements.append(Measurement.at_most("missing", len(missing), max_missing))
        told_empty = empty if self.max is not None and share > self.max else empty[:0]
        told_missing = missing if len(missing) > max_missing else missing[:0]
        if len(empty):
            of_images = counted_of(len(empty), images, f"{dataset.name} image", "have")
            message = f"{of_images} no annotation"
        elif len(missing) or len(absent):
            message = f"no {dataset.name} image is empty, of {images}"
        else:
            message = f"no {dataset.name} image is empty: all {images} have annotations"
        if len(missing):
            message += f"; {len(missing)} more {verb(len(missing), 'have')} no label file"
        return Outcome(
            message=message,
            measurements=[
                *(measurement for measurement in measurements if measurement.limit is not None),
                Measurement.shown("images", images),
                Measurement.shown("empty", len(empty)),
                Measurement.shown("crowd_only", int(((boxes > 0) & (not_crowd == 0)).sum())),
            ],
            findings=chain(
                image_findings(dataset, told_missing, lambda row: "no label file"),
                image_findings(dataset, told_empty, lambda row: "no annotation"),
            ),
            findings_total=len(told_missing) + len(told_empty),
            evidence=self._evidence(dataset, empty, inputs),
            extent=_extent(dataset, absent) if len(absent) else None,
        )

    def _evidence(self, dataset: Dataset, empty: NDArray[np.int64], inputs: Inputs) -> Evidence:
        """The share in the whole split and in its largest sites or clips, where file names tell
        them."""
        what, of_image = _sources(inputs, dataset.name)
        listed = Counter(of_image)
        named = [source for source, images in listed.items() if source is not None and images > 1]
        count_of_clip = Counter(map(of_image.__getitem__, empty.tolist()))
        if not any(count_of_clip[source] for source in named):
            return Evidence()
        ranked = sorted(named, key=lambda source: (-listed[source], str(source)))
        share = len(empty) / len(of_image)
        too_many = self.max is not None and (self.min is None or share > self.max)
        limit = self.max if too_many else self.min
        none = sum(not count_of_clip[source] for source in named)
        side = "at most" if too_many else "at least"
        todo = ""
        if self.min is not None and share < self.min:
            todo = f" Add frames with nothing to detect, from these {what}s and from others."
        elif too_many and share > (self.max or 0):
            todo = " Remove some, or annotate what is on them."
        return Evidence(
            charts=[
                BarChart(
                    title=f"Images without annotation by {what}",
                    about=f"{share:.1%} of {counted(len(of_image), f'{dataset.name} image')} have "
                    f"no annotation, {side} {limit:.1%} is asked for; {none} of "
                    f"{counted(len(named), what)} with several images have no such image.{todo}"
                    + left_out(len(named), BARS, "largest", f"{what}s"),
                    label="share of images without annotation",
                    bars=[
                        Bar(
                            name=f"all of {dataset.name}",
                            value=share,
                            limit=limit,
                            passed=(self.min is None or share >= self.min)
                            and (self.max is None or share <= self.max),
                        ),
                        *(
                            Bar(name=str(source), value=count_of_clip[source] / listed[source])
                            for source in ranked[:BARS]
                        ),
                    ],
                    span=(0, 1),
                )
            ]
        )

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import InExpectations, of_table

        # A share that nothing can break is no expectation.
        kinds = [
            ("expect_column_values_to_be_in_set", self.min),
            ("expect_column_values_to_not_be_in_set", None if self.max is None else 1 - self.max),
        ]
        return InExpectations(
            expectations=[
                of_table("images", kind, column="empty", value_set=[True], mostly=round(share, 12))
                for kind, share in kinds
                if share
            ]
        )

    passing: ClassVar[Example] = Example(
        config="[rules.empty-gt-share]\nmin = 0.25",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []},
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.empty-gt-share]\nmin = 0.25",
        splits={
            "train": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 12, 10, 30, 30)],
            },
        },
    )


def _extent(dataset: Dataset, absent: NDArray[np.int64]) -> Extent:
    names = dataset.images.file_name[absent].tolist()
    what = "images without annotation are missing"
    return Extent(
        unit="images",
        to_look_at=len(dataset.images),
        looked_at=len(dataset.images) - len(absent),
        left_out=described(gap("unreadable-images", "images", names, what)),
    )


def _without_file(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of some images that are missing in their folder, where there is one."""
    if not dataset.images_dir.is_dir():
        return rows[:0]
    return np.array(
        [row for row in rows.tolist() if not dataset.image_path(row).is_file()], dtype=np.int64
    )


def _sources(inputs: Inputs, name: str) -> tuple[Literal["site", "clip"], Sequence[str | None]]:
    """The site of each image where the frame pattern tells sites, else its clip."""
    pattern = inputs.project.frame_pattern
    if pattern is None:
        return "clip", [None] * len(inputs.dataset(name).images)
    if "site" in pattern.groupindex:
        return "site", inputs.name_groups(name, pattern)["site"]
    return "clip", inputs.clips(name, ClipKey(pattern)).clip.tolist()
