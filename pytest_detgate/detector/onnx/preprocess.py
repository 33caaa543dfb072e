"""A picture on its way into an ONNX file, and boxes on their way back to the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.detector.onnx.settings import OnnxSettings


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the input: `scale` (x, y) from its pixels to the input's, `offset`
    (x, y) of its left upper corner there, its own `size` (width, height), and `input_size`
    (width, height)."""

    scale: tuple[float, float]
    offset: tuple[int, int]
    size: tuple[int, int]
    input_size: tuple[int, int]

    def to_picture(self, xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Corners in pixels of the input as corners in pixels of the picture, cut off at its
        border."""
        offset, scale, size = (
            np.array([*pair, *pair], np.float64) for pair in (self.offset, self.scale, self.size)
        )
        return np.clip((xyxy - offset) / scale, 0.0, size)


def decoded(content: bytes) -> NDArray[np.uint8]:
    """The pixels of a picture, (height, width, 3) in the order blue, green, red, as they are
    stored; `ValueError` where it cannot be decoded."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if picture is None:
        raise ValueError("it cannot be decoded")
    return np.asarray(picture, np.uint8)


def prepared(picture: NDArray[np.uint8], settings: OnnxSettings) -> tuple[NDArray[Any], Placement]:
    """The input for a decoded picture, a batch of one, and where the picture lies in it."""
    canvas, placement = _placed(picture, settings)
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


def _placed(
    picture: NDArray[np.uint8], settings: OnnxSettings
) -> tuple[NDArray[np.uint8], Placement]:
    height, width = picture.shape[:2]
    if settings.size is None:
        own = (width, height)
        return picture, Placement((1.0, 1.0), (0, 0), own, own)
    in_height, in_width = settings.size
    if settings.resize == "stretch":
        new_width, new_height = in_width, in_height
    else:
        ratio = min(in_height / height, in_width / width)
        new_width = min(in_width, max(1, round(width * ratio)))
        new_height = min(in_height, max(1, round(height * ratio)))
    if (new_width, new_height) != (width, height):
        picture = np.asarray(
            cv2.resize(picture, (new_width, new_height), interpolation=cv2.INTER_LINEAR), np.uint8
        )
    left, top = 0, 0
    if settings.resize == "letterbox":
        # Of an odd number of rows or columns the smaller half goes first, as in YOLO.
        left, top = (in_width - new_width) // 2, (in_height - new_height) // 2
    canvas = np.full((in_height, in_width, 3), settings.pad_value, np.uint8)
    canvas[top : top + new_height, left : left + new_width] = picture
    scale = (new_width / width, new_height / height)
    return canvas, Placement(scale, (left, top), (width, height), (in_width, in_height))
