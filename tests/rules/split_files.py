"""Split files made for a test, and one rule evaluated on one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.record.report import RuleResult
from tests.judged import judged


def judged_split(folder: Path, rule: str, content: Any, *, dataset: str = "") -> RuleResult:
    """The result of one rule, given as a table, on one split with this content."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "train.json").write_text(text, encoding="utf-8")
    splits = '[dataset.splits.train]\nannotations = "train.json"\nimages = "images"\n'
    (result,) = judged(folder, f"{dataset}\n{splits}\n{rule}").values()
    return result


def split_file(
    boxes: Mapping[str, Sequence[tuple[str, float, float, float, float]]], **changed: Any
) -> dict[str, Any]:
    """A COCO file of 200 × 100 images and their boxes, by name; `changed` replaces its lists."""
    classes = sorted({name for rows in boxes.values() for name, *_ in rows} | {"cone"})
    content: dict[str, Any] = {
        "images": [
            {"id": number, "file_name": name, "width": 200, "height": 100}
            for number, name in enumerate(boxes, start=1)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(classes, start=1)
        ],
        "annotations": [
            {"image_id": image, "category_id": classes.index(name) + 1, "bbox": list(box)}
            for image, rows in enumerate(boxes.values(), start=1)
            for name, *box in rows
        ],
    }
    for number, annotation in enumerate(content["annotations"], start=1):
        annotation["id"] = number
    return {**content, **changed}
