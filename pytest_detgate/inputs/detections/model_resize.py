"""How the gated model scales an image, as far as the project says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pytest_detgate.errors import DataError, DetectorError

if TYPE_CHECKING:
    from pytest_detgate.detector.resizing import Resize, ResizeKind
    from pytest_detgate.inputs.inputs import Inputs

_WAY_OUT = "give size = [height, width] in the table of the rule"


def model_resize(inputs: Inputs) -> Resize:
    """Return the resize of the gated model: of its ONNX file, else of the configuration of
    MMDetection that `[model]` or `[train]` names. `DataError` where none of them tells."""
    from pytest_detgate.detector.resizing import Resize, resize_of_config, resize_of_onnx

    project = inputs.project
    model, relative = project.tables.model, project.relative
    stated = model.onnx
    if stated is not None and stated.resize == "none":
        return Resize(kind="none", width=1, height=1, origin="[model.onnx]")
    if stated is not None and stated.size is not None and stated.resize is not None:
        height, width = stated.size
        kind: ResizeKind = "stretch" if stated.resize == "stretch" else "fit"
        return Resize(kind=kind, width=width, height=height, origin="[model.onnx]")
    file = _checkpoint(inputs)
    try:
        if file is not None and file.suffix.lower() == ".onnx":
            options = {} if stated is None else msgspec.to_builtins(stated)
            known = {key: value for key, value in options.items() if value is not None}
            return resize_of_onnx(file, known, relative(file))
        config = project.training_config
        if model.config is not None:
            config = project.configuration.locate(model.config)
        if config is not None:
            return resize_of_config(config, relative(config))
    except DetectorError as error:
        raise DataError(f"the resize of the model is not known: {error}; {_WAY_OUT}") from error
    raise DataError(
        "the resize of the model is not known: there is no ONNX file and no configuration of "
        f"MMDetection under [model]; {_WAY_OUT}"
    )


def _checkpoint(inputs: Inputs) -> Path | None:
    """The file of the gated model, where there is one."""
    gated = inputs.gated_model()
    if gated is not None:
        return gated.checkpoint
    named = inputs.project.tables.model.checkpoint
    return None if named is None else inputs.project.configuration.locate(named)
