"""`init --model`: limits from a model that is run, and its detections cached for the gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_detgate.detector.packages import quiet
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.first_config.projects import Init
from tests.forked import run_forked
from tests.needs import import_or_skip
from tests.plugin.records import report_in

with quiet():
    import_or_skip("onnx")
    import_or_skip("onnxruntime")
    import_or_skip("cv2")


METADATA = {
    "detgate.resize": "letterbox",
    "detgate.channel-order": "rgb",
    "detgate.divide-by": "255",
    "detgate.classes": '["red", "blue"]',
    "detgate.score-floor": "0.0",
}


def write_project(folder: Path) -> None:
    """Red and blue rectangles, all of which the model finds, and one that it cannot see."""
    boxes = {"a.png": (RED, (10, 12, 20, 16)), "b.png": (BLUE, (30, 8, 16, 24))}
    annotations = []
    for number, (name, (colour, box)) in enumerate(boxes.items(), start=1):
        draw(folder / "images" / name, (64, 64), (colour, box))
        category = 1 if colour == RED else 2
        annotations.append(
            {"id": number, "image_id": number, "category_id": category, "bbox": list(box)}
        )
    content = {
        "images": [
            {"id": number, "file_name": name, "width": 64, "height": 64}
            for number, name in enumerate(boxes, start=1)
        ],
        "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "blue"}],
        "annotations": annotations,
    }
    (folder / "val.json").write_text(json.dumps(content))
    write_model(folder / "model.onnx", metadata=METADATA)


def test_model_gives_limits(init: Init) -> None:
    write_project(init.folder)

    made = init("val.json", "--model", "model.onnx", "--ci", "github")

    assert made.code == 0, made.err
    assert made.document["model"]["checkpoint"] == "model.onnx"
    assert made.document["rules"]["class-ap"]["classes"] == {"red": 0.9, "blue": 0.9}
    workflow = (init.folder / ".github" / "workflows" / "detgate.yml").read_text()
    assert workflow.endswith("pytest-detgate@v1\n        with:\n          extras: onnx\n")


def test_gate_after_it_infers_nothing(
    pytester: pytest.Pytester,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_project(pytester.path)
    pytester.makeini("[pytest]\n")
    made = Init(pytester.path, capsys, monkeypatch)("val.json", "--model", "model.onnx")

    result = run_forked(pytester, "detgate.toml")

    assert made.code == result.ret == 0
    model = report_in(pytester.path)["model"]
    assert (model["images"], model["kept"]) == (2, 2)


def test_an_option_that_the_model_needs_is_named(init: Init) -> None:
    write_project(init.folder)
    write_model(init.folder / "model.onnx")

    made = init("val.json", "--model", "model.onnx")

    assert made.code == 4
    assert "resize is missing" in made.err
    assert made.err.endswith("run init without --model, and write [model] by hand\n")
