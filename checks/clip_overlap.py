"""The rule `clip-overlap`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.counts import counted_of
from pytest_detgate.dataset.clips.clips import near_clips
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.clips import images_by_clip, shared_clips_evidence
from pytest_detgate.rule_evidence.findings import near_clip_findings, untold_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitPairRule
from pytest_detgate.rules.options import ClipField, clip_key, require_clips
from pytest_detgate.rules.rule import Outcome, Target


class ClipOverlap(SplitPairRule, frozen=True, kw_only=True):
    """Few or no frames of the tested split may come from clips of the reference split.

    ## What it checks

    `share` is the number of tested images whose clip also occurs in the reference split, divided by
    the number of tested images. The clip of an image is the group `clip` of `frame-pattern` in its
    file name, or the image field that `clip-field` names. `unparsed` counts the images, of both
    splits, whose clip is unknown. They could hide a leak, so they fail the rule unless
    `max-unparsed` allows them. A tested clip whose name differs from one of the reference only in
    letter case or blanks counts as unknown too.

    ## Why it matters

    Frames of one clip are nearly the same image. If both splits have frames of one clip, validation
    asks the model what it was taught, and the result says nothing about new sites.

    ## How to fix

    Split by clip instead of by frame (`python -m pytest_detgate split`): move each shared clip, as
    a whole, to one side.
    """

    code: ClassVar[str] = "clip-overlap"
    measures: ClassVar[str] = "share unparsed clips_shared clips"
    safe_because: ClassVar[str | None] = (
        "It is on only with a `frame-pattern`, and a clip in two splits is a leak on any data."
    )
    never_accepted: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    max: Annotated[Share, Meta(description="Largest share of tested images.")] = 0.0
    max_unparsed: Annotated[
        Count, Meta(description="Images with an unknown clip that are allowed.")
    ] = 0
    clip_field: ClipField | None = None

    @classmethod
    def recommended_tables(cls, project: Project) -> Iterator[dict[str, Any]]:
        if project.frame_pattern is not None:
            yield from super().recommended_tables(project)

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_clips(project, self.clip_field)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        key = clip_key(inputs.project, self.clip_field)
        reference, tested = (inputs.clips(name, key) for name in target.datasets)
        images = [images_by_clip(clips) for clips in (reference, tested)]
        shared = images[0].keys() & images[1].keys()
        leaked = sum(images[1][clip] for clip in shared)
        n = len(tested.clip)
        near = near_clips(tested.clip, reference.clip)
        unparsed = len(reference.unparsed) + len(tested.unparsed) + len(near)
        message = (
            f"{counted_of(leaked, n, f'{target.datasets[1]} image', 'share')} a "
            f"clip with {target.datasets[0]} ({counted(len(shared), 'clip')})"
        )
        if unparsed:
            message += f"; the clip of {counted(unparsed, 'image')} is unknown"

        def findings() -> Iterator[Finding]:
            for name, clips in zip(target.datasets, (reference, tested), strict=True):
                yield from untold_findings(inputs.dataset(name), clips.unparsed, "clip")
            yield from near_clip_findings(
                inputs.dataset(target.datasets[1]), tested.clip.tolist(), near, target.datasets[0]
            )
            for clip in sorted(shared, key=lambda clip: (-images[1][clip], clip)):
                yield Finding(
                    text=f"clip {clip}: {counted(images[0][clip], 'image')} in "
                    f"{target.datasets[0]}, {images[1][clip]} in {target.datasets[1]}"
                )

        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("share", leaked / n, self.max),
                Measurement.at_most("unparsed", unparsed, self.max_unparsed),
                Measurement.shown("clips_shared", len(shared)),
                Measurement.shown("clips", len(images[1])),
            ],
            findings=findings(),
            findings_total=unparsed + len(shared),
            evidence=(
                shared_clips_evidence(
                    inputs,
                    self.between,
                    key,
                    title="Clips on both sides",
                    about=f"{counted_of(leaked, n, f'{target.datasets[1]} image', 'come')} "
                    f"from a clip that {target.datasets[0]} has too; "
                    "split by clip: `python -m pytest_detgate split`.",
                )
                if shared
                else Evidence()
            ),
        )

    passing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.clip-overlap]
            between = ["train", "val"]
            """,
        splits={"train": {"yard_1.jpg": [], "yard_2.jpg": []}, "val": {"roof_1.jpg": []}},
    )
    failing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.clip-overlap]
            between = ["train", "val"]
            """,
        splits={"train": {"yard_1.jpg": [], "roof_2.jpg": []}, "val": {"roof_1.jpg": []}},
    )
