"""Corruptions by weather."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pytest_detgate.image_changes.corruptions.blurs import along_line, enlarged
from pytest_detgate.image_changes.corruptions.noise import Image
from pytest_detgate.image_changes.corruptions.strength import strength

_LUMINANCE = np.array([0.299, 0.587, 0.114])


def snow(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Whiten the image, and lay flakes over it that fall aslant."""
    mean, spread, zoom, least, radius, sigma, share_left = strength(
        severity,
        (0.1, 0.3, 3.0, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2.0, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4.0, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )
    flakes = random.normal(mean, spread, (*image.shape[:2], 1))
    flakes = enlarged(flakes, zoom)
    flakes[flakes < least] = 0
    flakes = along_line(np.clip(flakes, 0, 1), radius, sigma, random.uniform(-135, -45))
    flakes = np.clip(np.rint(255 * flakes) / 255, 0, 1)
    grey = (image @ _LUMINANCE)[:, :, None]
    whitened = share_left * image + (1 - share_left) * np.maximum(image, 1.5 * grey + 0.5)
    snowed: Image = whitened + flakes + flakes[::-1, ::-1]
    return snowed


def frost(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Lay crystals of ice over the image. The reference takes them from six photos; these are
    computed, with the mean and the spread of brightness of those."""
    own, ice = strength(severity, (1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
    layer = _ice(image.shape[0], image.shape[1], random)[:, :, None] * _TINT
    frozen: Image = own * image + ice * layer
    return frozen


def fog(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Lay a cloud over the image."""
    amount, decay = strength(severity, (1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))
    highest = float(image.max())
    height, width = image.shape[:2]
    cloud = plasma(max(height, width), decay, random)[:height, :width, None]
    if highest + amount <= 0:
        return image
    return (image + amount * cloud) * highest / (highest + amount)


def plasma(side: int, decay: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return a square cloud from 0 to 1, of at least this side, by the diamond-square algorithm:
    the noise is divided by `decay` as the grid becomes finer."""
    size = 1 << max(1, int(side - 1).bit_length())
    cloud = np.zeros((size, size))
    step = size
    noise: float = 100.0

    def with_noise(total: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn: NDArray[np.float64] = total / 4 + noise * random.uniform(-noise, noise, total.shape)
        return drawn

    while step >= 2:
        half = step // 2
        corners = cloud[0:size:step, 0:size:step]
        squares = corners + np.roll(corners, -1, axis=0)
        squares = squares + np.roll(squares, -1, axis=1)
        cloud[half:size:step, half:size:step] = with_noise(squares)
        centres = cloud[half:size:step, half:size:step]
        sideways = centres + np.roll(centres, 1, axis=0)
        upright = corners + np.roll(corners, -1, axis=1)
        cloud[0:size:step, half:size:step] = with_noise(sideways + upright)
        sideways = centres + np.roll(centres, 1, axis=1)
        upright = corners + np.roll(corners, -1, axis=0)
        cloud[half:size:step, 0:size:step] = with_noise(sideways + upright)
        step, noise = half, noise / decay
    cloud -= cloud.min()
    return cloud / max(float(cloud.max()), _EVEN)


_TINT = np.array([0.94, 1.0, 1.04])
_MEAN, _SPREAD = 0.57, 0.17
_EVEN = 1e-12


def _ice(height: int, width: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the brightness of ice, (height, width) from 0 to 1: ridges of noise in four sizes,
    which look like needles, thicker in some places."""
    shape = height, width
    ridges = np.zeros(shape)
    for size in (32, 16, 8, 4):
        noise = ndimage.gaussian_filter(random.normal(size=shape), (size / 2, size / 4))
        ridges += size * np.exp(-np.abs(_standard(noise)) * 3)
    thick = ndimage.gaussian_filter(random.normal(size=shape), min(shape) / 8)
    ice: NDArray[np.float64] = _standard(ridges / 60 + _standard(thick) / 4)
    return np.clip(_MEAN + _SPREAD * ice, 0, 1)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with a mean of 0 and a standard deviation of 1; all 0 where all are equal."""
    centred: NDArray[np.float64] = values - values.mean()
    spread = float(centred.std())
    return centred / spread if spread > _EVEN else np.zeros_like(centred)
