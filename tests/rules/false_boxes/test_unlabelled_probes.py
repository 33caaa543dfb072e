"""`max-unlabelled` of the rules on probes: images without a label file, stated and allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.judged import judged, measured

CONFIG = """
[probes.calm]
format = "yolo"
annotations = "labels"
images = "images"
classes = "names.txt"
[rules.probe-fp]
max-boxes = 5
"""


@pytest.mark.parametrize(
    ("allowed", "verdict"), [(0, "not-evaluated"), (1, "not-evaluated"), (2, "passed")]
)
def test_images_without_a_label_file(tmp_path: Path, allowed: int, verdict: str) -> None:
    """Two of four images have no label file; a box on one of them is false."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "names.txt").write_text("helmet\n")
    for n in range(4):
        Image.new("RGB", (100, 100)).save(tmp_path / "images" / f"{n}.jpg")
    for n in range(2):
        (tmp_path / "labels" / f"{n}.txt").write_text("")
    detections = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(4)],
        "categories": [{"id": 1, "name": "helmet"}],
        "annotations": [{"image_id": 3, "category_id": 1, "bbox": [10, 10, 30, 30], "score": 0.9}],
    }
    (tmp_path / "found.json").write_text(json.dumps(detections))

    result = judged(
        tmp_path, CONFIG + f"max-unlabelled = {allowed}\n", {"calm": tmp_path / "found.json"}
    )["probe-fp[calm]"]

    assert result.verdict == verdict
    if verdict == "passed":
        assert measured(result)["boxes"] == 1
