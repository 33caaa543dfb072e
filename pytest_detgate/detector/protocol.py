"""What the gate expects of any detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model once it has been loaded; kept, so that it need not be loaded again.

    `key` identifies everything that decides its detections apart from the image: checkpoint
    bytes, resolved configuration, the project's own code it is built from, the versions of the
    packages that run it, and how it computes.
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

    `xyxy` is (n, 4) float32 corners in pixels of the original image, `score` (n,) float32,
    `label` (n,) int32 indices into the model's classes.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    label: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class UnreadableImage:
    """An image that could not be decoded, and why."""

    reason: str


class Detected(NamedTuple):
    """What a detector says of one image.

    `sha256` is that of the very bytes that were decoded, which need not be those that the file
    held when it was asked for; empty where they could not be decoded.
    """

    image: Path
    sha256: str
    result: ImageDetections | UnreadableImage


class Detector(Protocol):
    """A loaded model: images in, detections out."""

    info: ModelInfo
    device: str

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections as soon as they are known, in any order."""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as the user names it.

    Without `config` the configuration stored in the checkpoint is used. `trust` allows the
    checkpoint to be unpickled without restriction, which may run code. `precision` (`float32`,
    `float16` or `bfloat16`) is what its networks compute in, `compile` hands them to
    `torch.compile`: both change numbers.
    """

    checkpoint: Path
    config: Path | None = None
    trust: bool = False
    precision: str = "float32"
    compile: bool = False
