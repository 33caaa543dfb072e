"""Corruptions of images by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from pytest_detgate.image_changes.change import ImageChange, Pixels
from pytest_detgate.image_changes.corruptions import blurs, digital, noise, weather

CorruptionName = Literal[
    "gaussian-noise",
    "shot-noise",
    "impulse-noise",
    "defocus-blur",
    "glass-blur",
    "motion-blur",
    "zoom-blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic-transform",
    "pixelate",
    "jpeg-compression",
]
CORRUPTIONS: tuple[CorruptionName, ...] = get_args(CorruptionName)
"""All of them, in the order of the reference."""

_Apply = Callable[[noise.Image, int, np.random.Generator], noise.Image]
_FUNCTIONS: dict[CorruptionName, _Apply] = {
    "gaussian-noise": noise.gaussian_noise,
    "shot-noise": noise.shot_noise,
    "impulse-noise": noise.impulse_noise,
    "defocus-blur": blurs.defocus_blur,
    "glass-blur": blurs.glass_blur,
    "motion-blur": blurs.motion_blur,
    "zoom-blur": blurs.zoom_blur,
    "snow": weather.snow,
    "frost": weather.frost,
    "fog": weather.fog,
    "brightness": digital.brightness,
    "contrast": digital.contrast,
    "elastic-transform": digital.elastic_transform,
    "pixelate": digital.pixelate,
    "jpeg-compression": digital.jpeg_compression,
}


class Corruption(ImageChange, frozen=True, tag="corruption"):
    """A corruption with a severity from 1 to 5. Boxes stay where they are."""

    name: CorruptionName
    severity: int

    @property
    def described(self) -> str:
        return f"{self.name} of severity {self.severity}"

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        corrupted = _FUNCTIONS[self.name](pixels / 255, self.severity, random)
        return np.clip(np.rint(255 * corrupted), 0, 255).astype(np.uint8)
