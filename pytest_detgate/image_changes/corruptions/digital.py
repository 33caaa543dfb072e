"""Corruptions by cameras and files."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage

from pytest_detgate.image_changes.corruptions.noise import Image
from pytest_detgate.image_changes.corruptions.strength import strength


def brightness(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Raise the value of each pixel in hue, saturation and value."""
    change = strength(severity, 0.1, 0.2, 0.3, 0.4, 0.5)
    value = image.max(axis=2, keepdims=True)
    brighter = np.minimum(value + change, 1)
    scaled = image * np.divide(brighter, value, out=np.zeros_like(value), where=value > 0)
    changed: Image = np.where(value > 0, scaled, brighter)
    return changed


def contrast(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Bring all values nearer to the mean of their channel."""
    share_left = strength(severity, 0.4, 0.3, 0.2, 0.1, 0.05)
    mean = image.mean(axis=(0, 1), keepdims=True)
    nearer: Image = (image - mean) * share_left + mean
    return nearer


def elastic_transform(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Move each part of the image a little, neighbours alike."""
    alpha = strength(severity, 12.5, 16.25, 21.25, 25.0, 30.0)
    height, width = image.shape[:2]
    most, sigma = height * 0.005, (height * 0.01, width * 0.01)

    def moves() -> NDArray[np.float64]:
        drawn = random.uniform(-most, most, (height, width))
        moved: NDArray[np.float64] = alpha * ndimage.gaussian_filter(
            drawn, sigma, mode="reflect", truncate=3
        )
        return moved

    columns, rows = moves(), moves()
    positions = np.arange(height)[:, None] + rows, np.arange(width) + columns
    channels = [
        ndimage.map_coordinates(image[:, :, channel], positions, order=1, mode="reflect")
        for channel in range(image.shape[2])
    ]
    return np.stack(channels, axis=2)


def pixelate(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Reduce the image and enlarge it again, without smoothing."""
    factor = strength(severity, 0.6, 0.5, 0.4, 0.3, 0.25)
    height, width = image.shape[:2]
    small = max(1, math.floor(width * factor)), max(1, math.floor(height * factor))
    reduced = _eight_bits(image).resize(small, PillowImage.Resampling.BOX)
    return np.asarray(reduced.resize((width, height), PillowImage.Resampling.NEAREST)) / 255


def jpeg_compression(image: Image, severity: int, random: np.random.Generator) -> Image:
    """Encode the image as JPEG of a low quality."""
    encoded = io.BytesIO()
    quality = strength(severity, 25, 18, 15, 10, 7)
    _eight_bits(image).save(encoded, "JPEG", quality=quality)
    return np.asarray(PillowImage.open(encoded)) / 255


def _eight_bits(image: Image) -> PillowImage.Image:
    return PillowImage.fromarray(np.rint(255 * image).astype(np.uint8))
