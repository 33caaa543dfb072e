"""Preparation of images for an ONNX file, and mapping of boxes back to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.detector.onnx.settings import OnnxSettings


@dataclass(frozen=True, slots=True)
class Placement:
    """Position of an image in the input of the model.

    `scale` (x, y) is from pixels of the image to those of the input, `offset` (x, y) that of its
    upper left corner there, `size` (width, height) that of the image, `input_size` (width, height)
    that of the input.
    """

    scale: tuple[float, float]
    offset: tuple[int, int]
    size: tuple[int, int]
    input_size: tuple[int, int]

    def to_image(self, xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert corners (n, 4) from the input to the image, beyond whose edges they may be."""
        offset, scale = (np.array([*pair, *pair], np.float64) for pair in (self.offset, self.scale))
        return (xyxy - offset) / scale


def decode_image(content: bytes) -> NDArray[np.uint8]:
    """Decode an image to (height, width, 3) in the order blue, green, red, as it is stored.

    `ValueError` if it cannot be decoded.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise ValueError("it cannot be decoded")
    return np.asarray(pixels, np.uint8)


def prepare_input(
    pixels: NDArray[np.uint8], settings: OnnxSettings
) -> tuple[NDArray[Any], Placement]:
    """Make the input of a decoded image, a batch of one, and return its placement there."""
    canvas, placement = _fit(pixels, settings)
    if settings.channel_order == "rgb":
        canvas = canvas[..., ::-1]
    if settings.dtype == "uint8" and _is_plain(settings):
        values: NDArray[Any] = canvas
    else:
        mean, std = (np.array(part, np.float32) for part in (settings.mean, settings.std))
        values = (canvas.astype(np.float32) / np.float32(settings.divide_by) - mean) / std
    if settings.channels_first:
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None], dtype=settings.dtype), placement


def _is_plain(settings: OnnxSettings) -> bool:
    return settings.divide_by == 1 and not any(settings.mean) and set(settings.std) == {1.0}


def _fit(pixels: NDArray[np.uint8], settings: OnnxSettings) -> tuple[NDArray[np.uint8], Placement]:
    height, width = pixels.shape[:2]
    if settings.size is None:
        size = (width, height)
        return pixels, Placement((1.0, 1.0), (0, 0), size, size)
    in_height, in_width = settings.size
    if settings.resize == "stretch":
        new_width, new_height = in_width, in_height
    else:
        ratio = min(in_height / height, in_width / width)
        new_width = min(in_width, max(1, round(width * ratio)))
        new_height = min(in_height, max(1, round(height * ratio)))
    if (new_width, new_height) != (width, height):
        pixels = np.asarray(
            cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_LINEAR), np.uint8
        )
    left, top = 0, 0
    if settings.resize == "letterbox":
        # Of an odd number of rows or columns, the smaller half comes first, as in YOLO.
        left, top = (in_width - new_width) // 2, (in_height - new_height) // 2
    canvas = np.full((in_height, in_width, 3), settings.pad_value, np.uint8)
    canvas[top : top + new_height, left : left + new_width] = pixels
    scale = (new_width / width, new_height / height)
    return canvas, Placement(scale, (left, top), (width, height), (in_width, in_height))
