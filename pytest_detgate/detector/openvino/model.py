"""A detector that runs a model of OpenVINO, with the settings of `OnnxTable`."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.devices import check_device, device_type
from pytest_detgate.detector.loading_limits.wall import loading_wall
from pytest_detgate.detector.onnx.metadata import METADATA_PREFIX, Port
from pytest_detgate.detector.onnx.model import OPENCV, OnnxDetector, epoch_in
from pytest_detgate.detector.openvino.files import (
    metadata_file,
    read_metadata_file,
    require_network,
    weights_beside,
)
from pytest_detgate.detector.packages import installed_versions, quiet, require_packages
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import sha256_of_file

# Raised when detections are made in another way, so that cached ones are not used.
_FORMAT = 2
_DISTRIBUTIONS = ("openvino", *OPENCV)
# The names that ONNX Runtime has for types of inputs and outputs.
_TYPES = {
    **{"f32": "tensor(float)", "f16": "tensor(float16)", "f64": "tensor(double)"},
    **{"bf16": "tensor(bfloat16)", "u8": "tensor(uint8)"},
}


def load_model(source: ModelSource, *, sha256: str, device: str) -> LoadedModel:
    """Load a model with the settings in its metadata and in `source.options`.

    It runs on the CPU, in float32. `sha256` is that of the `.xml` file.
    """
    require_packages(("openvino", "cv2"), what="running a model of OpenVINO", extra="openvino")
    from pytest_detgate.detector.onnx.settings import resolve_settings

    path = source.checkpoint
    if path is None:
        raise DetectorError("a model of OpenVINO is a file, and none is named")
    if device_type(check_device(device)) == "cuda":
        raise DetectorError(
            f"device {device!r}: OpenVINO does not use CUDA; ask for --detgate-device=cpu"
        )
    weights, described = weights_beside(path), metadata_file(path)
    require_network(path)
    with loading_wall(str(path), trust=source.trust, folder=path.parent):
        compiled, metadata = _compiled(path, weights, source.threads)
    metadata |= {} if described is None else read_metadata_file(described)
    settings = resolve_settings(
        path,
        source.options,
        metadata,
        [_described(*described) for described in _named(compiled.inputs, "input").items()],
        [_described(*described) for described in _named(compiled.outputs, "output").items()],
    )
    beside = (weights,) if described is None else (weights, described)
    key = {
        "format": _FORMAT,
        "framework": "openvino",
        "checkpoint": sha256,
        "beside": [sha256_of_file(file) for file in beside],
        "upright": source.image_options.is_upright,
        "settings": settings,
        "versions": installed_versions(_DISTRIBUTIONS),
    }
    info = ModelInfo(
        key=hashlib.sha256(msgspec.json.encode(key)).hexdigest(),
        checkpoint=str(path),
        sha256=sha256,
        classes=settings.classes,
        score_floor=settings.score_floor,
        epoch=epoch_in(metadata),
    )
    detector = OnnxDetector(
        _Session(compiled), settings, info=info, device="cpu", image_options=source.image_options
    )
    return LoadedModel(detector=detector, files=beside, packages=_DISTRIBUTIONS)


class _Session:
    """A compiled model with the method `run` of an ONNX session."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._inputs = _named(compiled.inputs, "input")
        self._outputs = _named(compiled.outputs, "output")

    def run(self, names: list[str], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the outputs of these names."""
        results = self._request.infer({self._inputs[key]: array for key, array in inputs.items()})
        return [np.array(results[self._outputs[name]]) for name in names]


def _named(ports: Iterable[Any], kind: str) -> dict[str, Any]:
    """Return ports by name; one without a name, as in an export of Ultralytics, has its number."""
    return {
        port.any_name if port.names else f"{kind}{number}": port
        for number, port in enumerate(ports)
    }


def _compiled(path: Path, weights: Path, threads: int | None) -> tuple[Any, dict[str, str]]:
    """Return the model ready to run, and the texts in its metadata."""
    openvino = importlib.import_module("openvino")
    options = {
        # Some CPUs would compute in bfloat16, which changes scores and boxes.
        "INFERENCE_PRECISION_HINT": "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "PERFORMANCE_HINT": "LATENCY",
    }
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = str(threads)
    try:
        with quiet():
            core = openvino.Core()
            model = core.read_model(path, weights)
            return core.compile_model(model, "CPU", options), _texts(model)
    except DetectorError:
        raise
    except Exception as error:  # OpenVINO has an exception class for each kind of failure
        raise DetectorError(
            f"{path}: OpenVINO {openvino.__version__} cannot load it: {_reason(error)}"
        ) from error


def _texts(model: Any) -> dict[str, str]:
    """Return the metadata of the ONNX file that a model was converted from, and ours."""
    texts: dict[str, str] = {}
    for section, prefix in (("framework", ""), ("detgate", METADATA_PREFIX)):
        if not model.has_rt_info([section]):
            continue
        values = model.get_rt_info([section])
        values = getattr(values, "value", values)
        if isinstance(values, dict):
            texts |= {
                f"{prefix}{name}": str(getattr(value, "value", value))
                for name, value in values.items()
            }
    return texts


def _described(name: str, port: Any) -> Port:
    kind = port.element_type.get_type_name()
    shape = port.partial_shape if port.partial_shape.rank.is_static else ()
    sides = tuple(side.get_length() if side.is_static else None for side in shape)
    return Port(name, sides, _TYPES.get(kind, f"tensor({kind})"))


def _reason(error: Exception) -> str:
    """Return the last line: those before it are places in the source of OpenVINO."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:300]
