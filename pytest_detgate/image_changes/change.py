"""The base class of changes of an image."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) red, green and blue."""
Corners: TypeAlias = NDArray[np.float32]
"""(n, 4) left, top, right and bottom in pixels."""

# Raised when a change makes other pixels, so that earlier detections are not used.
_FORMAT = 1
# Their versions may decide the last digit of a pixel.
_LIBRARIES = ("numpy", "pillow", "scipy")


class ImageChange(msgspec.Struct, frozen=True, tag=True):
    """A change of an image that keeps its size; the fields of a subclass say how strong it is.

    A change that draws random numbers draws the same ones for the same image each time.
    """

    def apply(self, pixels: Pixels, random: np.random.Generator) -> Pixels:
        """Return the changed image, of the same shape."""
        raise NotImplementedError

    def map_back(self, corners: Corners, size: tuple[int, int]) -> Corners:
        """Return boxes on the changed image as boxes on the original of this width and height."""
        return corners

    def visible(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of the part of the original, of this width and
        height, that the changed image shows."""
        return 0.0, 0.0, float(size[0]), float(size[1])

    @property
    def described(self) -> str:
        """What the change does, for messages: `shifted by 4 px`."""
        raise NotImplementedError

    @property
    def key(self) -> str:
        """Everything that decides the changed pixels apart from the image."""
        return msgspec.json.encode([_FORMAT, self, _versions()]).decode()

    def digest(self, sha256: str) -> str:
        """Return the digest of the changed image, from that of the original."""
        return hashlib.sha256(f"{self.key}\0{sha256}".encode()).hexdigest()

    def generator(self, sha256: str) -> np.random.Generator:
        """Return the random numbers for the image with this digest, the same with any library."""
        text = f"{msgspec.json.encode(self).decode()}\0{sha256}"
        return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


@functools.cache
def _versions() -> tuple[str, ...]:
    return tuple(importlib.metadata.version(name) for name in _LIBRARIES)
