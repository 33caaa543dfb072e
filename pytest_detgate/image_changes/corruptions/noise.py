"""Corruptions by noise. Images are (height, width, 3) float64 from 0 to 1.

Strengths are those of Hendrycks and Dietterich (ICLR 2019, arXiv 1903.12261), as Michaelis et al.
(arXiv 1907.07484) use them for detection; so in all modules of this package.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.image_changes.corruptions.strength import strength

Image = NDArray[np.float64]


def gaussian_noise(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Add normal noise, as of a sensor in the dark."""
    scale = strength(severity, 0.08, 0.12, 0.18, 0.26, 0.38)
    return image + random.normal(scale=scale, size=image.shape)


def shot_noise(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Draw each value from the Poisson distribution of so many photons."""
    photons = strength(severity, 60, 25, 12, 5, 3)
    return random.poisson(image * photons) / photons


def impulse_noise(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Set some values to black or white."""
    amount = strength(severity, 0.03, 0.06, 0.09, 0.17, 0.27)
    is_set, is_white = random.random(image.shape) < amount, random.random(image.shape) < 0.5
    return np.where(is_set, is_white.astype(np.float64), image)
