"""What the code of a framework must not do while it loads a model; and how large one may be."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.errors import DetectorError

SSD = {"builder": "ssdlite320_mobilenet_v3_large", "classes": ["red", "blue"]}


def transformers_model(folder: Path) -> tuple[ModelSource, tuple[str, str]]:
    pytest.importorskip("transformers", reason="transformers is not installed")
    from tests.frameworks.test_transformers import save

    save(folder)
    source = ModelSource(folder / "model.safetensors", framework="transformers")
    return source, ("transformers.models.yolos.modeling_yolos", "YolosModel.__init__")


def torchvision_model(folder: Path) -> tuple[ModelSource, tuple[str, str]]:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    models = pytest.importorskip("torchvision", reason="torchvision is not installed").models
    builder = models.get_model_builder(SSD["builder"])
    folder.mkdir()
    model = builder(weights=None, weights_backbone=None, num_classes=3)
    torch.save(model.state_dict(), folder / "ssd.pth")
    source = ModelSource(folder / "ssd.pth", framework="torchvision", options=SSD)
    return source, ("torchvision.models.detection.ssd", "SSD.__init__")


def openvino_model(folder: Path) -> tuple[ModelSource, tuple[str, str]]:
    pytest.importorskip("openvino", reason="openvino is not installed")
    from tests.frameworks.test_openvino import SETTINGS, convert

    folder.mkdir()
    convert(folder / "colours.xml")
    source = ModelSource(folder / "colours.xml", framework="openvino", options=SETTINGS)
    return source, ("openvino", "Core.read_model")


MODELS = {
    "transformers": transformers_model,
    "torchvision": torchvision_model,
    "openvino": openvino_model,
}
ACTIONS: dict[str, tuple[Callable[[Path], object], str]] = {
    "process": (lambda mark: subprocess.run(["touch", str(mark)], check=False), "start a process"),
    "shell": (lambda mark: os.system(f"touch {mark}"), "start a process"),
    "network": (lambda mark: socket.create_connection(("127.0.0.1", 9)), "use the network"),
    "file": (lambda mark: mark.write_bytes(b""), "write a file"),
    "folder": (lambda mark: mark.mkdir(), "change files"),
    "text": (lambda mark: exec(f"open({str(mark)!r}, 'w')"), "evaluate text"),
    "elsewhere": (lambda mark: Path("/etc/passwd").read_bytes(), "open a file"),
}


def load(source: ModelSource) -> Any:
    made = framework(source.framework)
    return made.load(source, sha256="0" * 64, device="cpu", batch_size=None)


@pytest.fixture(scope="module", params=MODELS)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelSource, tuple[str, str]]:
    """A model that loads, and a function that is called for that."""
    source, function = MODELS[request.param](tmp_path_factory.mktemp("loaded") / "model")
    assert load(source).detector.info.classes == ("red", "blue")
    return source, function


@pytest.mark.parametrize("action", ACTIONS)
def test_models_act_on_nothing_while_they_are_loaded(
    made: tuple[ModelSource, tuple[str, str]],
    action: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if their code had a gap that a file of weights can use."""
    source, (module, function) = made
    act, why = ACTIONS[action]
    owner = getattr(sys.modules[module], function.partition(".")[0])
    method = function.partition(".")[2]
    usual = getattr(owner, method)

    def acting(*arguments: Any, **options: Any) -> Any:
        act(tmp_path / "mark")
        return usual(*arguments, **options)

    monkeypatch.setattr(owner, method, acting)
    with pytest.raises(DetectorError, match=f"refused, because .* it tried to {why}") as caught:
        load(source)

    assert str(source.checkpoint.parent) in str(caught.value)  # type: ignore[union-attr]
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mark").exists()


def test_a_trusted_model_may_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = torchvision_model(tmp_path / "model")
    ssd = sys.modules["torchvision.models.detection.ssd"]
    usual = ssd.SSD.__init__

    def acting(*arguments: Any, **options: Any) -> None:
        (tmp_path / "mark").write_bytes(b"")
        usual(*arguments, **options)

    monkeypatch.setattr(ssd.SSD, "__init__", acting)
    trusted = ModelSource(
        source.checkpoint, framework="torchvision", options=source.options, trust=True
    )
    load(trusted)

    assert (tmp_path / "mark").exists()


SIZES: dict[str, tuple[dict[str, Any], str]] = {
    "layers": ({"num_hidden_layers": 10**9}, r"has the number 1,000,000,000; the largest allowed"),
    "labels": ({"num_labels": 10**9}, r"has the number 1,000,000,000; the largest allowed"),
    "digits": ({"hidden_size": 10**400}, r"an integer of more than 18 digits"),
    "nested": ({"backbone_config": {"depths": [3, 10**8]}}, r"has the number 100,000,000; "),
    "fewer layers": (
        {"num_hidden_layers": 10**6},
        r"is far larger than its weights: .* modules .* the file has {weights} weights",
    ),
    "width": (
        {"hidden_size": 10**5, "intermediate_size": 10**6},
        r"is far larger than its weights: .* numbers, and the file has {weights} weights",
    ),
}


@pytest.mark.parametrize("kind", SIZES)
def test_networks_of_transformers_are_no_larger_than_weights(kind: str, tmp_path: Path) -> None:
    source, _ = transformers_model(tmp_path / "model")
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(source.checkpoint, "pt") as weights:
        count = len(weights.keys())
    changes, message = SIZES[kind]
    message = message.replace("{weights}", str(count))
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    started = time.monotonic()
    with pytest.raises(DetectorError, match=message) as caught:
        load(source)

    assert time.monotonic() - started < 30
    assert "\n" not in str(caught.value)


def test_networks_of_torchvision_are_no_larger_than_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    torch.save({"a": torch.zeros(3)}, tmp_path / "small.pth")
    options = {**SSD, "classes": [f"class {number}" for number in range(400_000)]}
    source = ModelSource(tmp_path / "small.pth", framework="torchvision", options=options)

    with pytest.raises(DetectorError, match=r"small\.pth: refused, .*the file has 1 weight with 3"):
        load(source)


def test_other_weights_of_a_usual_network_are_compared(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    torch.save({"a": torch.zeros(3)}, tmp_path / "small.pth")
    options = {**SSD, "builder": "fasterrcnn_resnet50_fpn_v2"}
    source = ModelSource(tmp_path / "small.pth", framework="torchvision", options=options)

    with pytest.raises(DetectorError, match=r"not the weights of fasterrcnn_resnet50_fpn_v2"):
        load(source)
