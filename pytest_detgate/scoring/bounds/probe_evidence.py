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
from pytest_detgate.scoring.bounds.resampling import Units, counted_units
from pytest_detgate.scoring.bounds.unseen_clip import (
    lower_ratio,
    upper_ratio,
    upper_ratio_at_most,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProbeEvidence:
    """Intervals of what is counted on `frames` frames, at `confidence`.

    `clip` (frames,) int64 numbers the clip of each frame from 0, where the frames of a clip are
    not independent of each other; None takes frames to be independent. By clips an interval leaves
    room for one more clip unlike all that were seen, and is never narrower than that of independent
    frames, which it is where each clip has one frame.

    With `copies` they are the intervals that so many times as many frames would give, all like
    these, still as numbers on `frames` frames: it tells how many are needed.
    """

    frames: int
    confidence: float
    clip: NDArray[np.int64] | None = None
    copies: float = 1.0

    @classmethod
    def of_units(cls, units: Units, confidence: float, copies: float = 1.0) -> ProbeEvidence:
        """The evidence of all frames of a split or probe, by clips where its units are clips."""
        clip = units.of_image if units.kind == "clip" else None
        return cls(frames=len(units.of_image), confidence=confidence, clip=clip, copies=copies)

    @property
    def clips(self) -> int:
        """The number of clips; 0 where each frame counts alone."""
        return 0 if self.clip is None else int(self.clip.max(initial=-1)) + 1

    def of_boxes(self, on_frame: NDArray[np.int64]) -> Interval:
        """The interval of the number of boxes, given how many are on each frame. Several boxes of
        one frame are one event that weighs as many.

        Nothing limits the boxes of a frame, so two arguments are used, and the worse bound counts.
        One more clip has on each of its frames one box more than the worst frame that was seen (see
        `unseen_clip`). And each clip that fires is one Poisson event, where one more weighs as much
        as the heaviest clip seen, and at least one box on each frame of an average clip.
        """
        by_frame = self._boxes_by_frame(on_frame)
        if self.clip is None or self.clips == self.frames:
            return by_frame
        events = self._events(self.clip, on_frame)
        by_clip = self._by_clips(self.clip, by_frame, on_frame, _one_more(on_frame))
        return replace(by_clip, high=max(by_clip.high, events))

    def boxes_at_most(self, limit: float, on_frame: NDArray[np.int64]) -> bool:
        """Whether the upper end of `of_boxes` is at most a limit, which costs a tenth of it."""
        if self._boxes_by_frame(on_frame).high > limit:
            return False
        if self.clip is None or self.clips == self.frames:
            return True
        return self._events(self.clip, on_frame) <= limit and self._clips_at_most(
            limit, self.clip, on_frame, _one_more(on_frame)
        )

    def _events(self, clip: NDArray[np.int64], on_frame: NDArray[np.int64]) -> float:
        """The upper bound where each clip that fires is one event."""
        counts = np.bincount(clip, on_frame, minlength=self.clips).astype(np.int64)
        weight = self.frames / self.clips
        several = clustered_poisson_interval(counts, weight, self.confidence, self.copies)
        return several.high / self.copies

    def _boxes_by_frame(self, on_frame: NDArray[np.int64]) -> Interval:
        if int(on_frame.max(initial=0)) <= 1:
            several = poisson_interval(self.copies * int(on_frame.sum()), self.confidence)
        else:
            several = clustered_poisson_interval(on_frame, 1, self.confidence, self.copies)
        return scaled(several, 1 / self.copies)

    def of_frames(self, on_frame: NDArray[np.int64]) -> Interval:
        """The interval of the number of frames with a box, given how many are on each."""
        hit = (on_frame > 0).astype(np.int64)
        by_frame = self._frames_by_frame(hit)
        if self.clip is None or self.clips == self.frames:
            return by_frame
        return self._by_clips(self.clip, by_frame, hit, 1)

    def frames_at_most(self, limit: float, on_frame: NDArray[np.int64]) -> bool:
        """Whether the upper end of `of_frames` is at most a limit, which costs a tenth of it."""
        hit = (on_frame > 0).astype(np.int64)
        if self._frames_by_frame(hit).high > limit:
            return False
        if self.clip is None or self.clips == self.frames:
            return True
        return self._clips_at_most(limit, self.clip, hit, 1)

    def _frames_by_frame(self, hit: NDArray[np.int64]) -> Interval:
        hits, frames = self.copies * int(hit.sum()), self.copies * self.frames
        return scaled(binomial_interval(hits, frames, self.confidence), self.frames)

    def _by_clips(
        self, clip: NDArray[np.int64], by_frame: Interval, on_frame: NDArray[np.int64], most: int
    ) -> Interval:
        """Widen the interval of independent frames by what clips say; `most` is counted on each
        frame of the unseen clip."""
        units = Units("clip", clip, self.clips)
        counts, frames = self._on_clips(clip, on_frame)
        low = lower_ratio(counts, frames, self.confidence, self.copies)
        high = upper_ratio(counts, frames, most, self.confidence, self.copies)
        return replace(
            by_frame,
            low=min(by_frame.low, low * self.frames),
            high=max(by_frame.high, high * self.frames),
            method=f"exact over {counted_units(units)}, one more unlike them",
        )

    def _clips_at_most(
        self, limit: float, clip: NDArray[np.int64], on_frame: NDArray[np.int64], most: int
    ) -> bool:
        """Whether what clips say of the upper end is at most a limit."""
        counts, frames = self._on_clips(clip, on_frame)
        return upper_ratio_at_most(
            limit, self.frames, counts, frames, most, self.confidence, self.copies
        )

    def _on_clips(
        self, clip: NDArray[np.int64], on_frame: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is counted on each clip, and the number of its frames."""
        frames = np.bincount(clip, minlength=self.clips).astype(np.float64)
        return np.bincount(clip, on_frame, minlength=self.clips).astype(np.float64), frames


def _one_more(on_frame: NDArray[np.int64]) -> int:
    """One box more than the worst frame has."""
    return int(on_frame.max(initial=0)) + 1


def scaled(interval: Interval, factor: float) -> Interval:
    """The interval of a value that is `factor` times the value of this one."""
    return replace(interval, low=interval.low * factor, high=interval.high * factor)
