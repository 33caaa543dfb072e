"""Sizes of the clips that benchmarks draw."""

from __future__ import annotations

import numpy as np

MEAN, VARIANCE = 15.0, 121.0


def clip_sizes(random: np.random.Generator, shape: int | tuple[int, int]) -> np.ndarray:
    """Frames of each clip: 5 and a negative binomial number more, 20 in the mean, SD 11."""
    return 5 + random.negative_binomial(MEAN**2 / (VARIANCE - MEAN), MEAN / VARIANCE, shape)
