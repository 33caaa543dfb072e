"""The choice of the clips for validation, so that both splits have like contents.

Libraries that stratify by groups (scikit-learn's StratifiedGroupKFold, iterative-stratification)
take one label for each sample, or need scikit-learn and SciPy; this is a local search over whole
clips.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STARTS = 20
# Above these, more starts and swaps of pairs would take long and gain little.
_CLIPS_TRIED = 20_000
_PAIRS_TRIED = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipCounts:
    """What each clip contains: (clips,) number of images, (clips, strata) number of each stratum,
    such as the boxes of a class or the images without any."""

    images: NDArray[np.int64]
    strata: NDArray[np.int64]


def choose_validation(counts: ClipCounts, share: float, seed: int) -> NDArray[np.bool_]:
    """Return (clips,) which of two clips or more become validation; a seed always gives the same.

    About `share` of every stratum goes to validation. A stratum of several clips is in both
    splits; one of a single clip is in the training split.
    """
    search = _Search(counts, share)
    chance = random.Random(seed)
    clips = len(counts.images)
    best: NDArray[np.bool_] = np.zeros(clips, dtype=np.bool_)
    least = np.inf
    for start in range(max(1, min(_STARTS, _CLIPS_TRIED // clips))):
        order = list(range(clips))
        chance.shuffle(order)
        if start == 0:
            order.sort(key=lambda clip: -int(counts.images[clip]))
        chosen = search.improve(search.fill(order), order)
        loss = float(search.loss(counts_of(search.columns, chosen)[None])[0])
        if loss < least:
            best, least = chosen, loss
    return best


def counts_of(columns: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (columns,) what the chosen clips contain together."""
    total: NDArray[np.int64] = columns[chosen].sum(axis=0)
    return total


class _Search:
    """The loss of a choice, and steps that lower it. Column 0 is the images."""

    def __init__(self, counts: ClipCounts, share: float) -> None:
        strata = counts.strata[:, counts.strata.any(axis=0)]
        self.columns = np.column_stack([counts.images, strata])
        self._total = self.columns.sum(axis=0)
        self._share = share
        # The size of the split has the weight of all strata together.
        self._weight = np.ones(self.columns.shape[1])
        self._weight[0] = max(1, strata.shape[1])
        self._in_several = np.count_nonzero(self.columns, axis=0) > 1

    def loss(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (n,) the loss of n choices; `chosen` (n, columns) is what each contains."""
        away = (chosen / self._total - self._share) ** 2 @ self._weight
        untrained = (chosen == self._total).sum(axis=1)
        unseen = ((chosen == 0) & self._in_several).sum(axis=1)
        without_images = (chosen[:, 0] == 0) | (chosen[:, 0] == self._total[0])
        loss: NDArray[np.float64] = away + untrained + unseen + 1e6 * without_images
        return loss

    def fill(self, order: list[int]) -> NDArray[np.bool_]:
        """Take each clip of this order that lowers the loss."""
        chosen = np.zeros(len(self.columns), dtype=np.bool_)
        content = np.zeros_like(self._total)
        for clip in order:
            both = np.stack([content, content + self.columns[clip]])
            stay, take = self.loss(both)
            if take < stay:
                chosen[clip], content = True, both[1]
        return chosen

    def improve(self, chosen: NDArray[np.bool_], order: list[int]) -> NDArray[np.bool_]:
        """Move single clips and swap pairs, the best first, until neither lowers the loss."""
        chosen = chosen.copy()
        content = counts_of(self.columns, chosen)
        least = float(self.loss(content[None])[0])
        while True:
            clips, loss = self._best_step(chosen, content, np.array(order))
            if loss >= least - 1e-12:
                return chosen
            chosen[clips] ^= True
            content, least = counts_of(self.columns, chosen), loss

    def _best_step(
        self, chosen: NDArray[np.bool_], content: NDArray[np.int64], order: NDArray[np.int64]
    ) -> tuple[list[int], float]:
        change = np.where(chosen[:, None], -self.columns, self.columns)[order]
        moved = self.loss(content + change)
        step = int(np.argmin(moved))
        best, least = [int(order[step])], float(moved[step])
        leaving, joining = order[chosen[order]], order[~chosen[order]]
        pairs = len(leaving) * len(joining)
        if 0 < pairs * self.columns.shape[1] <= _PAIRS_TRIED:
            swap = self.columns[joining][None] - self.columns[leaving][:, None]
            swapped = self.loss((content + swap).reshape(pairs, -1))
            step = int(np.argmin(swapped))
            if swapped[step] < least:
                first, second = divmod(step, len(joining))
                best, least = [int(leaving[first]), int(joining[second])], float(swapped[step])
        return best, least
