"""`init --model` with models of each framework."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.onnx.metadata import ultralytics_defaults
from pytest_detgate.detector.packages import quiet
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.first_config.projects import Init
from tests.needs import import_or_skip

with quiet():
    import_or_skip("onnx")
    import_or_skip("cv2")
    with contextlib.suppress(ModuleNotFoundError):  # pytester forgets it, and it loads only once
        import openvino

ULTRALYTICS = {
    **{"description": "Ultralytics YOLO11n model", "author": "Ultralytics", "task": "detect"},
    **{"imgsz": "[64, 64]", "names": "{0: 'red', 1: 'blue'}", "stride": "32"},
}


def write_data(folder: Path) -> None:
    """One red and one blue rectangle, each on an image of its own."""
    boxes = {"a.png": (RED, (10, 12, 20, 16)), "b.png": (BLUE, (30, 8, 16, 24))}
    annotations: list[dict[str, Any]] = []
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


def test_onnx_of_ultralytics(init: Init) -> None:
    """Its metadata say all but the IoU of its NMS, for which its own default is proposed."""
    write_data(init.folder)
    path = init.folder / "best.onnx"
    write_model(path, layout="raw", form="cxcywh", metadata=ULTRALYTICS)

    made = init("val.json", "--model", "best.onnx")

    assert made.code == 0, made.err
    assert made.document["model"]["onnx"] == {"nms-iou": 0.7}
    assert made.document["rules"]["class-ap"]["classes"] == {"red": 0.9, "blue": 0.9}


def test_folder_of_openvino(init: Init) -> None:
    import_or_skip("openvino")
    write_data(init.folder)
    folder = init.folder / "best_openvino_model"
    folder.mkdir()
    write_model(init.folder / "best.onnx", layout="raw", form="cxcywh")
    model = openvino.convert_model(str(init.folder / "best.onnx"))
    openvino.save_model(model, str(folder / "best.xml"), compress_to_fp16=False)
    lines = [f"{key}: {value}" for key, value in ULTRALYTICS.items()]
    (folder / "metadata.yaml").write_text("\n".join(lines))

    made = init("val.json", "--model", "best_openvino_model", "--ci", "github")

    assert made.code == 0, made.err
    assert made.document["model"]["checkpoint"] == "best_openvino_model"
    assert made.document["model"]["onnx"] == {"nms-iou": 0.7}
    assert made.document["rules"]["class-ap"]["classes"] == {"red": 0.9, "blue": 0.9}
    workflow = (init.folder / ".github" / "workflows" / "detgate.yml").read_text()
    assert "pip install 'pytest-detgate[openvino]'" in workflow


def test_folder_of_transformers(init: Init) -> None:
    import_or_skip("transformers")
    from tests.frameworks.test_transformers import save

    write_data(init.folder)
    save(init.folder / "site_model")

    made = init("val.json", "--model", "site_model", "--ci", "github")

    assert made.code == 0, made.err
    assert made.document["model"]["checkpoint"] == "site_model"
    assert "onnx" not in made.document["model"]
    workflow = (init.folder / ".github" / "workflows" / "detgate.yml").read_text()
    assert "pip install 'pytest-detgate[transformers]'" in workflow


def test_weights_of_torchvision_say_what_they_lack(init: Init) -> None:
    import_or_skip("torchvision")
    import_or_skip("mmdet")
    import torch

    from tests.frameworks.test_torchvision import build

    write_data(init.folder)
    torch.save(build().state_dict(), init.folder / "weights.pth")

    made = init("val.json", "--model", "weights.pth")

    assert made.code == 4
    assert 'write framework = "torchvision", with builder and classes' in made.err


@pytest.mark.parametrize(
    ("name", "message"),
    [("images", "a folder, and neither one of save_pretrained"), ("gone", "gone: no such file")],
)
def test_what_is_no_model_is_named(init: Init, name: str, message: str) -> None:
    write_data(init.folder)

    made = init("val.json", "--model", name)

    assert made.code == 4
    assert message in made.err


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"nms-iou": 0.7}),
        ({"args": "{'nms': True, 'half': False}"}, {"score-floor": 0.25}),
        ({"args": "{'nms': False}", "end2end": "True"}, {"score-floor": 0.001}),
        ({"end2end": "False"}, {"nms-iou": 0.7}),
        ({"args": "os.mkdir('a')"}, {"nms-iou": 0.7}),
        ({"detgate.nms-iou": "0.5"}, {}),
        ({"author": "", "description": ""}, {}),
    ],
)
def test_what_an_export_leaves_open(more: dict[str, str], expected: dict[str, float]) -> None:
    assert ultralytics_defaults({**ULTRALYTICS, **more}) == expected
