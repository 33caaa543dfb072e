"""What the frames of a probe prove about frames like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_intervals import (
    binomial_interval,
    clustered_poisson_interval,
    poisson_interval,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProbeEvidence:
    """Intervals of what is counted on `frames` frames, at `confidence`.

    `clip` (frames,) int64 numbers the clip of each frame from 0, where the frames of a clip are
    not independent of each other; None takes each frame for a witness of its own.
    """

    frames: int
    confidence: float
    clip: NDArray[np.int64] | None = None

    @property
    def clips(self) -> int:
        """The number of clips; 0 where frames stand for themselves."""
        return 0 if self.clip is None else int(self.clip.max(initial=-1)) + 1

    def of_boxes(self, on_frame: NDArray[np.int64]) -> Interval:
        """The interval of the number of boxes, given how many are on each frame."""
        if self.clip is None:
            return poisson_interval(int(on_frame.sum()), self.confidence)
        return self._by_clips(self.clip, on_frame)

    def of_frames(self, on_frame: NDArray[np.int64]) -> Interval:
        """The interval of the number of frames with a box, given how many are on each."""
        hit = (on_frame > 0).astype(np.int64)
        if self.clip is None:
            interval = binomial_interval(int(hit.sum()), self.frames, self.confidence)
            return scaled(interval, self.frames)
        interval = self._by_clips(self.clip, hit)
        return replace(interval, high=min(interval.high, float(self.frames)))

    def _by_clips(self, clip: NDArray[np.int64], on_frame: NDArray[np.int64]) -> Interval:
        frames = np.bincount(clip, minlength=self.clips)
        counts = np.bincount(clip, on_frame, minlength=self.clips).astype(np.int64)
        return clustered_poisson_interval(counts, int(frames.max()), self.confidence)


def scaled(interval: Interval, factor: float) -> Interval:
    """The interval of a value that is `factor` times the value of this one."""
    return replace(interval, low=interval.low * factor, high=interval.high * factor)
