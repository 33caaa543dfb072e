"""What is taken from a model's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.mmdet import config as model_config
from pytest_detgate.errors import DetectorError

LOAD = {"type": "LoadImageFromFile"}
PACK = {"type": "PackDetInputs"}


@pytest.mark.parametrize(
    "config",
    [
        {"test_dataloader": {"dataset": {"pipeline": [LOAD, PACK]}}},
        {"test_dataloader": {"dataset": {"dataset": {"pipeline": [LOAD, PACK]}}}},
        {"test_dataloader": {"dataset": {"datasets": [{"pipeline": [LOAD, PACK]}]}}},
        {"test_pipeline": [LOAD, PACK]},
        {"val_dataloader": {"dataset": {"pipeline": [LOAD, PACK]}}},
        {"test_dataloader": None, "test_pipeline": (LOAD, PACK)},
    ],
)
def test_the_test_pipeline_wherever_it_is(config: dict[str, Any]) -> None:
    assert model_config.test_pipeline(config, "c.py") == [LOAD, PACK]


def test_no_test_pipeline_is_an_error() -> None:
    with pytest.raises(DetectorError, match=r"c\.py: the configuration has no test pipeline"):
        model_config.test_pipeline({"train_pipeline": [LOAD]}, "c.py")


def test_annotations_are_not_loaded() -> None:
    class LoadPanopticAnnotations:
        pass

    steps: list[Any] = [LOAD, {"type": "mmdet.LoadAnnotations"}, {"type": LoadPanopticAnnotations}]
    assert model_config.test_pipeline({"test_pipeline": [*steps, PACK]}, "c.py") == [LOAD, PACK]


def test_no_weights_from_elsewhere() -> None:
    pretrained = {"type": "Pretrained", "checkpoint": "https://x.invalid/y.pth"}
    backbone = {"type": "B", "init_cfg": pretrained, "layers": ({"pretrained": True},)}
    model = {"type": "M", "backbone": backbone, "teacher_ckpt": "t.pth"}
    config = {"model": model, "data_preprocessor": {"type": "P"}}
    assert model_config.model_section(config, "c.py") == {
        "type": "M",
        "backbone": {"type": "B", "init_cfg": None, "layers": ({"pretrained": False},)},
        "teacher_ckpt": None,
        "data_preprocessor": {"type": "P"},
    }
    assert backbone["init_cfg"] is pretrained  # the configuration itself is left as it is


def test_no_model_is_an_error() -> None:
    with pytest.raises(DetectorError, match="no model section"):
        model_config.model_section({"model": {}}, "c.py")


@pytest.mark.parametrize(
    ("test_cfg", "floor"),
    [
        ({"score_thr": 0.001, "nms": {"type": "nms"}}, 0.001),
        ({"rpn": {"nms_pre": 1000}, "rcnn": {"score_thr": 0.05}}, 0.05),
        ({"score_thr": 0.001, "nms": {"type": "soft_nms", "min_score": 0.05}}, 0.05),
        ({"score_thr": 0.1, "nms": {"type": "soft_nms", "min_score": 0.05}}, 0.1),
        ({"max_per_img": 100}, 0.0),
        (None, 0.0),
    ],
)
def test_score_floor(test_cfg: Any, floor: float) -> None:
    assert model_config.score_floor({"test_cfg": test_cfg}) == floor


def test_stated_classes(tmp_path: Path) -> None:
    listed = tmp_path / "classes.txt"
    listed.write_text("a\nb\n", encoding="utf-8")
    config = {
        "train_dataloader": {"dataset": {"dataset": {"metainfo": {"classes": str(listed)}}}},
        "test_dataloader": {"dataset": {"metainfo": {"CLASSES": ["a", "c"]}}},
    }
    assert model_config.stated_classes(config, is_own=True) == {
        "train_dataloader.dataset": ("a", "b"),
        "test_dataloader.dataset": ("a", "c"),
    }
    assert model_config.stated_classes({"test_dataloader": {"dataset": {}}}, is_own=True) == {}
    # What a checkpoint says is not let to read files.
    assert model_config.stated_classes(config, is_own=False) == {
        "test_dataloader.dataset": ("a", "c"),
    }
    listed.write_bytes(b"\xff\xfe")
    with pytest.raises(DetectorError, match=r"classes\.txt: the class names cannot be read"):
        model_config.stated_classes(config, is_own=True)


def test_batch_size() -> None:
    assert model_config.batch_size({"test_dataloader": {"batch_size": 5}}) == 5
    assert model_config.batch_size({}) == 1


def test_custom_imports() -> None:
    assert model_config.custom_imports({"custom_imports": {"imports": ["a", "b"]}}) == ["a", "b"]
    assert model_config.custom_imports({"custom_imports": {"imports": "a"}}) == ["a"]
    own_and_mmdet = {"imports": ["mmdet.models", "mmdetector", "projects.head"]}
    assert model_config.custom_imports({"custom_imports": own_and_mmdet}) == [
        "mmdetector",
        "projects.head",
    ]
    assert model_config.custom_imports({}) == []


def test_equal_configurations_have_one_canonical_text() -> None:
    first = {"a": (1, 2), "b": {"x": Path, "y": 0.1}}
    second = {"b": {"y": 0.1, "x": Path}, "a": [1, 2]}
    assert model_config.canonical(first) == model_config.canonical(second)
    assert model_config.canonical(first) != model_config.canonical({**second, "a": [2, 1]})
