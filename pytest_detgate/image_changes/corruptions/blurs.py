"""Corruptions by blur."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage, signal

from pytest_detgate.image_changes.corruptions.noise import Image
from pytest_detgate.image_changes.corruptions.strength import strength


def defocus_blur(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Blur by a disk, as a lens out of focus does."""
    radius, alias = strength(severity, (3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
    return _convolved(image, _disk(radius, alias))


def glass_blur(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Replace pixels by near ones, as frosted glass does. The reference means to exchange them, and
    replaces them."""
    sigma, reach, rounds = strength(
        severity, (0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)
    )
    blurred = np.rint(255 * gaussian(image, sigma)) / 255
    for _ in range(rounds):
        # In passes over a grid, in which no two pixels have the same neighbour.
        for row, column in random.permutation(_grid(reach)):
            _replace(blurred, int(row), int(column), reach, random)
    return gaussian(blurred, sigma)


def motion_blur(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Blur along a line, as a camera that moves does."""
    radius, sigma = strength(severity, (10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
    return along_line(image, radius, sigma, random.uniform(-45, 45))


def zoom_blur(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Average enlargements of the image, as a camera that comes nearer does."""
    most, step = strength(
        severity, (1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)
    )
    factors = np.arange(1, most, step)
    total = image + sum(enlarged(image, float(factor)) for factor in factors)
    mean: Image = total / (len(factors) + 1)
    return mean


def gaussian(image: Image, sigma: float) -> Image:
    """Return an image blurred by a Gaussian within its rows and columns."""
    blurred: Image = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest")
    return blurred


def along_line(image: Image, radius: int, sigma: float, angle: float) -> Image:
    """Return the weighted mean of copies of an image, each a pixel further along a line; `angle`
    is in degrees."""
    width = 2 * radius + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    radians = math.radians(angle)
    point = (width * math.sin(radians), width * math.cos(radians))
    length = math.hypot(*point)
    blurred = np.zeros_like(image)
    height, width_of_image = image.shape[:2]
    padded = np.pad(image, ((width, width), (width, width), (0, 0)), mode="edge")
    for number, weight in enumerate(weights):
        dy = -math.ceil(number * point[0] / length - 0.5)
        dx = -math.ceil(number * point[1] / length - 0.5)
        if abs(dy) >= image.shape[0] or abs(dx) >= image.shape[1]:
            break  # nothing of the image is left in so small an image
        rows, columns = slice(width - dy, width - dy + height), width - dx
        blurred += weight * padded[rows, columns : columns + width_of_image]
    return blurred


def enlarged(image: Image, factor: float) -> Image:
    """Return the middle of an image, `factor` times as large, in the size of the image."""
    height, width = image.shape[:2]
    high, wide = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - high) // 2, (width - wide) // 2
    channels = [
        PillowImage.fromarray(
            image[top : top + high, left : left + wide, channel].astype(np.float32)
        ).resize((width, height), PillowImage.Resampling.BILINEAR)
        for channel in range(image.shape[2])
    ]
    return np.stack([np.asarray(channel, dtype=np.float64) for channel in channels], axis=2)


def _disk(radius: int, alias: float) -> NDArray[np.float64]:
    """Return a disk whose sum is 1, its edge blurred by a Gaussian of `alias` pixels."""
    reach = np.arange(-max(8, radius), max(8, radius) + 1)
    disk = (reach[:, None] ** 2 + reach**2 <= radius**2).astype(np.float64)
    # As in the reference, three pixels wide, and five for a large disk.
    truncate = (1 if radius <= 8 else 2) / alias
    blurred: NDArray[np.float64] = ndimage.gaussian_filter(
        disk / disk.sum(), alias, truncate=truncate, mode="mirror"
    )
    return blurred


def _convolved(image: Image, kernel: NDArray[np.float64]) -> Image:
    radius = len(kernel) // 2
    around = ((radius, radius), (radius, radius), (0, 0))
    is_line = min(image.shape[:2]) == 1
    padded = np.pad(image, around, mode="edge" if is_line else "reflect")
    convolved: Image = signal.fftconvolve(padded, kernel[:, :, None], mode="valid", axes=(0, 1))
    return convolved


def _grid(reach: int) -> NDArray[np.int64]:
    span = 2 * reach + 1
    return np.stack(np.meshgrid(np.arange(span), np.arange(span)), axis=-1).reshape(-1, 2)


def _replace(
    image: Image, first_row: int, first_column: int, reach: int, random: np.random.Generator
) -> None:
    """Replace every pixel of a grid by one at most `reach` rows and columns away."""
    height, width = image.shape[:2]
    span = 2 * reach + 1
    rows = np.arange(reach + first_row, height - reach, span)
    columns = np.arange(reach + first_column, width - reach, span)
    row, column = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    other_row = row + random.integers(-reach, reach, len(row))
    other_column = column + random.integers(-reach, reach, len(row))
    image[row, column] = image[other_row, other_column]
