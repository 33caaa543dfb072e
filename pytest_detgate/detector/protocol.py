"""What the gate expects of any detector."""

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
    """What a detector says of one image.

    `sha256` is that of the very bytes that were decoded, which need not be those that the file
    held when it was asked for; empty where there are no detections.
    """

    image: Path
    sha256: str
    result: ImageResult


class UncacheableDetected(Detected):
    """The same, where it may depend on more than is known of the model, for this `reason`."""

    reason: str = ""


class ProvisionalDetected(Detected):
    """The same, where it holds while some files are not there: `missing` are their paths, as far as
    the detector has not asked for them before."""

    missing: tuple[str, ...] = ()


class Detector(Protocol):
    """A loaded model: images in, detections out.

    `device` is where it runs: `cpu` or `cuda:N`, never `auto`.
    """

    info: ModelInfo
    device: str

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections as soon as they are known, in any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A detector, and what must stay as it is for its `ModelInfo` to hold.

    `packages` are the distributions that run it, whose versions must stay, `modules` the modules
    whose code makes its detections. What Python code opens, lists, imports or reads from the
    environment while the model is made is seen by the gate itself; `files` are further ones, which
    compiled code opens, and `environment` further variables, with what they held.
    `dependencies` is what the gate has seen.
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
    checkpoint to be unpickled without restriction, which may run code. `precision` (`float32`,
    `float16` or `bfloat16`) is what its networks compute in, `compile` hands them to
    `torch.compile`: both change numbers. `framework` is the name of what runs the model, `entry`
    the function that makes it, for models that are Python code, and `options` what `detgate.toml`
    says to the framework, as plain JSON values. `folder` is that of `detgate.toml`, where modules
    of the project may lie. `threads` is how many threads a model on a CPU may use; None where
    nobody has said. `image_options` say how images are read: boxes are in pixels of the image as
    it is turned there.
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
        """What the model is called in messages: its checkpoint, else its entry."""
        return str(self.checkpoint or self.entry or self.framework)
