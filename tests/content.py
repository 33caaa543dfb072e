"""Files of tests, besides those that `pytest_detgate.testing` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import features

from pytest_detgate.testing import coco_content, result_content
from tests.others import Images

READS_AVIF = "avif" in features.modules and features.check("avif")
"""Whether Pillow reads AVIF by itself, as it does from 11.3 on."""


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


def write_datasets(
    folder: Path,
    datasets: Mapping[str, tuple[Images, Images]],
    classes: Sequence[str],
) -> tuple[str, dict[str, Path]]:
    """Write the boxes of each data set and what is found on it; give the tables of `detgate.toml`,
    in which `val` is a split and any other a probe, and the result files."""
    tables, files = "", {}
    for name, (images, dataset) in datasets.items():
        write_json(folder / f"{name}.json", coco_content(images, classes))
        content = result_content(images, dataset, classes)
        files[name] = write_json(folder / f"{name}-found.json", content)
        table = "dataset.splits" if name == "val" else "probes"
        tables += f'[{table}.{name}]\nannotations = "{name}.json"\nimages = "."\n'
    return tables, files
