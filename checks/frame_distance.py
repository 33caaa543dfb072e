"""The rule `frame-distance`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.counts import counted_of, part_verb
from pytest_detgate.dataset.clips.clip_maps import clip_map, neighbours
from pytest_detgate.dataset.clips.clips import near_clips
from pytest_detgate.dataset.clips.frames import FrameKey, Frames, Nearest, nearest_frames
from pytest_detgate.evidence import Evidence, Histogram, Mark
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import (
    image_findings,
    near_clip_findings,
    untold_findings,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitPairRule
from pytest_detgate.rules.options import ClipField, clip_key, require_clips
from pytest_detgate.rules.rule import OptionError, Outcome, Target

_STEPS = (0, 1, 2, 5, 10, 30, 100)


class FrameDistance(SplitPairRule, frozen=True, kw_only=True):
    """Few or no tested frames may be close to a reference frame of the same clip.

    ## What it checks

    `share` is the number of tested images at most `within` frames before or after a reference image
    of the same clip, divided by the number of tested images. `within[N]` is the same for other
    distances, `same_clip` for any distance.

    Clip and frame number are the groups `clip` and `frame` of `frame-pattern` in the file name, or
    the image fields that `clip-field` and `frame-field` name. The distance has the unit of that
    number, frames or milliseconds. An image without a frame number, because that group of the
    pattern is optional or the field is missing, is a photo. Two photos of one clip have the same
    source, distance 0.

    `unparsed` counts the images, of both splits, whose clip or number is unknown. It also counts
    tested images whose clip occurs in the reference only with images that they cannot be compared
    with (a photo with frames), or in another spelling (letter case, blanks). They could hide a
    leak, so they fail the rule unless `max-unparsed` allows them.

    ## Why it matters

    If a video is cut into frames and split at random, neighbours are in both splits. The model has
    then seen the tested image a fraction of a second earlier, and an image hash may not notice it.

    ## How to fix

    Split by clip. If one long clip has to serve both sides, cut it in two and leave out the frames
    around the cut.
    """

    code: ClassVar[str] = "frame-distance"
    measures: ClassVar[str] = "share unparsed within[FRAMES] same_clip"
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    within: Annotated[Count, Meta(description="Frames before or after that count as close.")]
    max: Annotated[Share, Meta(description="Largest share of tested images.")] = 0.0
    max_unparsed: Annotated[
        Count, Meta(description="Images with an unknown clip or frame that are allowed.")
    ] = 0
    clip_field: ClipField | None = None
    frame_field: (
        Annotated[str, Meta(description="Image field that holds the frame number, e.g. frame_id.")]
        | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_clips(project, self.clip_field)
        pattern = project.frame_pattern
        has_pattern = pattern is not None and "frame" in pattern.groupindex
        if self.frame_field is None and not has_pattern and not project.has_own_clips:
            # Raised, and not refused beside it: without clips there are no frames either.
            raise OptionError(
                "cannot tell frame numbers: give [dataset] frame-pattern a group "
                r"(?P<frame>\d+), or frame-field in this table"
            )

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        project = inputs.project
        field = self.frame_field or ("frame" if project.has_own_clips else None)
        key = FrameKey(clip_key(project, self.clip_field), project.frame_pattern, field)
        reference_name, tested_name = target.datasets
        reference, tested = (inputs.frames(name, key) for name in target.datasets)
        nearest = nearest_frames(tested, reference)
        distance = nearest.distance
        has_frame = distance >= 0
        n = len(distance)
        close = has_frame & (distance <= self.within)
        # A leak is known to be one, with any other frames of the clip in the reference.
        unknown = nearest.unknown & ~close
        spelt = near_clips(tested.clip, reference.clip)
        unparsed = len(reference.unparsed) + len(tested.unparsed) + int(unknown.sum()) + len(spelt)
        steps = _steps(self.within)
        shares = [np.count_nonzero(has_frame & (distance <= step)) / n for step in steps]
        share = int(close.sum()) / n

        listed = inputs.dataset(reference_name).images.file_name

        def unlike(row: int) -> str:
            has = "without a frame number" if tested.numbered[row] else "with frame numbers"
            return f"its clip {tested.clip[row]} is in {reference_name} too, {has}"

        def near(row: int) -> str:
            file = f"{reference_name}/{listed[nearest.row[row]]}"
            return f"{_frames(int(distance[row]))} {file} (clip {tested.clip[row]})"

        def findings() -> Iterator[Finding]:
            for name, frames in ((reference_name, reference), (tested_name, tested)):
                yield from untold_findings(
                    inputs.dataset(name), frames.unparsed, "clip or frame number"
                )
            dataset = inputs.dataset(tested_name)
            yield from image_findings(dataset, np.flatnonzero(unknown), unlike)
            yield from near_clip_findings(dataset, tested.clip.tolist(), spelt, reference_name)
            rows = np.flatnonzero(close)
            nearest_first = rows[np.argsort(distance[rows], kind="stable")]
            yield from image_findings(dataset, nearest_first, near)

        return Outcome(
            message=self._message(target.datasets, distance, close, unparsed),
            measurements=[
                Measurement.at_most("share", share, self.max),
                Measurement.at_most("unparsed", unparsed, self.max_unparsed),
                *(
                    Measurement.shown(f"within[{step}]", value)
                    for step, value in zip(steps, shares, strict=True)
                ),
                Measurement.shown("same_clip", int(nearest.same_clip.sum()) / n),
            ],
            findings=findings(),
            findings_total=unparsed + int(close.sum()),
            evidence=self._evidence(inputs, reference, tested, nearest),
        )

    def _message(
        self,
        names: tuple[str, ...],
        distance: NDArray[np.int64],
        close: NDArray[np.bool_],
        unparsed: int,
    ) -> str:
        """`distance` and `close` are (tested images,); no frame is at a negative distance."""
        reference, tested = names
        count, n = int(close.sum()), len(close)
        message = (
            f"{count} of {counted(n, f'{tested} image')} ({count / n:.1%}) "
            f"{part_verb(count, n, 'are')} within ±{counted(self.within, 'frame')} of a "
            f"{reference} frame of the same clip"
        )
        has_frame = distance >= 0
        if not has_frame.any():
            return message
        bins = _bins(distance[has_frame], _steps(self.within))
        message += f"; nearest {', '.join(f'{name}: {of_bin}' for name, of_bin in bins if of_bin)}"
        if unparsed:
            message += f"; the clip or frame of {counted(unparsed, 'image')} is unknown"
        return message

    def _evidence(
        self, inputs: Inputs, reference: Frames, tested: Frames, nearest: Nearest
    ) -> Evidence:
        """A map of the clips, the distances, and the nearest neighbours to look at."""
        reference_name, tested_name = self.between
        has_frame = nearest.distance >= 0
        close = np.flatnonzero(has_frame & (nearest.distance <= self.within))
        n = len(nearest.distance)
        if not has_frame.any():
            return Evidence()
        findings = (
            f"{counted_of(len(close), n, f'{tested_name} image', 'are')} within "
            f"{counted(self.within, 'frame')} of a {reference_name} frame of the same clip"
        )
        if len(close):
            findings += "; split by clip: `python -m pytest_detgate split`"
        steps = _steps(self.within)
        bins = dict(_bins(nearest.distance[has_frame], steps))
        chart = Histogram(
            title="Distance to the nearest frame of the same clip",
            about=f"{findings}. {counted(int(has_frame.sum()), 'image')} could be compared with a "
            "frame of the same clip.",
            label="frames",
            names=list(bins),
            counts={tested_name: list(bins.values())},
            marks=[Mark(label=f"within {self.within}", at=steps.index(self.within) + 1)],
            shares=False,
        )
        mapped = clip_map(
            self.between,
            reference,
            tested,
            nearest,
            title="Clips on both sides",
            about=f"The frames of each clip that {reference_name} and {tested_name} share. "
            f"{findings}.",
            within=self.within,
        )
        return Evidence(
            charts=[chart] if mapped is None else [mapped, chart],
            pairs=neighbours(
                inputs.dataset(tested_name), inputs.dataset(reference_name), tested, nearest, close
            ),
            pairs_total=len(close),
        )

    passing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.frame-distance]
            between = ["train", "val"]
            within = 6
            """,
        splits={"train": {"yard_1.jpg": [], "yard_2.jpg": []}, "val": {"yard_9.jpg": []}},
    )
    failing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.frame-distance]
            between = ["train", "val"]
            within = 6
            """,
        splits={"train": {"yard_1.jpg": [], "yard_2.jpg": []}, "val": {"yard_8.jpg": []}},
    )


def _frames(distance: int) -> str:
    if distance == 0:
        return "the same frame as"
    return f"{counted(distance, 'frame')} from"


def _steps(within: int) -> list[int]:
    return sorted({*_STEPS, within})


def _bins(distance: NDArray[np.int64], steps: list[int]) -> Iterator[tuple[str, int]]:
    """How many distances are in each range: `0`, `1`, `3-5`, `over 100`."""
    below = -1
    for step in steps:
        name = f"{step}" if step == below + 1 else f"{below + 1}-{step}"
        yield name, int(np.count_nonzero((distance > below) & (distance <= step)))
        below = step
    yield f"over {below}", int(np.count_nonzero(distance > below))
