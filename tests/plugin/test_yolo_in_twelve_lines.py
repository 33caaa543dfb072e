"""A YOLO data set with the `predictions.json` of its tool, gated by twelve lines and no script."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.forked import run_forked
from tests.unit.label_files import draw, write

CONFIG = """\
[dataset.splits.train]
data = "data.yaml"
[dataset.splits.val]
data = "data.yaml"
[rules.image-files]
[rules.box-bounds]
[rules.class-names]
between = ["train", "val"]
[rules.mean-ap]
min = 0.9
[rules.recall]
min = 0.9
"""
BOXES = {0: (0.25, 0.5, 0.2, 0.4), 1: (0.75, 0.5, 0.3, 0.2)}


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Frames of 100 × 50 pixels, each with a helmet on the left and a vest on the right."""
    assert len(CONFIG.splitlines()) == 12
    files = {"detgate.toml": CONFIG, "pytest.ini": "[pytest]\n"}
    files["data.yaml"] = (
        "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: helmet\n  1: vest\n"
    )
    for split, first in (("train", 0), ("val", 100)):
        names = [f"{first + row:06d}" for row in range(6)]
        draw(pytester.path / "images" / split, *(f"{name}.jpg" for name in names))
        for name in names:
            lines = [f"{number} {' '.join(map(str, box))}\n" for number, box in BOXES.items()]
            files[f"labels/{split}/{name}.txt"] = "".join(lines)
    write(pytester.path, files)
    return pytester


def predictions(first: int) -> list[dict[str, Any]]:
    """What Ultralytics writes: stems as numbers, pixels, classes from `first`."""
    return [
        {
            "image_id": 100 + row,
            "category_id": number + first,
            "bbox": [100 * (x - w / 2), 50 * (y - h / 2), 100 * w, 50 * h],
            "score": 0.9,
        }
        for row in range(6)
        for number, (x, y, w, h) in BOXES.items()
    ]


def _json(first: int) -> Callable[[pytest.Pytester], str]:
    def make(project: pytest.Pytester) -> str:
        write(project.path, {"predictions.json": json.dumps(predictions(first))})
        return "predictions.json"

    return make


def _folder(project: pytest.Pytester) -> str:
    lines = [f"{number} {' '.join(map(str, box))} 0.9\n" for number, box in BOXES.items()]
    write(
        project.path,
        {f"runs/val/labels/{100 + row:06d}.txt": "".join(lines) for row in range(6)},
    )
    return "runs/val"


@pytest.mark.parametrize("make", [_json(0), _json(1), _folder], ids=["from 0", "from 1", "txt"])
def test_it_passes(project: pytest.Pytester, make: Callable[[pytest.Pytester], str]) -> None:
    result = run_forked(project, "detgate.toml", f"--detgate-predictions=val={make(project)}")

    assert result.ret == 0, result.stdout.str()
    report = json.loads((project.path / "detgate-report" / "report.json").read_text())
    values = {
        rule["id"]: rule["measurements"][0]["value"]
        for rule in report["rules"]
        if rule["code"] in ("mean-ap", "recall")
    }
    assert values == {"mean-ap": 1, "recall[helmet]": 1, "recall[vest]": 1}


def test_a_worse_detector_fails(project: pytest.Pytester) -> None:
    rows = [row for row in predictions(1) if row["image_id"] < 103]
    write(project.path, {"predictions.json": json.dumps(rows)})

    result = run_forked(project, "detgate.toml", "--detgate-predictions=val=predictions.json")

    assert result.ret == 1


def test_the_data_rules_need_no_detections(project: pytest.Pytester) -> None:
    result = run_forked(project, "detgate.toml", "-m", "detgate_data")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*class-names?train-val?*"])
