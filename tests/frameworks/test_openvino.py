"""Models of OpenVINO, beside the ONNX file that they were made of."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework, framework_of
from pytest_detgate.errors import DetectorError
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.forked import run_forked
from tests.frameworks.own_loop import HEAD, SIZES, draw_images, write_labels
from tests.plugin.records import report_in, values_in

# Pytester forgets what is imported while it is there, and onnx cannot be imported twice.
with contextlib.suppress(ModuleNotFoundError):
    import onnx  # noqa: F401

for name in ("onnx", "onnxruntime", "cv2"):
    pytest.importorskip(name, reason=f"{name} is not installed")
openvino = pytest.importorskip("openvino", reason="openvino is not installed")

SETTINGS = {
    **{"resize": "letterbox", "channel-order": "rgb", "divide-by": 255},
    **{"classes": ["red", "blue"], "score-floor": 0.0},
}
TABLE = """
[model]
checkpoint = "colours.xml"
[model.onnx]
resize = "letterbox"
channel-order = "rgb"
divide-by = 255
classes = ["red", "blue"]
score-floor = 0.0
[rules.mean-ap]
min = 0.0
[rules.latency]
max-ms = 600_000
images = 2
[rules.repeatability]
images = 3
max-score-difference = 0.0
"""


def convert(path: Path, *, named: bool = True, **options: Any) -> Path:
    """Write the network that finds colours as ONNX, and as OpenVINO beside it. An export of
    Ultralytics has no names for inputs and outputs."""
    write_model(path.with_suffix(".onnx"), **options)
    model = openvino.convert_model(str(path.with_suffix(".onnx")))
    if not named:
        for operation in model.get_ops():
            for port in operation.outputs():
                port.get_tensor().set_names(set())
    openvino.save_model(model, str(path), compress_to_fp16=False)
    return path


def load(path: Path, *, device: str = "cpu", **options: Any) -> Any:
    made = framework(framework_of(path))
    source = ModelSource(
        made.checkpoint(path), framework="openvino", options={**SETTINGS, **options}, threads=1
    )
    return made.load(source, sha256="0" * 64, device=device, batch_size=None).detector


@pytest.mark.parametrize("layout", ["boxes-scores-labels", "dets-labels", "rows", "raw"])
def test_boxes_are_where_the_colours_are(layout: str, tmp_path: Path) -> None:
    more: dict[str, Any] = {"boxes": "xyxy", "nms-iou": 1.0} if layout == "raw" else {}
    path = convert(tmp_path / "colours.xml", layout=layout)
    image = draw(tmp_path / "a.png", (64, 64), (RED, (8, 4, 20, 30)), (BLUE, (40, 30, 10, 12)))

    (detections,) = load(path, layout=layout, **more).detect([image])

    assert detections.result.xyxy.tolist() == [[8, 4, 28, 34], [40, 30, 50, 42]]
    assert detections.result.score == pytest.approx([0.9, 0.7])
    assert detections.result.label.tolist() == [0, 1]


def test_a_whole_gate_is_that_of_the_onnx_file(pytester: pytest.Pytester) -> None:
    convert(pytester.path / "colours.xml")
    images = draw_images(pytester.path)
    source = ModelSource(pytester.path / "colours.onnx", framework="onnx", options=SETTINGS)
    own = framework("onnx").load(source, sha256="0" * 64, device="cpu", batch_size=None).detector
    detected: Any = own.detect(images)
    results = {entry.image: entry.result.cut() for entry in detected}
    ap = write_labels(
        pytester.path,
        {path: (results[path].xyxy, results[path].score, results[path].label) for path in images},
    )
    (pytester.path / "detgate.toml").write_text(HEAD + TABLE)
    pytester.makeini("[pytest]\n")

    assert run_forked(pytester, "detgate.toml").ret == 0

    assert values_in(pytester.path)["mean-ap"]["ap"] == pytest.approx(ap, abs=1e-3)
    record = report_in(pytester.path)["model"]
    assert (record["framework"], record["images"], record["kept"]) == ("openvino", 5, 0)

    run_forked(pytester, "detgate.toml", "-k", "mean-ap")

    assert report_in(pytester.path)["model"]["kept"] == 5


def test_classes_in_another_order_are_seen(pytester: pytest.Pytester) -> None:
    """No AP near zero with the advice to train longer."""
    convert(pytester.path / "colours.xml")
    images = draw_images(pytester.path, SIZES * 2)
    results: Any = {
        entry.image: entry.result.cut()
        for entry in load(pytester.path / "colours.xml").detect(images)
    }
    write_labels(
        pytester.path,
        {path: (results[path].xyxy, results[path].score, results[path].label) for path in images},
    )
    table = TABLE.partition("[rules.latency]")[0].replace('["red", "blue"]', '["blue", "red"]')
    (pytester.path / "detgate.toml").write_text(HEAD + table)
    pytester.makeini("[pytest]\n")

    run_forked(pytester, "detgate.toml")

    (result,) = report_in(pytester.path)["rules"]
    assert result["verdict"] == "not-evaluated"
    assert re.search("detections of val are not usable: .*classes", result["message"])


def test_metadata_of_the_onnx_file_is_read(tmp_path: Path) -> None:
    metadata = {
        **{"detgate.resize": "stretch", "detgate.channel-order": "rgb", "detgate.divide-by": "255"},
        **{"detgate.classes": '["one", "two"]', "detgate.score-floor": "0.1", "detgate.epoch": "7"},
    }
    convert(tmp_path / "colours.xml", metadata=metadata)
    source = ModelSource(tmp_path / "colours.xml", framework="openvino")

    loaded = framework("openvino").load(source, sha256="0" * 64, device="auto", batch_size=None)

    info = loaded.detector.info
    assert (info.classes, info.score_floor, info.epoch) == (("one", "two"), 0.1, 7)
    assert loaded.detector.device == "cpu"


def test_export_of_ultralytics_needs_no_settings(tmp_path: Path) -> None:
    """Ultralytics writes a folder: the network, its weights and metadata.yaml."""
    folder = tmp_path / "best_openvino_model"
    folder.mkdir()
    convert(folder / "best.xml", layout="raw", form="cxcywh", named=False)
    content = {
        **{"description": "Ultralytics YOLO11n model", "author": "Ultralytics", "task": "detect"},
        **{"imgsz": [64, 64], "names": {0: "red", 1: "blue"}, "stride": 32, "batch": 1},
    }
    (folder / "metadata.yaml").write_text(yaml.safe_dump(content))
    image = draw(tmp_path / "a.png", (128, 64), (RED, (8, 4, 20, 30)))
    assert framework_of(folder) == "openvino"
    made = framework("openvino")
    source = ModelSource(
        made.checkpoint(folder), framework="openvino", options={"nms-iou": 0.7}, threads=1
    )

    loaded = made.load(source, sha256="0" * 64, device="cpu", batch_size=None)

    (detections,) = loaded.detector.detect([image])
    result: Any = detections.result
    assert loaded.detector.info.classes == ("red", "blue")
    assert result.xyxy[0] == pytest.approx([8, 4, 28, 34], abs=2)
    assert {path.name for path in loaded.files} == {"best.bin", "metadata.yaml"}


def test_mistakes_have_one_message(tmp_path: Path) -> None:
    path = convert(tmp_path / "colours.xml")
    with pytest.raises(DetectorError, match="OpenVINO does not use CUDA"):
        load(path, device="cuda")

    content = path.with_suffix(".bin").read_bytes()
    path.with_suffix(".bin").write_bytes(content[:5])
    with pytest.raises(DetectorError, match=r"colours\.xml: OpenVINO .* cannot load it"):
        load(path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(DetectorError, match=r"its weights are in colours\.bin, and there is no"):
        load(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DetectorError, match=r"expected one \.xml file in it, found 0"):
        framework("openvino").checkpoint(tmp_path / "empty")
