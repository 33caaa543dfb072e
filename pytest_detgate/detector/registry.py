"""Frameworks by name: those of the gate, and those that installed packages register."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import msgspec

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.built_in import (
    MMDetection,
    Onnx,
    OpenVino,
    PythonEntry,
    Torchvision,
    Transformers,
)
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.devices import checked_device
from pytest_detgate.detector.framework import Framework
from pytest_detgate.detector.key_digest import key_digest
from pytest_detgate.detector.project_call import call_project
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.torch_models.model_folder import is_model_folder
from pytest_detgate.detector.validation import CheckedDetector
from pytest_detgate.errors import DetectorError, nearest

ENTRY_POINTS = "detgate.detectors"

# Raised when results are validated in another way, so that cached ones are not used.
_FORMAT = 2


_BUILT_IN: dict[str, type[Framework]] = {
    "mmdetection": MMDetection,
    "onnx": Onnx,
    "openvino": OpenVino,
    "torchvision": Torchvision,
    "transformers": Transformers,
    "python": PythonEntry,
}

_NO_WEIGHTS = (".json", ".yaml", ".yml", ".py", ".toml", ".txt", ".md")
"""Suffixes of files that are no checkpoint, and are often in the folder of one."""
_BY_SUFFIX = {".onnx": "onnx", ".xml": "openvino", ".safetensors": "transformers"}


def framework_names() -> tuple[str, ...]:
    """Return the names that `[model] framework` may have in this environment."""
    return (*_BUILT_IN, *sorted({point.name for point in _registered()} - set(_BUILT_IN)))


def is_registered(name: str) -> bool:
    """Return whether an installed package provides the framework, not the gate."""
    return name not in _BUILT_IN


def framework(name: str) -> Framework:
    """Return the framework of a name; a `DetectorError` lists them, or says why it fails."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    points = [point for point in _registered() if point.name == name]
    if not points:
        known = framework_names()
        raise DetectorError(
            f"no framework {name!r}{nearest(name, known)} (available: {', '.join(known)})"
        )
    if len({point.value for point in points}) > 1:
        raise DetectorError(
            f"the framework {name!r} is registered twice: "
            f"{' and '.join(point.value for point in points)}"
        )
    try:
        with Recorder():  # the module is imported once, for all models that it will load
            kind = points[0].load()
    except Exception as error:  # the package's own code runs
        raise DetectorError(
            f"the framework {name!r} ({points[0].value}) cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Framework)):
        raise DetectorError(
            f"the framework {name!r} ({points[0].value}) is no subclass of pytest_detgate.Framework"
        )
    try:
        made = kind()
    except Exception as error:  # the package's own code runs
        raise DetectorError(
            f"the framework {name!r} ({points[0].value}) cannot be made: "
            f"{type(error).__name__}: {error}"
        ) from error
    options: object = made.options
    if options is not None and not (
        isinstance(options, type) and issubclass(options, msgspec.Struct)
    ):
        raise DetectorError(
            f"the framework {name!r} ({points[0].value}): its options are {options!r}; expected a "
            "subclass of msgspec.Struct, or None"
        )
    return _Registered(made, points[0])


def framework_of(checkpoint: Path | None) -> str:
    """Return the framework of a checkpoint if the project does not name one; `DetectorError` for a
    file that no framework takes for one."""
    if checkpoint is None:
        return "mmdetection"
    if is_model_folder(checkpoint):
        return "transformers"
    if checkpoint.is_dir() and next(checkpoint.glob("*.xml"), None) is not None:
        return "openvino"
    suffix = checkpoint.suffix.lower()
    if suffix in _NO_WEIGHTS or (suffix == ".bin" and is_model_folder(checkpoint.parent)):
        folder = f"; name its folder, {checkpoint.parent}" * is_model_folder(checkpoint.parent)
        raise DetectorError(f"{checkpoint}: this is no checkpoint{folder}")
    return _BY_SUFFIX.get(suffix, "mmdetection")


class _Registered(Framework):
    """A framework of another package: its results are validated, and the dependencies that it
    reports are part of the key of its models, as is its own code."""

    def __init__(self, inner: Framework, point: importlib.metadata.EntryPoint) -> None:
        self._inner = inner
        self._point = point
        self.options = inner.options  # type: ignore[misc]
        self.takes_config = inner.takes_config  # type: ignore[misc]
        self.takes_precision = inner.takes_precision  # type: ignore[misc]
        self.needs_checkpoint = inner.needs_checkpoint  # type: ignore[misc]
        self.takes_every_gpu = inner.takes_every_gpu  # type: ignore[misc]

    def load(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        loaded = self._loaded(source, sha256=sha256, device=device, batch_size=batch_size)
        config = () if source.config is None else (source.config.absolute(),)
        distribution = self._point.dist
        own = () if distribution is None else (distribution.name,)
        info = loaded.detector.info
        reported = getattr(loaded.detector, "device", None)
        used_device = checked_device(reported, device, f"the framework {self._point.name!r}")
        parts = {
            "format": _FORMAT,
            "framework": self._point.name,
            "key": info.key,
            "checkpoint": sha256,
            "options": source.options,
            "upright": source.image_options.is_upright,
        }
        info = msgspec.structs.replace(info, key=key_digest(parts))
        detector = CheckedDetector(loaded.detector, info)
        detector.device = used_device
        return LoadedModel(
            detector=detector,
            files=(*loaded.files, *config),
            environment=loaded.environment,
            packages=tuple(sorted({*loaded.packages, *own})),
            modules=(*loaded.modules, type(self._inner).__module__),
        )

    def checkpoint(self, path: Path) -> Path:
        return self._inner.checkpoint(path)

    def configured(self, source: ModelSource) -> str | None:
        try:
            return self._inner.configured(source)
        except DetectorError:
            raise
        except Exception as error:  # the package's own code runs
            raise DetectorError(
                f"the framework {self._point.name!r} cannot say how {source.name} is configured: "
                f"{type(error).__name__}: {error}"
            ) from error

    def own_modules(self, source: ModelSource) -> tuple[str, ...]:
        return (*self._inner.own_modules(source), type(self._inner).__module__)

    def files(self, source: ModelSource) -> tuple[Path, ...]:
        return self._inner.files(source)

    def gpu_count(self) -> int:
        return self._inner.gpu_count()

    def _loaded(
        self, source: ModelSource, *, sha256: str, device: str, batch_size: int | None
    ) -> LoadedModel:
        name = self._point.name
        try:
            loaded: object = call_project(
                self._inner.load, source, sha256=sha256, device=device, batch_size=batch_size
            )
        except DetectorError:
            raise
        except Exception as error:  # the package's own code runs
            raise DetectorError(
                f"the framework {name!r} cannot load {source.name}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(loaded, LoadedModel):
            raise DetectorError(
                f"the framework {name!r}: load returned a {type(loaded).__name__}, expected "
                "a LoadedModel"
            )
        info = getattr(loaded.detector, "info", None)
        if not isinstance(info, ModelInfo):
            raise DetectorError(
                f"the framework {name!r}: its detector's info is a {type(info).__name__}, expected "
                "a ModelInfo"
            )
        return loaded


def _registered() -> tuple[importlib.metadata.EntryPoint, ...]:
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINTS))
