"""`precision` and `compile` under `[model]`, for models of torchvision and transformers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.config.load import decode_configuration
from pytest_detgate.dataset.images.options import AS_SHOWN
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.errors import DetectorError
from pytest_detgate.inputs.detections.model_source import model_source
from tests.frameworks import test_torchvision, test_transformers
from tests.frameworks.own_loop import CLASSES, assert_same_detections, draw_images

torch = pytest.importorskip("torch", reason="torch is not installed")
Load = Callable[..., Any]


@pytest.fixture(params=["torchvision", "transformers"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Load:
    """A function that loads one model, with settings of its source."""
    name = request.param
    pytest.importorskip(name, reason=f"{name} is not installed")
    options: dict[str, Any] = {}
    if name == "torchvision":
        path = tmp_path / "weights.pth"
        torch.save(test_torchvision.build().state_dict(), path)
        options = {"builder": test_torchvision.SSD, "classes": CLASSES}
    else:
        path = tmp_path / "model"
        test_transformers.save(path)
    made = framework(name)

    def loaded(**settings: Any) -> Any:
        source = ModelSource(made.checkpoint(path), framework=name, options=options, **settings)
        return made.load(source, sha256="0" * 64, device="cpu", batch_size=None).detector

    return loaded


def test_less_precision_changes_scores(load: Load, tmp_path: Path) -> None:
    images = draw_images(tmp_path)[:2]
    plain, lower = load(), load(precision="bfloat16")

    for entry, other in zip(plain.detect(images), lower.detect(images), strict=True):
        best, changed = entry.result.score[:5], other.result.score[:5]
        assert (best != changed).any()
        assert changed == pytest.approx(best, abs=0.1)
        assert other.result.xyxy.dtype == np.float32
    assert plain.info.key != lower.info.key


def test_half_needs_a_gpu(load: Load) -> None:
    with pytest.raises(DetectorError, match=r"'float16' under \[model\] needs a GPU"):
        load(precision="float16")


def test_networks_are_compiled(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the back end that needs no C++ compiler."""
    images = draw_images(tmp_path)[:2]
    plain = load()
    own = {
        detected.image: (detected.result.xyxy, detected.result.score, detected.result.label)
        for detected in plain.detect(images)
    }
    compiling = functools.partial(torch.compile, backend="eager")
    monkeypatch.setattr(torch, "compile", compiling)

    compiled = load(compile=True)

    assert compiled.info.key != plain.info.key
    assert_same_detections(compiled.detect, own)


def test_a_compiler_that_fails_is_named(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no compiler\nsecond line")

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=broken))

    with pytest.raises(DetectorError, match=r"torch\.compile cannot compile the model") as caught:
        list(load(compile=True).detect(draw_images(tmp_path)[:1]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ['precision = "bfloat16"', "compile = true"])
def test_only_networks_of_torch_have_them(key: str, tmp_path: Path) -> None:
    configuration = decode_configuration(f"[model]\n{key}\n".encode(), tmp_path / "detgate.toml")

    with pytest.raises(DetectorError, match="are for networks of torch, not for framework onnx"):
        model_source(
            configuration,
            tmp_path / "a.onnx",
            config=None,
            trust=False,
            image_options=AS_SHOWN,
        )
