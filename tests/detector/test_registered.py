"""Stored configurations may name registered parts only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.registered import refuse_unregistered
from pytest_detgate.errors import DetectorError

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"type": "os.system", "command": "true"}, "model.type names 'os.system'"),
        ({"type": "subprocess.run"}, "not registered"),
        ({"type": "mmengine.load", "file": "x"}, "not registered"),
        ({"type": "antigravity"}, "not registered"),
        ({"neck": [{"type": "builtins.exec"}]}, r"model.neck\[0\].type"),
        ({"test_cfg": {"nms": {"type": "__import__('os').abort"}}}, "not registered"),
        ({"type": "RTMDet", "warp_mode": "print('x')"}, "reads like code"),
        ({"_scope_": "os"}, "no part of MMDetection"),
        ({"teacher_config": "x.py"}, "names the file 'x.py'"),
        ({"loss": {"type": "CrossEntropyLoss", "class_weight": "w.PKL"}}, "names the file"),
    ],
)
def test_what_could_run_code_is_refused(section: dict[str, Any], why: str) -> None:
    with pytest.raises(DetectorError, match=why) as caught:
        refuse_unregistered({"model": section}, "x.pth")
    assert str(caught.value).startswith("x.pth: ")
    assert "--detgate-trust-checkpoint" in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    [
        "RTMDet",
        "mmdet.RTMDet",
        "mmdet.models.detectors.rtmdet.RTMDet",
        "mmdet.models.RTMDet",
        "BN",
        "SiLU",
        "torch.nn.modules.activation.SiLU",
        "nms",
        "soft_nms",
        "RoIAlign",
        "AnchorGenerator",
        "LoadImageFromFile",
        "mmdet.PackDetInputs",
    ],
)
def test_what_mmdetection_registers_is_accepted(kind: str) -> None:
    refuse_unregistered({"model": {"a": {"type": kind}}}, "x.pth")


def test_every_model_of_mmdetection_is_accepted() -> None:
    """Their own configurations, resolved, are what their checkpoints hold."""
    import mmdet
    from mmengine.config import Config

    from pytest_detgate.detector.model_config import model_section, test_pipeline

    folder = Path(mmdet.__file__).parent / ".mim" / "configs"
    names = [
        "rtmdet/rtmdet_tiny_8xb32-300e_coco.py",
        "faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py",
        "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py",
        "deformable_detr/deformable-detr_r50_16xb2-50e_coco.py",
        "yolox/yolox_s_8xb8-300e_coco.py",
        "centernet/centernet_r18-dcnv2_8xb16-crop512-140e_coco.py",
        "dino/dino-4scale_r50_8xb2-12e_coco.py",
        "seesaw_loss/mask-rcnn_r50_fpn_random-ms-2x_lvis-v1.py",
    ]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        pytest.skip("this installation of mmdet came without its configurations")
    for file in found:
        config = Config.fromfile(str(file))
        parts = {"model": model_section(config, str(file)), "p": test_pipeline(config, str(file))}
        refuse_unregistered(parts, str(file))
