"""The rule `negative-diversity`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count
from pytest_detgate.counts import verb
from pytest_detgate.dataset.clips.clips import field_values
from pytest_detgate.dataset.keys import keys, near_key
from pytest_detgate.evidence import BARS, Bar, BarChart, Chart, Evidence, left_out
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.options import ClipField, require_limit
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations


class NegativeDiversity(SplitRule, frozen=True, kw_only=True):
    """Images with nothing to detect must come from enough clips and sites.

    ## What it checks

    `clips` and `sites` count the different clips and sites of the images without any annotation
    (`images`). The clip of an image is the group `clip` of `frame-pattern` in its file name, or the
    image field that `clip-field` names. Its site is the group `site`, or the field of `site-field`.
    An image whose clip or site is unknown (`unparsed`) adds nothing. Names that differ only in
    letter case or blanks count as one.

    ## Why it matters

    Ten thousand empty frames of one camera show one background. The model learns that background,
    and `empty-gt-share` passes, but everywhere else the detector still fires at nothing.

    ## How to fix

    Add frames with nothing to detect from other clips and sites, rather than more of the same.
    """

    code: ClassVar[str] = "negative-diversity"
    measures: ClassVar[str] = "clips sites images unparsed"
    ignored_gaps: ClassVar[frozenset[GapKind]] = frozenset({"unlisted-class", "boxes-not-finite"})

    min_clips: Annotated[Count, Meta(description="Smallest number of clips.")] | None = None
    min_sites: Annotated[Count, Meta(description="Smallest number of sites.")] | None = None
    clip_field: ClipField | None = None
    site_field: (
        Annotated[str, Meta(description="Image field that holds the site, e.g. camera.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "min-clips", "min-sites")
        pattern = project.frame_pattern
        groups = () if pattern is None else tuple(pattern.groupindex)
        for what, least, field in (
            ("clip", self.min_clips, self.clip_field),
            ("site", self.min_sites, self.site_field),
        ):
            if least is not None and field is None and what not in groups:
                refuse(
                    OptionError(
                        f"cannot tell {what}s: give [dataset] frame-pattern with a group "
                        f"(?P<{what}>...), or {what}-field in this table"
                    )
                )

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = inputs.dataset(target.datasets[0])
        rows = dataset.empty_images()
        counts, notes, unparsed = [], [], np.zeros(len(rows), dtype=np.bool_)
        findings: list[Finding] = []
        charts: list[Chart] = []
        for what, least, field in (
            ("clip", self.min_clips, self.clip_field),
            ("site", self.min_sites, self.site_field),
        ):
            if least is None:
                continue
            if field is not None:
                values = _of_field(inputs, dataset.name, rows, field, f"{what}-field")
            else:
                values = _in_names(inputs, dataset.name, rows, what)
            unparsed |= np.array([value is None for value in values], dtype=np.bool_)
            images = _by_source(values)
            several = sorted(images)
            if several:
                charts.append(_chart(what, images, least))
            counts.append(Measurement.at_least(f"{what}s", len(several), least))
            notes.append(counted(len(several), what))
            if len(several) < least:
                findings += [
                    Finding(text=f"{what} {value}", dataset=dataset.name) for value in several
                ]
        message = f"{counted(len(rows), 'image')} without annotation, of {' and '.join(notes)}"
        n_unparsed = int(unparsed.sum())
        if n_unparsed:
            message += f"; where {n_unparsed} of them come from is unknown"
        return Outcome(
            message=message,
            measurements=[
                *counts,
                Measurement.shown("images", len(rows)),
                Measurement.shown("unparsed", n_unparsed),
            ],
            findings=findings,
            evidence=Evidence(charts=charts),
        )

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import InExpectations, of_table, where

        limits = [
            (self.clip_field or "clip", self.min_clips),
            (self.site_field or "site", self.min_sites),
        ]
        return InExpectations(
            expectations=[
                of_table(
                    "images",
                    "expect_column_unique_value_count_to_be_between",
                    column=column,
                    min_value=least,
                    row_condition=where("empty", "==", True),
                )
                for column, least in limits
                if least
            ],
            lacks="names that differ only in letter case as one",
        )

    passing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.negative-diversity]
            min-clips = 2
            """,
        splits={"train": {"yard_1.jpg": [], "roof_1.jpg": []}},
    )
    failing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<site>[^/]+)/(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.negative-diversity]
            min-clips = 2
            min-sites = 2
            """,
        splits={"train": {"north/yard_1.jpg": [], "north/roof_1.jpg": []}},
    )


def _by_source(values: Sequence[str | None]) -> Counter[str]:
    """How many images come from each clip or site. Names that differ only in letter case or blanks
    count as one, since they may be."""
    images: Counter[str] = Counter()
    first: dict[str, str] = {}
    for value, count in Counter(values).items():
        if value is not None:
            images[first.setdefault(near_key(value), value)] += count
    return images


def _of_field(
    inputs: Inputs, name: str, rows: NDArray[np.int64], field: str, option: str
) -> list[str | None]:
    """What an image field says of some images, None where it says nothing."""
    values = field_values(inputs.images_with(name, field), field, option)
    return keys([values[row] for row in rows])


def _in_names(inputs: Inputs, name: str, rows: NDArray[np.int64], group: str) -> list[str | None]:
    """What the file names of some images say of their clip or site."""
    pattern = inputs.project.frame_pattern
    assert pattern is not None
    values = inputs.name_groups(name, pattern)[group]
    return keys([values[row] for row in rows.tolist()])


def _chart(what: str, images: Counter[str], least: int) -> BarChart:
    """Where the images without annotation come from, the most frequent first."""
    ranked = sorted(images, key=lambda value: (-images[value], value))
    total, top = images.total(), ranked[0]
    about = (
        f"{counted(total, 'image')} without annotation {verb(total, 'come')} from "
        f"{counted(len(images), what)}, at least {least} {verb(least, 'are')} asked for; {top} "
        f"has {images[top]} of them ({images[top] / total:.1%})."
    )
    if len(images) < least:
        about += f" Add frames with nothing to detect from other {what}s."
    return BarChart(
        title=f"Images without annotation by {what}",
        about=about + left_out(len(images), BARS, "with most images", f"{what}s"),
        label="images without annotation",
        bars=[Bar(name=value, value=images[value]) for value in ranked[:BARS]],
    )
