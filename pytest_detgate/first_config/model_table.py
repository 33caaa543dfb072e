"""The table `[model]` of a model that `init` is given."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.detector.onnx.file import read_onnx_file
from pytest_detgate.detector.onnx.metadata import ultralytics_defaults
from pytest_detgate.detector.openvino.files import metadata_file, network_in, read_metadata_file
from pytest_detgate.detector.registry import framework_of
from pytest_detgate.errors import ConfigError, DetectorError
from pytest_detgate.first_config.draft import Paths, Table

_EXTRAS = {"mmdetection": "mmdet"}


def require_model(path: Path) -> None:
    """Raise `ConfigError` unless a path is a file, or a folder that some framework knows."""
    if not path.exists():
        raise ConfigError(f"--model {path}: no such file")
    if path.is_dir() and framework_of(path) == "mmdetection":
        raise ConfigError(
            f"--model {path}: a folder, and neither one of save_pretrained (config.json) nor one "
            "of OpenVINO (.xml)"
        )


def extra_of(model: Path) -> str:
    """Return the extra of the package that runs a model."""
    name = framework_of(model)
    return _EXTRAS.get(name, name)


def fill_model_table(table: Table, model: Path, config: Path | None, paths: Paths) -> None:
    """Write what is known of a model: its path, the configuration that it was trained with, and
    what an export of Ultralytics leaves open."""
    text = paths.text(model)
    table.values["checkpoint"] = (text, "gated unless --detgate-ckpt names another")
    name = framework_of(model)
    if config is not None and name == "mmdetection":
        text = paths.text(config)
        table.values["config"] = (text, "the configuration it was trained with")
    settings = _settings(model, name)
    if settings:
        table.below["onnx"] = Table(
            why="what the file does not state",
            values={
                key: (value, "the default of Ultralytics; write what the export used")
                for key, value in settings.items()
            },
        )


def _settings(model: Path, framework: str) -> dict[str, float]:
    try:
        if framework == "onnx":
            return ultralytics_defaults(read_onnx_file(model).metadata)
        if framework == "openvino":
            described = metadata_file(network_in(model))
            return {} if described is None else ultralytics_defaults(read_metadata_file(described))
    except DetectorError:
        return {}  # loading reports it
    return {}
