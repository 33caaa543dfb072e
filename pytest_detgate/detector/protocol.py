"""The protocol of a detector, its results, and the description of a model to load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pytest_detgate.dataset.images.options import AS_SHOWN, ImageOptions
from pytest_detgate.detections import ImageResult, ModelInfo

if TYPE_CHECKING:
    from pytest_detgate.detector.dependencies.state import Dependencies


class Detected(NamedTuple):
    """The result of a detector on one image.

    `sha256` is that of the bytes that were decoded, in case the file has changed since the request;
    empty if there are no detections.
    """

    image: Path
    sha256: str
    result: ImageResult

    def renamed(self, image: Path, sha256: str, result: ImageResult) -> Detected:
        """Return the same for another image, and as cacheable as this one."""
        return Detected(image, sha256, result)


class UncacheableDetected(Detected):
    """A result that may depend on more than the key of the model, for this `reason`."""

    reason: str = ""

    def renamed(self, image: Path, sha256: str, result: ImageResult) -> Detected:
        other = UncacheableDetected(image, sha256, result)
        other.reason = self.reason
        return other


class ProvisionalDetected(Detected):
    """A result that is valid while some files are missing: `missing` are their paths, without those
    of earlier results."""

    missing: tuple[str, ...] = ()

    def renamed(self, image: Path, sha256: str, result: ImageResult) -> Detected:
        other = ProvisionalDetected(image, sha256, result)
        other.missing = self.missing
        return other


class Detector(Protocol):
    """A loaded model: images in, detections out.

    `device` is where it runs: `cpu` or `cuda:N`, never `auto`.
    """

    info: ModelInfo
    device: str

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield the detections on each image as soon as they are known, in any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A detector, and what must be unchanged for its `ModelInfo` to be valid.

    `packages` are the distributions that run it, whose versions count, `modules` the modules whose
    code makes its detections. The gate itself sees what Python code opens, lists, imports or reads
    from the environment while the model is made. `files` are further ones, which compiled code
    opens, and `environment` further variables, with their values. `dependencies` is what the gate
    has seen.
    """

    detector: Detector
    files: tuple[Path, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    dependencies: Dependencies | None = None


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model as the user names it.

    Without `config` the configuration stored in the checkpoint is used. `trust` allows the
    checkpoint to be unpickled without restriction, which may run code. Its networks compute in
    `precision` (`float32`, `tf32`, `float16` or `bfloat16`), and `compile` passes them to
    `torch.compile`: both change numbers. `framework` is the name of the framework that runs the
    model, `entry` the function that makes it, for models that are Python code, and `options` are
    the settings of `detgate.toml` for the framework, as plain JSON values. `folder` is that of
    `detgate.toml`, in which modules of the project may be. `threads` is the number of threads of a
    model on a CPU; None if it is not set. `image_options` say how images are read: boxes are in
    pixels of the image as it is turned there.
    """

    checkpoint: Path | None
    config: Path | None = None
    trust: bool = False
    precision: str = "float32"
    compile: bool = False
    framework: str = "mmdetection"
    entry: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    threads: int | None = None
    image_options: ImageOptions = AS_SHOWN

    @property
    def name(self) -> str:
        """Name of the model in messages: its checkpoint, else its entry."""
        return str(self.checkpoint or self.entry or self.framework)
