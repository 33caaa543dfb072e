"""What the frames of a probe prove about frames like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_intervals import binomial_interval, poisson_interval
from pytest_detgate.scoring.bounds.resampling import Units, counted_units
from pytest_detgate.scoring.bounds.unseen_clip import lower_ratio


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProbeEvidence:
    """Intervals of what is counted on `frames` frames, at `confidence`.

    `clip` (frames,) int64 numbers the clip of each frame from 0, where the frames of a clip are
    not independent of each other; None takes frames to be independent. By clips an interval leaves
    room for one more clip unlike all that were seen (see `unseen_clip`), and is never narrower
    than that of independent frames, which it is where each clip has one frame. It replaces the
    interval of compound Poisson counts (Fay and Feuer, Statistics in Medicine 1997; 16:791-801),
    which is two to ten times as wide.
    """

    frames: int
    confidence: float
    clip: NDArray[np.int64] | None = None

    @property
    def clips(self) -> int:
        """The number of clips; 0 where frames stand for themselves."""
        return 0 if self.clip is None else int(self.clip.max(initial=-1)) + 1

    def of_boxes(self, on_frame: NDArray[np.int64]) -> Interval:
        """The interval of the number of boxes, given how many are on each frame.

        Nothing bounds the boxes of a frame, so the unseen clip is taken to have on each of its
        frames as many as the worst frame that was seen, and one at least.
        """
        by_frame = poisson_interval(int(on_frame.sum()), self.confidence)
        return self._by_clips(by_frame, on_frame, max(1, int(on_frame.max(initial=0))))

    def of_frames(self, on_frame: NDArray[np.int64]) -> Interval:
        """The interval of the number of frames with a box, given how many are on each."""
        hit = (on_frame > 0).astype(np.int64)
        by_frame = binomial_interval(int(hit.sum()), self.frames, self.confidence)
        return self._by_clips(scaled(by_frame, self.frames), hit, 1)

    def _by_clips(self, by_frame: Interval, on_frame: NDArray[np.int64], most: int) -> Interval:
        """Widen the interval of independent frames by what clips say; `most` is counted on each
        frame of the unseen clip."""
        if self.clip is None or self.clips == self.frames:
            return by_frame
        units = Units("clip", self.clip, self.clips)
        frames = np.bincount(self.clip, minlength=self.clips).astype(np.float64)
        counts = np.bincount(self.clip, on_frame, minlength=self.clips).astype(np.float64)
        low = lower_ratio(counts, frames, self.confidence)
        high = most - lower_ratio(most * frames - counts, frames, self.confidence)
        return replace(
            by_frame,
            low=min(by_frame.low, low * self.frames),
            high=max(by_frame.high, high * self.frames),
            method=f"exact over {counted_units(units)}, one more unlike them",
        )


def scaled(interval: Interval, factor: float) -> Interval:
    """The interval of a value that is `factor` times the value of this one."""
    return replace(interval, low=interval.low * factor, high=interval.high * factor)
