"""A detector that runs an ONNX file in ONNX Runtime. Loading a file runs no code of it."""

from __future__ import annotations

import hashlib
import importlib
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ModelInfo, UnreadableImage
from pytest_detgate.detector.devices import check_device, device_type
from pytest_detgate.detector.image_bytes import read_image, reason_of
from pytest_detgate.detector.onnx.file import (
    read_onnx_file,
    require_no_foreign_code,
    weight_files,
)
from pytest_detgate.detector.onnx.metadata import EPOCH, Port
from pytest_detgate.detector.packages import installed_versions, quiet
from pytest_detgate.detector.protocol import Detected, LoadedModel, ModelSource
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import sha256_of_file

if TYPE_CHECKING:
    from pytest_detgate.detector.onnx.settings import OnnxSettings

# Raised when detections are made in another way, so that cached ones are not used.
_FORMAT = 3
_WORKERS = 4
_CUDA = "CUDAExecutionProvider"
_INSTALL = "pip install 'pytest-detgate[onnx]'"
OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")
"""The distributions that may provide the import name `cv2`."""
_DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", *OPENCV)


def load_model(source: ModelSource, *, sha256: str, device: str) -> LoadedModel:
    """Load an ONNX file with the settings in its metadata and in `source.options`.

    The options are the keys of `OnnxTable`. `sha256` is that of the file. A GPU is used if it is
    requested, or with `auto` if ONNX Runtime has one.
    """
    ort = _runtime()
    from pytest_detgate.detector.onnx.settings import resolve_settings

    path = source.checkpoint
    if path is None:
        raise DetectorError("an ONNX model is a file, and none is named")
    file = read_onnx_file(path)
    require_no_foreign_code(path, file)
    weights = weight_files(path, file)
    session, used_device = _session(ort, path, check_device(device), source.threads)
    settings = resolve_settings(
        path,
        source.options,
        file.metadata,
        [Port(port.name, tuple(port.shape), port.type) for port in session.get_inputs()],
        [Port(port.name, tuple(port.shape), port.type) for port in session.get_outputs()],
    )
    key = msgspec.json.encode(
        {
            "format": _FORMAT,
            "framework": "onnx",
            "checkpoint": sha256,
            "beside": [sha256_of_file(weight) for weight in weights],
            "upright": source.image_options.is_upright,
            "settings": settings,
            "versions": installed_versions(_DISTRIBUTIONS),
        }
    )
    info = ModelInfo(
        key=hashlib.sha256(key).hexdigest(),
        checkpoint=str(path),
        sha256=sha256,
        classes=settings.classes,
        score_floor=settings.score_floor,
        epoch=epoch_in(file.metadata),
    )
    detector = OnnxDetector(
        session, settings, info=info, device=used_device, image_options=source.image_options
    )
    return LoadedModel(detector=detector, files=weights, packages=_DISTRIBUTIONS)


def settings_of_file(path: Path, options: Mapping[str, Any]) -> OnnxSettings:
    """Return how images go into an ONNX file, with the keys of `[model.onnx]` as `options`."""
    ort, file = _runtime(), read_onnx_file(path)
    from pytest_detgate.detector.onnx.metadata import Port
    from pytest_detgate.detector.onnx.settings import resolve_settings

    require_no_foreign_code(path, file)
    weight_files(path, file)
    session, _ = _session(ort, path, "cpu", 1)
    ports = [
        [Port(port.name, tuple(port.shape), port.type) for port in listed]
        for listed in (session.get_inputs(), session.get_outputs())
    ]
    return resolve_settings(path, options, file.metadata, *ports)


def runs_on_gpus() -> bool:
    """Return whether ONNX Runtime is built to use GPUs."""
    return _CUDA in _runtime().get_available_providers()


@dataclass(frozen=True, slots=True)
class _Input:
    """One image, ready for the session; `problem` says why it is not."""

    image: Path
    sha256: str = ""
    values: Any = None
    placement: Any = None
    problem: str | None = None


