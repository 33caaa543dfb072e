"""Small changes of an image, which leave what is on it as it is."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from pytest_detgate.image_changes.change import Corners, ImageChange, Pixels


class Shift(ImageChange, frozen=True, tag="shift"):
    """Move the image by `dx` pixels to the right and `dy` down; its edge is repeated."""

    dx: int
    dy: int

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        rows = np.clip(np.arange(height) - self.dy, 0, height - 1)
        columns = np.clip(np.arange(width) - self.dx, 0, width - 1)
        return pixels[rows][:, columns]

    def map_back(self, corners: Corners, size: tuple[int, int]) -> Corners:
        return corners - np.array([self.dx, self.dy] * 2, dtype=np.float32)

    def visible(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        left, top = max(0, -self.dx), max(0, -self.dy)
        return left, top, size[0] - max(0, self.dx), size[1] - max(0, self.dy)

    @property
    def described(self) -> str:
        return f"shifted by {self.dx:+d} px and {self.dy:+d} px"


class Scale(ImageChange, frozen=True, tag="scale"):
    """Make everything `factor` times as large about the centre. The size of the image stays: what
    is beyond it is cut off, and around a smaller image its edge is repeated."""

    factor: float

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        (wide, left), (high, top) = self._new(width), self._new(height)
        scaled = Image.fromarray(pixels).resize((wide, high), Image.Resampling.BICUBIC)
        rows = np.clip(np.arange(height) - top, 0, high - 1)
        columns = np.clip(np.arange(width) - left, 0, wide - 1)
        return np.asarray(scaled)[rows][:, columns]

    def map_back(self, corners: Corners, size: tuple[int, int]) -> Corners:
        back = corners.copy()
        for axis, length in enumerate(size):
            new, start = self._new(length)
            back[:, axis::2] = (corners[:, axis::2] - start) * np.float32(length / new)
        return back

    def visible(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        ends = []
        for length in size:
            new, start = self._new(length)
            cut = max(0, -start) * length / new
            ends.append((cut, min(float(length), (length - start) * length / new)))
        return ends[0][0], ends[1][0], ends[0][1], ends[1][1]

    def _new(self, length: int) -> tuple[int, int]:
        """Return the new length of an axis, and where on it the changed image begins."""
        new = max(1, round(length * self.factor))
        return new, (length - new) // 2

    @property
    def described(self) -> str:
        return f"scaled by {self.factor:g}"


class Flip(ImageChange, frozen=True, tag="flip"):
    """Exchange left and right."""

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        return pixels[:, ::-1]

    def map_back(self, corners: Corners, size: tuple[int, int]) -> Corners:
        back = corners.copy()
        back[:, 0], back[:, 2] = size[0] - corners[:, 2], size[0] - corners[:, 0]
        return back

    @property
    def described(self) -> str:
        return "flipped"


class Jpeg(ImageChange, frozen=True, tag="jpeg"):
    """Encode the image as JPEG of a `quality` from 1 to 100."""

    quality: int

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        encoded = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(encoded, "JPEG", quality=self.quality)
        return np.asarray(Image.open(encoded))

    @property
    def described(self) -> str:
        return f"encoded as JPEG of quality {self.quality}"


class Brightness(ImageChange, frozen=True, tag="brightness"):
    """Multiply all values by 1 + `change`."""

    change: float

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        return _eight_bits(pixels * (1 + self.change))

    @property
    def described(self) -> str:
        return f"{abs(self.change):.0%} {'brighter' if self.change >= 0 else 'darker'}"


class Blur(ImageChange, frozen=True, tag="blur"):
    """Blur by a Gaussian with a standard deviation of `sigma` pixels."""

    sigma: float

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        sigma = (self.sigma, self.sigma, 0)
        blurred = ndimage.gaussian_filter(pixels.astype(np.float32), sigma, mode="nearest")
        return _eight_bits(blurred)

    @property
    def described(self) -> str:
        return f"blurred by {self.sigma:g} px"


def _eight_bits(values: NDArray[np.floating[Any]]) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
