"""A split, and tables of the rule `expectations` on it, for its tests."""

from __future__ import annotations

import json

from pytest_detgate.record.report import RuleResult

HEAD = """
[dataset]
frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
[dataset.splits.train]
annotations = "train.json"
images = "images"
"""
COCO = {
    "images": [
        {"id": 5, "file_name": "yard_1.jpg", "width": 640, "height": 480, "site": "north"},
        {"id": 6, "file_name": "yard_2.jpg", "width": 200, "height": 480, "site": "south"},
        {"id": 7, "file_name": "roof_10.jpg", "width": 100, "height": 80, "sight": 3},
    ],
    "categories": [{"id": 1, "name": "helmet"}, {"id": 2, "name": "vest"}],
    "annotations": [
        {"id": 1, "image_id": 5, "category_id": 1, "bbox": [1, 2, 30, 40], "area": 1200},
        {"id": 2, "image_id": 5, "category_id": 2, "bbox": [5, 6, 7, 8], "occluded": 1},
        {"id": 3, "image_id": 7, "category_id": 1, "bbox": [9, 9, 5, 70], "iscrowd": 1},
        {"id": 4, "image_id": 7, "category_id": 9, "bbox": [9, 9, 9, 9], "occluded": 0},
    ],
}
DETECTIONS = [
    {"image_id": 5, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9},
    {"image_id": 7, "category_id": 2, "bbox": [9, 9, 5, 50], "score": 0.2},
]


def expect(table: str, kind: str, **arguments: object) -> str:
    """A rule's table with one expectation."""
    lines = [f'table = "{table}"', "[[rules.expectations.expect]]", f'type = "{kind}"']
    return "\n".join(
        [*lines, *(f"{key} = {json.dumps(value)}" for key, value in arguments.items())]
    )


def texts(result: RuleResult) -> list[tuple[str | None, str]]:
    """Image and text of each finding."""
    return [(finding.image, finding.text) for finding in result.findings]


def toml(value: object) -> str:
    """A value as TOML: as JSON, but for tables."""
    if isinstance(value, dict):
        parts = (f"{json.dumps(key)} = {toml(entry)}" for key, entry in value.items())
        return "{" + ", ".join(parts) + "}"
    return json.dumps(value)
