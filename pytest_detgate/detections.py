"""What a detector returns of one image, and what is known of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model once it has been loaded; kept, so that it need not be loaded again.

    `key` identifies everything that decides its detections apart from the image: checkpoint
    bytes, resolved configuration, all that was looked at while it was made, the project's own code
    among it, the versions of the packages that run it, and how it computes. `sha256` is that of
    the checkpoint; of a model without one, that of what it was made from. `checkpoint` is what the
    model is called in messages.
    `score_floor` is the lowest score the model's own test settings let through: a box count at
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
    int32 indices into the model's classes.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    label: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class UnreadableImage:
    """An image that could not be decoded, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutputNotFinite:
    """An image on which a model gave NaN or infinity; `output` names what was not finite.

    Nothing is known of such an image: comparisons with NaN drop boxes, which looks like an image
    without any.
    """

    output: str


ImageResult: TypeAlias = ImageDetections | UnreadableImage | OutputNotFinite