class OnnxDetector:
    """Runs a session over images, one at a time.

    `session` has the method `run` of a session of ONNX Runtime.
    """

    def __init__(
        self,
        session: Any,
        settings: Any,
        *,
        info: ModelInfo,
        device: str,
        image_options: ImageOptions,
    ) -> None:
        self.info = info
        self.device = device
        self.model_seconds = 0.0
        """Seconds spent in the session so far."""
        self._session = session
        self._settings = settings
        self._image_options = image_options

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections, in order; threads read images ahead of the session."""
        n_workers = max(1, min(_WORKERS, os.cpu_count() or 1))
        ahead: deque[Future[_Input]] = deque()
        with ThreadPoolExecutor(n_workers) as pool:
            try:
                for image in images:
                    ahead.append(pool.submit(self._prepare, image))
                    if len(ahead) > 2 * n_workers:
                        yield self._detected(ahead.popleft().result())
                while ahead:
                    yield self._detected(ahead.popleft().result())
            finally:
                for waiting in ahead:
                    waiting.cancel()

    def in_turn(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield detections one by one; an image is read when they are requested."""
        for image in images:
            yield self._detected(self._prepare(image))

    def _prepare(self, image: Path) -> _Input:
        from pytest_detgate.detector.onnx.preprocess import decode_image, prepare_input

        try:
            content, upright = read_image(str(image), self._image_options)
            pixels = decode_image(upright)
        except Exception as error:  # each decoder has its own errors
            return _Input(image, problem=reason_of(error))
        values, placement = prepare_input(pixels, self._settings)
        return _Input(image, hashlib.sha256(content).hexdigest(), values, placement)

    def _detected(self, prepared: _Input) -> Detected:
        from pytest_detgate.detector.onnx.decode import decode_outputs

        image = prepared.image
        if prepared.problem is not None:
            return Detected(image, "", UnreadableImage(prepared.problem))
        inputs = {self._settings.input: prepared.values}
        started = time.perf_counter()
        try:
            outputs = self._session.run(list(self._settings.outputs), inputs)
        except Exception as error:  # ONNX Runtime has an exception class for each kind of failure
            raise DetectorError(f"the model fails on {image}: {_first_line(error)}") from error
        self.model_seconds += time.perf_counter() - started
        result = decode_outputs(outputs, self._settings, prepared.placement, image)
        return Detected(image, prepared.sha256, result)


def _runtime() -> Any:
    for name in ("onnxruntime", "cv2"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise DetectorError(
                f"{name} is not installed, and running an ONNX file needs it: {_INSTALL}"
            ) from error
        except Exception as error:
            raise DetectorError(
                f"{name} is installed but cannot be imported ({type(error).__name__}: {error}); "
                f"{_INSTALL}"
            ) from error
    ort = importlib.import_module("onnxruntime")
    ort.disable_telemetry_events()  # only builds for Windows have any
    return ort


def _session(ort: Any, path: Path, device: str, threads: int | None) -> tuple[Any, str]:
    number = int(device.partition(":")[2] or 0)
    has_cuda = _CUDA in ort.get_available_providers()
    if device_type(device) == "cuda" and not has_cuda:
        raise DetectorError(
            f"device {device!r}: this ONNX Runtime is built without CUDA; install onnxruntime-gpu "
            "in its place, or ask for --detgate-device=cpu"
        )
    # Only these two: others, such as that of Azure, may send data to other machines.
    providers: list[Any] = ["CPUExecutionProvider"]
    if device != "cpu" and has_cuda:
        # A search that measures algorithms would choose another one from run to run.
        options = {"device_id": number, "cudnn_conv_algo_search": "HEURISTIC"}
        providers.insert(0, (_CUDA, options))
    session = _open(ort, path, providers, threads)
    if device_type(device) == "cuda" and len(session.get_providers()) < 2:
        raise DetectorError(f"device {device!r}: ONNX Runtime cannot use it")
    return session, f"cuda:{number}" if len(session.get_providers()) > 1 else "cpu"


def _open(ort: Any, path: Path, providers: list[Any], threads: int | None) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    # Threads that wait by spinning slow everything down if another process uses a core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        with quiet():  # it prints which provider it falls back to
            return ort.InferenceSession(str(path), sess_options=options, providers=providers)
    except Exception as error:  # ONNX Runtime has an exception class for each kind of failure
        raise DetectorError(
            f"{path}: ONNX Runtime {ort.__version__} cannot load it: {_first_line(error)}"
        ) from error


def epoch_in(metadata: Mapping[str, str]) -> int | None:
    """Return the number of epochs that the model was trained for, if its metadata has it."""
    text = metadata.get(EPOCH)
    # Nobody trains for a billion epochs; Python reads no number of thousands of digits.
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
