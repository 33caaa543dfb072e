"""Which thresholds keep a limit on new clips, with a stated probability: Learn then Test.

A threshold that is chosen because a limit held on the clips seen breaks it on new clips in about
half of all cases. So each threshold is a hypothesis, "the risk is over its limit", and only those
that a valid p-value rejects may be chosen (Angelopoulos, Bates, Candès, Jordan and Lei, arXiv
2110.01052). Thresholds are tested in a fixed sequence, from the strictest on: at the first that is
not rejected the walk ends, so that many thresholds cost no correction. Since each risk only grows
along the sequence, it may have as many steps as there are scores.

The loss of a clip is a share from 0 to 1, and clips are independent: frames within a clip need not
be. Its mean over clips is the risk, in which each clip counts the same. P-values are the exact
binomial one where each clip has a loss of 0 or 1 by its definition, and that of Hoeffding and
Bentkus otherwise (Bates, Angelopoulos, Lei, Malik and Jordan, Journal of the ACM 2021; 68:43). With
no loss at all both are (1 - limit)^clips.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.metrics.operating_point import FalseBoxCurve

_ROUNDING = 1e-9

Shares = NDArray[np.float64]


def shares_p_values(losses: Shares, limit: float, clips: int) -> Shares:
    """Return the p-value of "the risk is over the limit" for each mean loss over clips, (n,): the
    smaller of those of Hoeffding and of Bentkus, 1 at most."""
    from scipy.special import bdtr, rel_entr

    if limit >= 1:
        return np.zeros(len(losses))
    if limit <= 0:
        return np.ones(len(losses))
    below = np.minimum(losses, limit)
    divergence = rel_entr(below, limit) + rel_entr(1 - below, 1 - limit)
    hoeffding = np.exp(-clips * divergence)
    bentkus = np.e * bdtr(np.ceil(clips * losses - _ROUNDING), clips, limit)
    smaller: Shares = np.minimum(np.minimum(hoeffding, bentkus), 1.0)
    return smaller


def failures_p_values(failures: NDArray[np.int64], limit: float, clips: int) -> Shares:
    """Return the exact binomial p-value of "more than the share `limit` of all clips fail" for each
    number of clips that fail, (n,)."""
    from scipy.special import bdtr

    if limit >= 1:
        return np.zeros(len(failures))
    values: Shares = bdtr(failures.astype(np.float64), clips, max(limit, 0.0))
    return values


def steps_certified(p_values: Shares, error: float) -> int | None:
    """Return how far the walk goes: the index of the last step before the first whose p-value is
    over the error; None where that is the very first."""
    over = np.flatnonzero(p_values > error)
    steps = int(over[0]) if len(over) else len(p_values)
    return steps - 1 if steps else None


def false_frame_losses(curve: FalseBoxCurve, units: Units) -> Shares:
    """(n + 1,) the mean over clips of the share of their frames with a false box, with none, one,
    … all of the n false boxes counted, best score first."""
    frames = np.bincount(units.of_image, minlength=units.count)
    fires = np.diff(curve.images, prepend=0)
    return _after_each(fires / (frames[units.of_image[curve.image]] * units.count))


def missed_losses(
    objects_found: NDArray[np.int64], wanted: NDArray[np.int64], units: Units
) -> tuple[Shares, int]:
    """(n + 1,) the mean over clips of the share of their boxes that is missed, with none, one, …
    all of n found boxes counted, and the number of clips with boxes. `objects_found` (n,) are the
    image rows of the boxes found, best score first, `wanted` those of all boxes."""
    unit = units.of_image[wanted]
    boxes = np.bincount(unit, minlength=units.count)
    clips = int(np.count_nonzero(boxes))
    weight = 1 / (boxes[units.of_image[objects_found]] * clips)
    return np.maximum(1 - _after_each(weight), 0.0), clips


def _after_each(step: NDArray[np.float64]) -> Shares:
    return np.concatenate([[0.0], np.cumsum(step)])
