"""Files of Ultralytics, which hold a pickled model: only their exports can be gated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_detgate.detector.torch_file.stand_ins import StandIn
from pytest_detgate.errors import DetectorError

# YOLOv5 and its descendants pickled models of their top module `models`.
_MAKERS = ("ultralytics.", "models.yolo.", "models.common.")


def require_not_ultralytics(path: Path, content: object) -> None:
    """Refuse a file of Ultralytics, and name the command that exports it.

    Ultralytics has the AGPL as its licence, so the gate never imports it.
    """
    values = content.values() if isinstance(content, Mapping) else (content,)
    if any(isinstance(value, StandIn) and value.name.startswith(_MAKERS) for value in values):
        raise DetectorError(
            f"{path}: refused: it holds a pickled model of Ultralytics, and loading it runs code. "
            f"Export it, and gate the export: yolo export model={path.name} format=onnx"
        )
