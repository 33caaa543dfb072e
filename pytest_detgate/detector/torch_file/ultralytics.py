"""Files of Ultralytics, which hold a pickled model: only their exports can be gated."""

from __future__ import annotations

import re
from pathlib import PurePath

from pytest_detgate.detector.torch_file.records import Records
from pytest_detgate.errors import DetectorError

# The opcode that imports, and the module: YOLOv5 pickled models of its top module `models`.
_IMPORTS = re.compile(rb"c(ultralytics\.[\w.]+|models\.(yolo|common))\n")


def refuse_ultralytics(name: object, records: Records) -> None:
    """Refuse a file of Ultralytics, and name the command that exports it.

    Ultralytics has the AGPL as its licence, so the gate never imports it, also for a file that is
    trusted.
    """
    if _IMPORTS.search(records.read("data.pkl")):
        raise DetectorError(
            f"{name}: refused: it holds a pickled model of Ultralytics, and loading it runs code. "
            "Export it, and gate the export: "
            f"yolo export model={PurePath(str(name)).name} format=onnx"
        )
