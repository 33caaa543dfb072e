"""How clips may come: their sizes, and how alike the frames of one clip are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClipLaw:
    """Clips whose numbers of frames, or of boxes, are drawn from `sizes` (n,), n ≥ 1.

    Something happens on each of a clip's frames with the same chance, which differs between clips
    as a beta law does: `correlation` is that of two frames of a clip, from 0 (frames are
    independent) to 1 (a clip is good or bad as a whole). The numbers are beta-binomial.
    """

    sizes: Counts
    correlation: float

    @property
    def is_whole(self) -> bool:
        """Whether a clip is good or bad as a whole and all have one size, so that they are counted
        like coins."""
        return (self.correlation >= 1 or int(self.sizes.max()) == 1) and self.is_even

    @property
    def is_even(self) -> bool:
        """Whether all clips have one size."""
        return bool((self.sizes == self.sizes[0]).all())

    def draw(
        self, random: np.random.Generator, share: float, sets: int, clips: int
    ) -> tuple[Counts, Counts]:
        """Draw on how many frames it happens and how many frames there are, (sets, clips) each,
        where it happens on a `share` of all frames in the mean."""
        size = random.choice(self.sizes, (sets, clips))
        chance: NDArray[np.float64]
        if self.correlation <= 0 or share in (0.0, 1.0):
            chance = np.full((sets, clips), share)
        elif self.correlation >= 1:
            chance = (random.random((sets, clips)) < share).astype(np.float64)
        else:
            strength = 1 / self.correlation - 1
            chance = random.beta(share * strength, (1 - share) * strength, (sets, clips))
        return random.binomial(size, chance), size


def correlation_of(part: Counts, whole: Counts) -> float | None:
    """Return the correlation of two frames of a clip, from on how many of the frames of each clip
    something happened, (G,) each; None where it is unknown, since it happened on none or on
    all, or no clip has two frames.

    The estimator from an analysis of variance (Fleiss, Statistical Methods for Rates and
    Proportions 1981; Ridout, Demétrio and Firth, Biometrics 1999; 55:137-148), from 0 to 1.
    """
    has_objects = whole > 0
    some, size = part[has_objects].astype(np.float64), whole[has_objects].astype(np.float64)
    clips, total = len(size), float(size.sum())
    mean = float(some.sum()) / total if total else 0.0
    if clips < 2 or total == clips or not 0 < mean < 1:
        return None
    share = some / size
    between = float((size * (share - mean) ** 2).sum()) / (clips - 1)
    within = float((size * share * (1 - share)).sum()) / (total - clips)
    typical = (total - float((size**2).sum()) / total) / (clips - 1)
    return float(np.clip((between - within) / (between + (typical - 1) * within), 0.0, 1.0))
