"""The chance that a model of a stated true rate passes, and the clips that it takes.

Where clips are counted like coins it is exact. Otherwise sets of clips are drawn from a law
(`clip_law`), and each is judged as the rules judge: by the bounds that leave room for an unseen
clip, or by the value alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.clip_law import ClipLaw, Counts
from pytest_detgate.scoring.bounds.exact_intervals import clustered_poisson_interval
from pytest_detgate.scoring.bounds.unseen_clip import approximate_chances, chance_of_at_most

Kind = Literal["share", "boxes"]
SEARCHED, PROMISED = 1000, 6000
"""Sets that are drawn for a step of a search, and for a chance that is printed."""
MOST_CLIPS = 20_000
_AT_ONCE = 500
_NEAR = 1.2
"""An approximate chance that is farther from the error than this factor decides."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class LimitTest:
    """A limit as a rule tests it: that something happens on at most a share of all frames, or that
    there are at most so many boxes a frame in the mean. With `by_bound` its upper bound at
    `confidence` must be within the limit, else the value seen."""

    kind: Kind
    limit: float
    confidence: float
    by_bound: bool

    def passes(self, part: Counts, whole: Counts) -> NDArray[np.bool_]:
        """(sets,) whether clips pass, from on how many of the frames of each something happened and
        how many there are, (sets, G) each."""
        passing: NDArray[np.bool_] = part.sum(axis=1) <= self.limit * whole.sum(axis=1) + _ROUNDING
        if not self.by_bound or (self.kind == "share" and self.limit >= 1):
            return passing
        passing &= self._by_frames(part.sum(axis=1), whole.sum(axis=1))
        several = whole.sum(axis=1) > whole.shape[1]
        # One frame unlike all others is covered by the exact bound of frames.
        for row in np.flatnonzero(passing & several) if self.kind == "boxes" else ():
            passing[row] = self._as_events(part[row], whole[row])
        most = np.where(part.any(axis=1), 2, 1) if self.kind == "boxes" else np.ones(len(part))
        rows = np.flatnonzero(passing & several & (most > self.limit))
        passing[rows] = self._by_clips(part[rows], whole[rows], most[rows])
        return passing

    def _by_frames(self, bad: Counts, total: Counts) -> NDArray[np.bool_]:
        """Whether the exact bound of independent frames is within the limit."""
        from scipy.special import betainc, gammainc

        shown = (
            betainc(bad + 1, total - bad, self.limit)
            if self.kind == "share"
            else gammainc(bad + 1, self.limit * total)
        )
        within: NDArray[np.bool_] = shown >= self.confidence - _ROUNDING
        return within

    def _as_events(self, part: Counts, whole: Counts) -> bool:
        weight = float(whole.mean())
        events = clustered_poisson_interval(part, weight, self.confidence)
        return events.high <= self.limit * float(whole.sum())

    def _by_clips(
        self, part: Counts, whole: Counts, most: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Whether the bound with an unseen clip is within the limit."""
        error = 1 - self.confidence
        room, frames = (most[:, None] * whole - part), whole.astype(np.float64)
        chance = approximate_chances(room, frames, most - self.limit)
        near = (chance > error / _NEAR) & (chance < error * _NEAR)
        for row in np.flatnonzero(near):
            chance[row] = chance_of_at_most(room[row], frames[row], float(most[row]) - self.limit)
        shown: NDArray[np.bool_] = chance <= error + _ROUNDING
        return shown


def chance_to_pass(
    test: LimitTest, law: ClipLaw, share: float, clips: int, sets: int = PROMISED, seed: int = 0
) -> float:
    """Return the chance that a model which fails on a true `share` of all frames passes on so many
    clips."""
    if law.is_whole:
        return _chance_of_coins(test, int(law.sizes[0]), share, clips)
    random = np.random.default_rng((seed, clips))
    drawn = 0
    for start in range(0, sets, _AT_ONCE):
        several = min(_AT_ONCE, sets - start)
        drawn += int(test.passes(*law.draw(random, share, several, clips)).sum())
    return drawn / sets


def clips_to_pass(test: LimitTest, law: ClipLaw, share: float, power: float) -> int | None:
    """Return the number of clips with which such a model passes with the chance `power`; None where
    more than `MOST_CLIPS` do not do. Drawn sets tell it to a few percent."""

    @functools.cache
    def enough(clips: int) -> bool:
        return chance_to_pass(test, law, share, clips, SEARCHED, seed=1) >= power

    if share >= test.limit:
        return None
    if law.is_whole:
        return _coins_to_pass(test, int(law.sizes[0]), share, power)
    return fewest(enough, close=0.02)


def fewest(enough: Callable[[int], bool], close: float = 0.0, start: int = 1) -> int | None:
    """Return the least number from `start` on that is enough, if more always are, to a share
    `close` of it; None where `MOST_CLIPS` are not enough."""
    low, high = start - 1, max(start, 8)
    while not enough(high):
        low, high = high, 2 * high
        if low >= MOST_CLIPS:
            return None
    while high - low > max(1, close * high):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _chance_of_coins(test: LimitTest, size: int, share: float, clips: int) -> float:
    """The chance where a clip is bad on all its frames or on none."""
    from scipy.special import bdtr

    passing = fewest(lambda bad: bad > clips or not _pass_coins(test, size, bad, clips), start=0)
    allowed = (passing or 0) - 1
    if allowed < 0:
        return 0.0
    return float(bdtr(allowed, clips, share)) if allowed < clips else 1.0


def _coins_to_pass(test: LimitTest, size: int, share: float, power: float) -> int | None:
    """The fewest clips, where they are bad as a whole or not at all: as soon as so many bad ones
    are allowed, the chance to stay within them only falls with more clips."""
    from scipy.special import bdtr

    least = 1
    for bad in range(MOST_CLIPS):
        shown = functools.partial(_pass_coins, test, size, bad)
        clips = fewest(shown, start=max(least, bad))
        if clips is None or bdtr(bad, clips, share) >= power:
            return clips
        least = clips
    return None


def _pass_coins(test: LimitTest, size: int, bad: int, clips: int) -> bool:
    """Whether clips pass of which so many are bad on all their frames."""
    part = np.where(np.arange(clips) < bad, size, 0)
    return bool(test.passes(part[None], np.full((1, clips), size))[0])
