"""The example for RF-DETR, and its ONNX export, beside the `predict` of rfdetr.

The package has no small model: that of the tests is RF-DETR Nano, with random weights.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.errors import DetectorError
from tests.forked import run_forked
from tests.frameworks.own_loop import (
    CLASSES,
    HEAD,
    SAME,
    Detections,
    assert_same_detections,
    draw_images,
    write_labels,
)
from tests.plugin.records import report_in, values_in

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/rf_detr"
FLOOR = 0.01
# The size of the input: a network with random weights turns the rounding of a resize into other
# boxes, because its best proposals have nearly one score.
SIZES = [(384, 384)] * 3
MODEL = f"""
[model]
entry = "rf_detr_entry:RfDetr"
checkpoint = "checkpoint_best_total.pth"
options = {{ score_floor = {FLOOR} }}
[rules.mean-ap]
min = 0.0
"""

with quiet():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rfdetr = pytest.importorskip("rfdetr", reason="rfdetr is not installed")


def _made() -> Any:
    """RF-DETR Nano for two classes, without the weights that it would download."""
    from rfdetr.models.backbone import dinov2

    backbone = dinov2.WindowedDinov2WithRegistersBackbone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbone, "from_pretrained", lambda _, config=None, **__: backbone(config))
        model = rfdetr.RFDETRNano(pretrain_weights=None, num_classes=2, device="cpu")
    torch.manual_seed(0)
    with torch.no_grad():  # random heads would give all boxes nearly one score
        for name, parameter in model.model.model.named_parameters():
            if "query_feat" in name or "refpoint" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            elif parameter.dim() > 1 and "class_embed" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "class_embed" in name:  # a label that no class has: training lowers it
                parameter[2:] = -20
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as rfdetr's training writes it, and its export."""
    made = tmp_path_factory.mktemp("rf_detr")
    with quiet():
        model = _made()
        arguments = argparse.Namespace(
            num_classes=2, class_names=list(CLASSES), pretrain_weights="rf-detr-nano.pth"
        )
        content = {
            **{"model": model.model.model.state_dict(), "args": arguments, "epoch": 3},
            "model_name": "RFDETRNano",
        }
        torch.save(content, made / "checkpoint_best_total.pth")
        shutil.copy(EXAMPLE / "rf_detr_entry.py", made)
    return made


def own_loop(folder: Path, images: list[Path]) -> dict[Path, Detections]:
    """What the documentation of rfdetr shows: `from_checkpoint`, then `predict`."""
    with quiet():
        model = rfdetr.RFDETR.from_checkpoint(
            str(folder / "checkpoint_best_total.pth"), device="cpu"
        )
        collected = {}
        for path in images:
            with Image.open(path) as image:
                first = model.predict(image.convert("RGB"), threshold=FLOOR)
            collected[path] = (first.xyxy, first.confidence, first.class_id)
    return collected


def test_a_whole_gate(folder: Path, pytester: pytest.Pytester) -> None:
    for path in folder.iterdir():
        os.link(path, pytester.path / path.name)
    ap = write_labels(pytester.path, own_loop(folder, draw_images(pytester.path, SIZES)))
    assert 0.05 < ap < 0.95
    (pytester.path / "detgate.toml").write_text(HEAD + MODEL)
    pytester.makeini("[pytest]\n")

    assert run_forked(pytester, "detgate.toml").ret == 0

    assert values_in(pytester.path)["mean-ap"]["ap"] == pytest.approx(ap, abs=SAME)
    record = report_in(pytester.path)["model"]
    assert (record["framework"], record["classes"]) == ("python", list(CLASSES))
    assert (record["images"], record["notes"]) == (3, [])


def test_a_checkpoint_that_runs_code_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "rf_detr_entry.py", tmp_path)
    mark = tmp_path / "ran"

    class Runs:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(mark),)

    torch.save({"model": {}, "args": Runs()}, tmp_path / "bad.pth")
    source = ModelSource(
        tmp_path / "bad.pth", framework="python", entry="rf_detr_entry:RfDetr", folder=tmp_path
    )

    with pytest.raises(DetectorError, match=r"rf_detr_entry:RfDetr fails: .*weights_only"):
        framework("python").load(source, sha256="0" * 64, device="cpu", batch_size=None)

    assert not mark.exists()


def test_its_onnx_export_finds_the_same(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    with quiet():
        model = rfdetr.RFDETR.from_checkpoint(
            str(folder / "checkpoint_best_total.pth"), device="cpu"
        )
        model.export(output_dir=str(tmp_path), verbose=False)
    (path,) = tmp_path.glob("*.onnx")
    options = {
        **{"resize": "stretch", "channel-order": "rgb", "divide-by": 255},
        **{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        **{"activation": "sigmoid", "classes": list(CLASSES), "score-floor": FLOOR},
    }
    source = ModelSource(path, framework="onnx", options=options)

    loaded = framework("onnx").load(source, sha256="0" * 64, device="cpu", batch_size=None)

    images = draw_images(tmp_path, SIZES)
    assert_same_detections(loaded.detector.detect, own_loop(folder, images))
