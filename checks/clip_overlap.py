"""The rule `clip-overlap`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.rule import (
    ClipField,
    Inputs,
    Outcome,
    SplitPairRule,
    Target,
    clip_key,
)


class ClipOverlap(SplitPairRule, frozen=True, kw_only=True):
    """Few or no frames of the tested split may come from clips that the reference holds too.

    ## What it checks

    `share` is the number of tested images whose clip also occurs in the reference divided by the
    number of tested images. The clip of an image is the group `clip` of `frame-pattern` in its
    file name, or the image field that `clip-field` names. `unparsed` counts the images, of both
    splits, whose clip cannot be told: they could hide a leak, so they fail the rule unless
    `max-unparsed` allows them.

    ## Why it matters

    Frames of one clip are nearly the same picture. With frames of one clip on both sides,
    validation asks the model what it was taught, and answers with a number that says nothing
    about new sites.

    ## How to mend

    Split by clip instead of by frame: move each shared clip, whole, to one side.
    """

    code: ClassVar[str] = "clip-overlap"

    max: Annotated[Share, Meta(description="Largest share of tested images.")] = 0.0
    max_unparsed: Annotated[
        Count, Meta(description="Images whose clip cannot be told that are allowed.")
    ] = 0
    clip_field: ClipField | None = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        clip_key(project, self.clip_field)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        key = clip_key(inputs.project, self.clip_field)
        reference, tested = (inputs.clips(name, key) for name in target.datasets)
        shared = set(reference.clip) & set(tested.clip) - {None}
        leaked = np.array([clip in shared for clip in tested.clip], dtype=np.bool_)
        share = float(leaked.mean())
        unparsed = len(reference.unparsed) + len(tested.unparsed)
        message = (
            f"{leaked.sum()} of {len(leaked)} {target.datasets[1]} images share a clip with "
            f"{target.datasets[0]} ({_clips(len(shared))})"
        )
        if unparsed:
            message += f"; the clip of {unparsed} images cannot be told"

        def findings() -> Iterator[Finding]:
            for name, clips in zip(target.datasets, (reference, tested), strict=True):
                images = inputs.dataset(name).images
                for row in clips.unparsed:
                    yield Finding(
                        text="its clip cannot be told",
                        dataset=name,
                        image=str(images.file_name[row]),
                    )
            for clip in sorted(shared):
                both = [int(np.sum(clips.clip == clip)) for clips in (reference, tested)]
                yield Finding(
                    text=f"clip {clip}: {both[0]} images in {target.datasets[0]}, "
                    f"{both[1]} in {target.datasets[1]}"
                )

        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("share", share, self.max),
                Measurement.at_most("unparsed", unparsed, self.max_unparsed),
                Measurement.shown("clips_shared", len(shared)),
                Measurement.shown("clips", len(set(tested.clip) - {None})),
            ],
            findings=findings(),
            findings_total=unparsed + len(shared),
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


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"
