"""Stored configurations may name known parts only, and give them plain values."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.mmdet import config as model_config
from pytest_detgate.detector.mmdet.stored_config import parse_stored_config
from pytest_detgate.detector.mmdet.stored_parts import (
    known_parts,
    known_parts_only,
    refuse_unknown_parts,
    without_backends,
)
from pytest_detgate.detector.packages import quiet
from pytest_detgate.errors import DetectorError
from tools import known_parts as tool

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"type": "os.system", "command": "true"}, "model.type names 'os.system'"),
        ({"type": "subprocess.run"}, "not a part of MMDetection"),
        ({"type": "mmengine.load", "file": "x"}, "not a part of MMDetection"),
        ({"type": "antigravity"}, "not a part of MMDetection"),
        ({"neck": [{"type": "builtins.exec"}]}, r"model.neck\[0\].type"),
        ({"test_cfg": {"nms": {"type": "__import__('os').abort"}}}, "model.test_cfg.nms.type"),
        ({"test_cfg": {"nms": {"type": "breakpoint"}}}, "names 'breakpoint', which is not a part"),
        ({"test_cfg": {"nms": {"type": "ext_module"}}}, "names 'ext_module', which is not a part"),
        ({"a": {"type": ["RTMDet"]}}, r"model.a.type names \['RTMDet'\]"),
        ({"a": {"type": {"type": "RTMDet"}}}, r"model.a.type names \{"),
        # Registered, but it evaluates what it is given, loads a file, or downloads.
        ({"type": "CameraMotionCompensation", "warp_mode": "exit"}, "CameraMotionCompensation"),
        ({"type": "KnowledgeDistillationSingleStageDetector"}, "KnowledgeDistillation"),
        ({"type": "mmdet.BertModel", "name": "bert"}, "mmdet.BertModel"),
        ({"type": "mmdet.models.language_models.bert.BertModel"}, "bert.BertModel"),
        ({"type": "Albu"}, "Albu"),
        # Known parts, values that are none of theirs.
        ({"type": "RTMDet", "warp_mode": "print('x')"}, 'model.warp_mode is "print'),
        ({"teacher_config": "x.py"}, "model.teacher_config is 'x.py', which is not a number"),
        ({"teacher_config": "x.yaml"}, "model.teacher_config is 'x.yaml'"),
        ({"teacher_config": "folder/x"}, "'folder/x'"),
        ({"teacher_config": r"folder\x"}, "model.teacher_config"),
        ({"name": "bert-base-uncased"}, "model.name is 'bert-base-uncased'"),
        ({"a": "https://example.org"}, "model.a is 'https"),
        ({"a": "os.system"}, "model.a is 'os.system'"),
        ({"a": "__import__('os')"}, "model.a"),
        ({"a": ["ok", {"b": ("two words",)}]}, r"model.a\[1\].b\[0\] is 'two words'"),
        ({"a": {"x/y": 1}}, "a key of model.a is 'x/y'"),
        ({"loss": {"type": "CrossEntropyLoss", "class_weight": "w.PKL"}}, "class_weight is"),
        ({"a": "x" * 500 + "/"}, "…, which is"),
        ({"_scope_": "os"}, r"model._scope_ is 'os' \(allowed: mmdet, mmcv, mmengine\)"),
        ({"_scope_": ["os"]}, r"model._scope_ is \['os'\]"),
    ],
)
def test_what_could_run_code_is_refused(section: dict[str, Any], why: str) -> None:
    with pytest.raises(DetectorError, match=why) as caught:
        refuse_unknown_parts({"model": section}, "x.pth")
    assert str(caught.value).startswith("x.pth: ")
    assert "--detgate-trust-checkpoint" in str(caught.value)
    assert "config under [model]" in str(caught.value)


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
        "mmcv.ops.nms",
        "soft_nms",
        "carafe",
        "RoIAlign",
        "AnchorGenerator",
        "LoadImageFromFile",
        "mmdet.PackDetInputs",
    ],
)
def test_what_mmdetection_builds_detectors_of_is_accepted(kind: str) -> None:
    refuse_unknown_parts({"model": {"a": {"type": kind}}}, "x.pth")


def test_a_class_that_takes_a_known_name_is_not_known() -> None:
    from mmdet.registry import MODELS

    class Impostor:
        pass

    really = MODELS.module_dict["RTMDet"]
    MODELS.register_module(name="RTMDet", module=Impostor, force=True)
    try:
        with pytest.raises(DetectorError, match=r"model\.type names 'RTMDet'"):
            refuse_unknown_parts({"model": {"type": "RTMDet"}}, "x.pth")
    finally:
        MODELS.register_module(name="RTMDet", module=really, force=True)


def test_names_are_checked_where_they_are_looked_up_too(tmp_path: Path) -> None:
    from mmdet.registry import MODELS

    with known_parts_only("x.pth"):
        assert MODELS.get("RTMDet") is not None
        with pytest.raises(DetectorError, match=r"x\.pth: .* uses 'turtledemo"):
            MODELS.get("turtledemo.__main__")
        with pytest.raises(DetectorError, match="uses 'BertModel'"):
            MODELS.build({"type": "BertModel", "name": "bert"})
    assert "turtledemo.__main__" not in sys.modules


def test_a_name_that_a_registry_does_not_have_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known parts, asked for where they are not: MMEngine would import modules of these names."""
    from mmdet.registry import MODELS, TASK_UTILS

    monkeypatch.syspath_prepend(tmp_path)
    for name in ("nms", "AnchorGenerator", "RTMDet"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit", encoding="utf-8")
    with known_parts_only("x.pth"):
        for registry, name in (
            (MODELS, "nms"),
            (MODELS, "AnchorGenerator"),
            (TASK_UTILS, "RTMDet"),
        ):
            with pytest.raises(DetectorError, match=f"uses '{name}'"):
                registry.get(name)
        for name in ("RTMDet", "mmdet.RTMDet", "mmengine.SiLU", "Conv2d"):
            assert MODELS.get(name) is not None
        assert TASK_UTILS.get("AnchorGenerator") is not None
    assert MODELS.get("BertModel") is not None  # afterwards all is as it was


def test_images_are_files_of_this_machine() -> None:
    remote = {
        "type": "LoadImageFromFile",
        "backend_args": {"backend": "memcached", "sys_path": "x"},
    }
    assert without_backends([remote]) == [{"type": "LoadImageFromFile", "backend_args": None}]


# What MMDetection ships beside ordinary detectors: these need a language model, another model's
# file or packages that are not MMDetection's, track objects over time, or find lanes.
SPECIAL = {
    *("glip", "grounding_dino", "mm_grounding_dino"),
    *("ld", "lad"),
    *("bytetrack", "deepsort", "masktrack_rcnn", "mask2former_vis", "ocsort", "qdtrack", "reid"),
    *("sort", "strongsort"),
    *("misc", "clrnet", "convnext", "timm_example"),
}


def shipped() -> dict[str, list[Path]]:
    """The configurations that MMDetection ships, by family."""
    import mmdet

    folder = Path(mmdet.__file__).parent / ".mim" / "configs"
    families: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/*.py")):
        # What others inherit from, or runs time augmentation for them, has no model.
        if not path.parent.name.startswith("_") and not path.name.endswith("_tta.py"):
            families.setdefault(path.parent.name, []).append(path)
    families.pop("common", None)
    return families


def stored(path: Path, *, as_text: bool = True) -> dict[str, Any]:
    """The sections that are built of a configuration as a checkpoint holds it."""
    from mmengine.config import Config

    with quiet():
        config = Config.fromfile(str(path))
    if as_text:  # formatting takes MMEngine longer than everything else
        config = parse_stored_config(config.pretty_text, path.name)
    return {
        "default_scope": config["default_scope"],
        "model": without_backends(model_config.model_section(config, path.name)),
        "test_pipeline": without_backends(model_config.test_pipeline(config, path.name)),
    }


def test_every_family_of_mmdetection_is_accepted() -> None:
    """Takes 10 seconds: each family has parts of its own, and MMEngine a while to read each."""
    families = shipped()
    if not families:
        pytest.skip("this installation of mmdet came without its configurations")
    refused = {}
    for family, paths in families.items():
        if family not in SPECIAL:
            try:
                refuse_unknown_parts(stored(paths[0], as_text=False), family)
            except DetectorError as error:
                refused[family] = str(error)
    assert len(families.keys() - SPECIAL) > 80
    assert refused == {}


@pytest.mark.parametrize("family", ["glip", "ld", "strongsort"])
def test_detectors_that_fetch_something_are_refused(family: str) -> None:
    paths = shipped().get(family)
    if not paths:
        pytest.skip("this installation of mmdet came without its configurations")
    with pytest.raises(DetectorError, match=r"stored configuration is not used: model\."):
        refuse_unknown_parts(stored(paths[0]), family)


@pytest.mark.parametrize(
    "name",
    [
        "rtmdet/rtmdet_tiny_8xb32-300e_coco.py",
        "faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py",
        "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py",
        "retinanet/retinanet_r18_fpn_1x_coco.py",
        "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py",
        "atss/atss_r50_fpn_1x_coco.py",
        "yolox/yolox_tiny_8xb8-300e_coco.py",
        "yolo/yolov3_mobilenetv2_8xb24-320-300e_coco.py",
        "ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py",
        "detr/detr_r18_8xb2-500e_coco.py",
        "deformable_detr/deformable-detr_r50_16xb2-50e_coco.py",
        "dino/dino-4scale_r50_8xb2-12e_coco.py",
        "centernet/centernet_r18-dcnv2_8xb16-crop512-140e_coco.py",
        "swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py",
    ],
)
def test_ordinary_detectors_are_built_behind_the_wall(name: str) -> None:
    import mmdet
    from mmengine.config import ConfigDict
    from mmengine.registry import MODELS, TRANSFORMS, DefaultScope

    from pytest_detgate.detector.mmdet.stored_wall import Guard

    path = Path(mmdet.__file__).parent / ".mim" / "configs" / name
    if not path.is_file():
        pytest.skip("this installation of mmdet came without its configurations")
    sections = stored(path)
    refuse_unknown_parts(sections, name)
    with quiet(), DefaultScope.overwrite_default_scope("mmdet"), Guard(name).building():
        model = MODELS.build(ConfigDict(copy.deepcopy(sections["model"])))
        steps = [TRANSFORMS.build(ConfigDict(step)) for step in sections["test_pipeline"]]
    assert sum(parameter.numel() for parameter in model.parameters()) > 1_000_000
    assert type(steps[-1]).__name__ == "PackDetInputs"


@pytest.mark.source
def test_the_list_is_what_the_source_says() -> None:
    """Takes ten seconds: it reads all of MMDetection, mmcv and MMEngine."""
    root = Path(__file__).resolve().parents[3]
    read = tool.read_parts(tool.installed())
    remaining = (root / "pytest_detgate" / "detector" / "mmdet" / "known_parts.txt").read_text(
        "utf-8"
    )
    listed = {line[2:].partition(":")[0]: line[0] == "+" for line in remaining.splitlines()}

    assert known_parts() == {name for name, is_known in listed.items() if is_known}
    # A version that is not installed here may know parts less, never more.
    assert sorted(read.keys() - listed.keys()) == []
    assert [name for name, why in read.items() if why and listed[name]] == []
    assert {name for name, why in read.items() if not why and not listed[name]} <= TRACKERS


# In mmdet 3.3 they import motmetrics, for which the source of the installed version has no use.
TRACKERS = {
    f"mmdet.models.trackers.{name}"
    for name in (
        "ocsort_tracker.OCSORTTracker",
        "sort_tracker.SORTTracker",
        "strongsort_tracker.StrongSORTTracker",
    )
}
