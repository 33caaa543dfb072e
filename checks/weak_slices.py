"""The rule `weak-slices`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.evidence import Bar, BarChart, Evidence
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.gaps import Extent
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import image_findings
from pytest_detgate.rule_evidence.frames import FRAMES_OF_CLASS, shown_frames
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.metrics.score_rules import (
    OwnConfidence,
    OwnSeed,
    TooLittle,
    confidence_of,
    seed_of,
)
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.bounds.resampling import counted_units
from pytest_detgate.scoring.comparison.lost_objects import scores_of_boxes
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.weak_slices import (
    LEAST_BOXES,
    LEAST_CLIPS,
    HalfOfClips,
    WeakSlice,
    candidate_slices,
    confirmed,
    halves,
    large_slices,
    weak_slices,
)

_NAMED = 3


class WeakSlices(ScoreRule, frozen=True, kw_only=True):
    """No part of the evaluated split may be much worse than the rest, known or not.

    ## What it checks

    The rule searches slices of the images by itself: by each group of `frame-pattern` except clip
    and frame (such as `site`), the number of boxes of an image, their median size, the hour, each
    field of the images in the annotation file, and brightness and sharpness. It looks at each value
    and at each two values of two properties. Numbers with many values are divided into quarters.

    `gap` is the AP of a slice less that of all other images: by class, and each class weighted by
    its boxes in the slice. So a slice is not weak because a hard class is common in it.

    Of many slices some look weak by chance. So half of the clips are searched, and the 5 slices
    that look weakest are tested on the other half; a part of a slice only if it is weaker than the
    whole by another `min-gap`. There the standard error comes from leaving out
    one clip after another. `weak` counts the slices that are confirmed: their gap is at least
    `min-gap`, and the method of Benjamini and Hochberg limits the share of false ones to 1 −
    `confidence`. It must be at most `max`. `gap[SLICE]` is the gap of each on the second half, with
    its bounds. If there are no clips, each image is one.

    A slice needs 15 boxes in 4 clips in either half, and so does the rest. If no slice has, the
    item is not evaluated. Nor is it where images cannot be opened, unless `pixels = false`, or
    where one of the `fields` has more than 12 different texts.

    ## Why it matters

    `slice-ap` looks at slices that somebody thought of. A detector that is useless at night at one
    site passes if nobody asked for nights at that site.

    ## How to fix

    Look at the images of the slice, and add images like them to training. Give the slice a floor of
    its own with `slice-ap`. If the slice is what it is (a camera that is out of focus), raise `max`
    or leave the property out with `fields`.
    """

    code: ClassVar[str] = "weak-slices"
    measures: ClassVar[str] = "weak gap[SLICE] searched tested"

    max: Annotated[Count, Meta(description="Largest number of weak slices.")] = 0
    min_gap: Annotated[
        Share, Meta(description="How much lower AP must be for a slice to be weak.")
    ] = 0.05
    fields: (
        Annotated[list[str], Meta(description="Image fields to search. Omitted: all in the file.")]
        | None
    ) = None
    pixels: Annotated[
        bool, Meta(description="Whether images are read, for brightness and sharpness.")
    ] = True
    confidence: OwnConfidence | None = None
    seed: OwnSeed | None = None
    too_little: TooLittle = "fail"

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        attributes, left_out = inputs.slice_attributes(split, self.fields, pixels=self.pixels)
        matches, units = inputs.matches(split), inputs.units(split)
        most = inputs.project.tables.scoring.max_detections
        first, second = (
            HalfOfClips(matches, units, images, most)
            for images in halves(units, seed_of(self, inputs.project))
        )
        slices = large_slices(candidate_slices(attributes), first, second)
        if not slices:
            raise TooLittleEvidenceError(
                f"no slice of {split} has {LEAST_BOXES} boxes in {LEAST_CLIPS} {units.kind}s in "
                f"either half of {counted_units(units)}"
            )
        confidence = confidence_of(self, inputs.project)
        tested = weak_slices(slices, first, second, confidence=confidence, min_gap=self.min_gap)
        weak = confirmed(tested, 1 - confidence, self.min_gap)
        names = ", ".join(f"{test.slice.name} ({test.gap:+.3f} AP)" for test in weak[:3])
        unread = f"; not searched: {', '.join(left_out)}" if left_out else ""
        return Outcome(
            message=f"{counted(len(weak), 'weak slice')} of {split}"
            f"{': ' if names else ''}{names}; {len(slices)} searched on one half of "
            f"{counted_units(units)}, {len(tested)} tested on the other{unread}",
            measurements=[
                Measurement.at_most("weak", len(weak), self.max),
                *(
                    Measurement.shown(
                        f"gap[{test.slice.name}]", test.gap, test.interval(confidence)
                    )
                    for test in weak
                ),
                Measurement.shown("searched", len(slices)),
                Measurement.shown("tested", len(tested)),
            ],
            findings=self._findings(inputs, split, weak),
            findings_total=sum(int(test.slice.images.sum()) for test in weak),
            tables={"slices that were tested": _table(tested, weak)},
            evidence=self._evidence(inputs, split, tested, weak),
            extent=_extent(inputs, split) if self.pixels else None,
        )

    def _findings(self, inputs: Inputs, split: str, weak: Sequence[WeakSlice]) -> Iterable[Finding]:
        """The images of weak slices, those with the most missed boxes first."""
        missed = _missed(inputs.matches(split))
        for test in weak:
            rows = np.flatnonzero(test.slice.images)
            order = rows[np.argsort(-missed[rows], kind="stable")]
            reason = partial(_reason, test.slice.name, missed)
            yield from image_findings(inputs.dataset(split), order, reason)

    def _evidence(
        self, inputs: Inputs, split: str, tested: Sequence[WeakSlice], weak: Sequence[WeakSlice]
    ) -> Evidence:
        missed = _missed(inputs.matches(split))
        rows: dict[int, str] = {}
        for test in weak:
            inside = np.flatnonzero(test.slice.images & (missed > 0))
            for row in inside[np.argsort(-missed[inside], kind="stable")].tolist():
                rows.setdefault(
                    row, f"{test.slice.name}: {counted(int(missed[row]), 'box')} missed"
                )
        frames = shown_frames(
            inputs.dataset(split),
            inputs.detections(split),
            list(rows),
            lambda row: rows[row],
            FRAMES_OF_CLASS,
        )
        chart = BarChart(
            title="Slices that look weak",
            about=f"The slices of {split} that looked weakest on half of the clips: their AP less "
            "that of the other images, on the other half. What is confirmed is red.",
            label="gap in AP",
            bars=[
                Bar(
                    name=test.slice.name,
                    value=test.gap,
                    high=test.upper,
                    passed=test not in weak,
                )
                for test in tested
            ],
        )
        return Evidence(charts=[chart] if tested else [], frames=frames, frames_total=len(rows))

    passing: ClassVar[Example] = Example(
        config="[dataset]\nframe-pattern = '(?P<clip>(?P<site>[^_]+)_[^_]+)_\\d+\\.jpg$'\n"
        "[rules.weak-slices]\npixels = false",
        splits={
            "val": {
                f"{site}_{clip}_{frame}.jpg": [("helmet_off", 10, 10, 30, 30)]
                for site in ("north", "south")
                for clip in range(16)
                for frame in range(4)
            }
        },
        detections={
            "val": {
                f"{site}_{clip}_{frame}.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]
                for site in ("north", "south")
                for clip in range(16)
                for frame in range(3)
            }
        },
    )
    failing: ClassVar[Example] = Example(
        config="[dataset]\nframe-pattern = '(?P<clip>(?P<site>[^_]+)_[^_]+)_\\d+\\.jpg$'\n"
        "[rules.weak-slices]\npixels = false",
        splits={
            "val": {
                f"{site}_{clip}_{frame}.jpg": [("helmet_off", 10, 10, 30, 30)]
                for site in ("north", "south")
                for clip in range(16)
                for frame in range(4)
            }
        },
        detections={
            "val": {
                f"{site}_{clip}_{frame}.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]
                for site, count in (("north", 4), ("south", 2))
                for clip in range(16)
                for frame in range(count)
            }
        },
    )


def _extent(inputs: Inputs, split: str) -> Extent:
    """The images whose brightness and sharpness are known."""
    unread = inputs.unread_images(split)
    names = inputs.dataset(split).images.file_name
    first = ", ".join(names[unread[:_NAMED]].tolist())
    what = f"{counted(len(unread), 'image')} cannot be opened, so that brightness and sharpness are"
    return Extent(
        unit="images",
        to_look_at=len(names),
        looked_at=len(names) - len(unread),
        left_out=(f"{what} not known: {first}; pixels = false leaves them out",)
        if len(unread)
        else (),
    )


def _reason(name: str, missed: NDArray[np.int64], row: int) -> str:
    return f"{name}: {missed[row]} missed"


def _missed(matches: Matches) -> NDArray[np.int64]:
    """(images,) boxes that no detection of any score matches at IoU ≥ 0.5."""
    missed = ~matches.gt_ignored & np.isnan(scores_of_boxes(matches))
    columns = matches.candidates.columns
    return np.bincount(columns.gt_image[missed], minlength=columns.n_images)


def _table(tested: Sequence[WeakSlice], weak: Sequence[WeakSlice]) -> Table:
    return Table(
        columns=[
            *("slice", "confirmed", "gap in the searched half", "gap", "upper bound", "AP"),
            *("AP of the rest", "p", "clips", "images", "boxes"),
        ],
        rows=[
            [
                test.slice.name,
                test in weak,
                round(test.found_gap, 4),
                round(test.gap, 4),
                round(test.upper, 4),
                round(test.ap, 4),
                round(test.rest, 4),
                float(f"{test.p_value:.3g}"),
                test.clips,
                test.frames,
                test.boxes,
            ]
            for test in tested
        ],
    )
