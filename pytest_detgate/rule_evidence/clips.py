"""What is to be seen of clips that two tables share."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.clip_maps import (
    NEIGHBOURS_CAP,
    clip_histogram,
    clip_map,
    neighbours,
    without_numbers,
)
from pytest_detgate.dataset.clips.clips import ClipKey, Clips
from pytest_detgate.dataset.clips.frames import FrameKey, nearest_frames
from pytest_detgate.evidence import Chart, Evidence
from pytest_detgate.inputs.inputs import Inputs


def shared_clips_evidence(
    inputs: Inputs,
    between: tuple[str, str],
    key: ClipKey,
    *,
    title: str,
    about: str,
    rows: NDArray[np.int64] | None = None,
    pairs: int = NEIGHBOURS_CAP,
) -> Evidence:
    """A chart of the clips that both the first and the second table hold, and up to `pairs` of
    the tested `rows`, or of all, beside a frame of their clip in the first one.

    The chart is a map of frames where file names tell frame numbers, else the images by clip.
    `Evidence.pairs_total` counts the rows that have such a frame.
    """
    pattern = inputs.project.frame_pattern
    numbered = pattern is not None and "frame" in pattern.groupindex
    clips = [inputs.clips(name, key) for name in between]
    reference, tested = (
        inputs.frames(name, FrameKey(key, pattern)) if numbered else without_numbers(of_table)
        for name, of_table in zip(between, clips, strict=True)
    )
    nearest = nearest_frames(tested, reference)
    chart: Chart | None = None
    if numbered:
        chart = clip_map(between, reference, tested, nearest, title=title, about=about)
    if chart is None:
        chart = clip_histogram(
            between,
            *map(images_by_clip, clips),
            title=title,
            about=f"{about} Frame numbers are unknown, so images are counted by clip.",
        )
    paired = np.flatnonzero(nearest.row >= 0)
    if rows is not None:
        paired = np.intersect1d(paired, rows)
    return Evidence(
        charts=[chart],
        pairs=neighbours(
            inputs.dataset(between[1]),
            inputs.dataset(between[0]),
            tested,
            nearest,
            paired,
            pairs,
        ),
        pairs_total=len(paired),
    )


def images_by_clip(clips: Clips) -> Counter[str]:
    """How many images each clip has; those whose clip is unknown are left out."""
    images = Counter(clips.clip.tolist())
    images.pop(None, None)
    return images
