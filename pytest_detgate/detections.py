"""The detections on one image, and the description of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a loaded model; it is cached, so that the model need not be loaded again.

    `key` identifies everything that decides its detections apart from the image: the bytes of the
    checkpoint, the resolved configuration, everything that was accessed while it was made, the code
    of the project included, the versions of the packages that run it, and how it computes.
    `sha256` is that of the checkpoint, or without one that of its dependencies. `checkpoint` is its
    name in messages. `score_floor` is the lowest score that its test settings keep: a box count at
    an operating point below it would be wrong.
    """

    key: str
    checkpoint: str
    sha256: str
    classes: tuple[str, ...]
    score_floor: float
    epoch: int | None = None
    config: str | None = None


@dataclass(frozen=True, slots=True)
class ImageDetections:
    """The detections on one image, best score first.

    `xyxy` is (n, 4) float32 corners in pixels of the original image, turned as its EXIF
    orientation says unless `exif = "ignore"` under `[dataset]`, `score` (n,) float32, `label` (n,)
    int32 indices into the model's classes. `size` (width, height) is that of the image at whose
    edges the boxes are still to be cut: before that they show whether they are read in the form
    that the model gives. It is None where they stay as they are.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    label: NDArray[np.int32]
    size: tuple[int, int] | None = None

    def cut(self) -> ImageDetections:
        """Return the same with the boxes cut at the edges of the image."""
        if self.size is None:
            return self
        edges = np.array([*self.size, *self.size], np.float32)
        return ImageDetections(np.clip(self.xyxy, 0, edges), self.score, self.label)


@dataclass(frozen=True, slots=True)
class UnreadableImage:
    """An image that could not be decoded, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutputNotFinite:
    """An image on which a model gave NaN or infinity; `output` names the output that did.

    Its detections are unknown: comparisons with NaN drop boxes, so that the image would seem to
    have none.
    """

    output: str


ImageResult: TypeAlias = ImageDetections | UnreadableImage | OutputNotFinite
