"""Files of tests, besides those that `pytest_detgate.testing` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.testing import result_content


def write_json(path: Path, content: object) -> Path:
    """Write JSON, folders included; gives the path back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def result_rows(
    images: Mapping[str, Sequence[Any]],
    detections: Mapping[str, Sequence[Any]],
    classes: Sequence[str] = ("helmet_off",),
) -> list[dict[str, Any]]:
    """The content of a result file that is a bare list, for the images of `coco_content`."""
    rows: list[dict[str, Any]] = result_content(images, detections, classes)["annotations"]
    return rows
