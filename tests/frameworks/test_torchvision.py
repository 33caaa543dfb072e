"""Models of torchvision, beside torchvision's own loop."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_detgate.detections import OutputNotFinite
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
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
from tests.processes import assert_all_end

torch = pytest.importorskip("torch", reason="torch is not installed")
torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")

SSD = "ssdlite320_mobilenet_v3_large"
# Small images, so that a test takes seconds; and a floor that random weights reach.
BUILDERS: dict[str, dict[str, Any]] = {
    SSD: {},
    "fasterrcnn_mobilenet_v3_large_320_fpn": {"min_size": 96, "max_size": 160},
    "retinanet_resnet50_fpn": {"min_size": 96, "max_size": 160, "score_thresh": 0.0},
    "fcos_resnet50_fpn": {"min_size": 96, "max_size": 160, "score_thresh": 0.0},
}
MODEL = f"""
[model]
framework = "torchvision"
checkpoint = "weights.pth"
[model.options]
builder = "{SSD}"
classes = ["red", "blue"]
"""
RULES = """
[rules.mean-ap]
min = 0.0
[rules.latency]
max-ms = 600_000
images = 2
[rules.repeatability]
images = 3
max-score-difference = 0.0
"""


def build(builder: str = SSD, n_labels: int = 3, **arguments: Any) -> Any:
    torch.manual_seed(1)
    make = torchvision.models.get_model_builder(builder)
    model = make(weights=None, weights_backbone=None, num_classes=n_labels, **arguments).eval()
    with torch.no_grad():  # random heads would give all boxes nearly one score
        for name, parameter in model.named_parameters():
            if "class" in name or "cls" in name:
                parameter.add_(torch.randn_like(parameter) * parameter.std().clamp(min=0.01))
        head = getattr(getattr(model, "head", None), "classification_head", None)
        logits = getattr(head, "cls_logits", None)
        if n_labels > len(CLASSES) and logits is not None:
            # Training lowers the background, which is no class, to nearly nothing.
            logits.bias.view(-1, n_labels)[:, 0] = -20
    return model


def own_loop(model: Any, images: list[Path], first_label: int = 1) -> dict[Path, Detections]:
    """What the documentation of torchvision shows: an image to a tensor, to the model."""
    collected = {}
    for path in images:
        with Image.open(path) as image:
            tensor = torchvision.transforms.functional.to_tensor(image.convert("RGB"))
        with torch.inference_mode():
            (output,) = model([tensor])
        boxes, scores, labels = (output[name].numpy() for name in ("boxes", "scores", "labels"))
        remaining = labels >= first_label
        collected[path] = (boxes[remaining], scores[remaining], labels[remaining] - first_label)
    return collected


def load(path: Path, *, batch_size: int | None = None, **options: Any) -> LoadedModel:
    options = {"builder": SSD, "classes": CLASSES, **options}
    source = ModelSource(path, framework="torchvision", options=options)
    made = framework("torchvision")
    return made.load(source, sha256="0" * 64, device="cpu", batch_size=batch_size)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pth"
    torch.save(build().state_dict(), path)
    return path


@pytest.mark.parametrize("builder", BUILDERS)
def test_detections_are_torchvisions(builder: str, tmp_path: Path) -> None:
    arguments = BUILDERS[builder]
    model = build(builder, **arguments)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    images = draw_images(tmp_path)

    loaded = load(tmp_path / "weights.pth", builder=builder, arguments=arguments, batch_size=2)

    assert loaded.detector.info.classes == CLASSES
    assert_same_detections(loaded.detector.detect, own_loop(model, images))
    assert loaded.detector.model_seconds > 0  # type: ignore[attr-defined]


def test_batches_and_turns_change_nothing(weights: Path, tmp_path: Path) -> None:
    images = draw_images(tmp_path)
    own = own_loop(build(), images)
    for batch_size in (1, 4):
        detector: Any = load(weights, batch_size=batch_size).detector
        assert_same_detections(detector.in_turn, own)
        assert_same_detections(detector.detect, own)


def test_a_whole_gate(pytester: pytest.Pytester) -> None:
    model = build()
    torch.save(model.state_dict(), pytester.path / "weights.pth")
    ap = write_labels(pytester.path, own_loop(model, draw_images(pytester.path)))
    assert 0.05 < ap < 0.95
    (pytester.path / "detgate.toml").write_text(HEAD + MODEL + RULES)
    pytester.makeini("[pytest]\n")

    first = run_forked(pytester, "detgate.toml")

    assert first.ret == 0
    assert values_in(pytester.path)["mean-ap"]["ap"] == pytest.approx(ap, abs=SAME)
    record = report_in(pytester.path)["model"]
    assert (record["framework"], record["images"], record["kept"]) == ("torchvision", 5, 0)

    (pytester.path / "conftest.py").write_text(
        "import sys\ndef pytest_sessionfinish(session):\n"
        "    assert 'torchvision' not in sys.modules\n"
    )
    run_forked(pytester, "detgate.toml", "-k", "mean-ap")

    assert report_in(pytester.path)["model"]["kept"] == 5
    assert values_in(pytester.path)["mean-ap"]["ap"] == pytest.approx(ap, abs=SAME)


def test_the_gate_on_ray(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    model = build()
    torch.save(model.state_dict(), pytester.path / "weights.pth")
    ap = write_labels(pytester.path, own_loop(model, draw_images(pytester.path)))
    run = '[run]\nengine = "ray"\nworkers = 1\nthreads = 1\n'
    (pytester.path / "detgate.toml").write_text(HEAD + MODEL + "[rules.mean-ap]\nmin = 0.0\n" + run)
    pytester.makeini("[pytest]\n")
    mark = f"DETGATE_TEST_{os.getpid()}"
    monkeypatch.setenv(mark, "1")

    assert run_forked(pytester, "detgate.toml").ret == 0

    assert_all_end(mark)
    assert values_in(pytester.path)["mean-ap"]["ap"] == pytest.approx(ap, abs=SAME)


def test_checkpoint_of_torchvisions_script(tmp_path: Path) -> None:
    """`references/detection/train.py` saves more than weights, and counts epochs from 0."""
    model = build()
    content = {
        "model": {f"module.{name}": value for name, value in model.state_dict().items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.02}]},
        "args": argparse.Namespace(lr=0.02),
        "epoch": 25,
    }
    torch.save(content, tmp_path / "model_25.pth")

    assert load(tmp_path / "model_25.pth").detector.info.epoch == 26


def test_labels_from_zero(tmp_path: Path) -> None:
    arguments = BUILDERS["retinanet_resnet50_fpn"]
    model = build("retinanet_resnet50_fpn", 2, **arguments)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    images = draw_images(tmp_path)[:2]

    loaded = load(
        tmp_path / "weights.pth",
        builder="retinanet_resnet50_fpn",
        arguments=arguments,
        **{"first-label": 0},
    )

    assert_same_detections(loaded.detector.detect, own_loop(model, images, first_label=0))


def test_a_detected_background_is_refused(tmp_path: Path) -> None:
    """Trained with labels 0 and 1, read as background and one class."""
    arguments = BUILDERS["retinanet_resnet50_fpn"]
    model = build("retinanet_resnet50_fpn", 3, **arguments)
    with torch.no_grad():
        model.head.classification_head.cls_logits.bias.view(9, 3)[:, 0] = 1.0
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    detector = load(
        tmp_path / "weights.pth", builder="retinanet_resnet50_fpn", arguments=arguments
    ).detector

    with pytest.raises(DetectorError, match=r"label 0, the background.*first-label = 0"):
        list(detector.detect(draw_images(tmp_path)[:1]))


def test_values_that_are_no_numbers_are_seen(weights: Path, tmp_path: Path) -> None:
    """torchvision would drop their boxes, and an image without boxes passes many limits."""
    state = torch.load(weights, weights_only=True)
    name = next(name for name in state if "classification_head" in name and name.endswith("bias"))
    state[name][0] = float("nan")
    torch.save(state, weights)

    results = [entry.result for entry in load(weights).detector.detect(draw_images(tmp_path)[:2])]

    assert results == [OutputNotFinite("head")] * 2


def test_memory_that_runs_out_halves_the_batch(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = draw_images(tmp_path)
    detector: Any = load(weights, batch_size=4).detector
    predict = detector._network.predict

    def predict_two(batch: list[Any]) -> Any:
        if len(batch) > 2:
            raise RuntimeError("CUDA out of memory")
        return predict(batch)

    monkeypatch.setattr(detector._network, "predict", predict_two)

    assert_same_detections(detector.detect, own_loop(build(), images))
    assert "2 at a time in place of 4" in detector.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"builder": "ssdlite320"}, "no detector 'ssdlite320'"),
        (
            {"classes": ("red",)},
            "not the weights of ssdlite.* 1 class and the background: .*shape",
        ),
        ({"classes": ("red", "red")}, "names, each once"),
        ({"builder": "fcos_resnet50_fpn"}, r"not the weights of fcos.*it lacks .*it has .*differ"),
        (
            {
                "builder": "fasterrcnn_resnet50_fpn",
                "arguments": {"rpn_anchor_generator": [1]},
            },
            r"with the arguments under .* fails: TypeError",
        ),
        ({"arguments": {"weights": 1}}, "weights is no argument that can be chosen"),
        (
            {"arguments": {"nms_tresh": 5}},
            r"has no argument 'nms_tresh'; did you mean 'nms_thresh'",
        ),
    ],
)
def test_mistakes_have_one_message(weights: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        load(weights, **options)


def test_a_pickled_model_is_refused(tmp_path: Path) -> None:
    torch.save(build(), tmp_path / "model.pth")

    with pytest.raises(DetectorError, match=r"refused: it asks for torch\.nn"):
        load(tmp_path / "model.pth")


def test_unreadable_images_are_named(weights: Path, tmp_path: Path) -> None:
    images = draw_images(tmp_path)[:2]
    images[0].write_bytes(b"no image")

    results = {entry.image: entry.result for entry in load(weights).detector.detect(images)}

    assert "cannot identify" in results[images[0]].reason  # type: ignore[union-attr]
    assert len(results[images[1]].score) > np.int64(0)  # type: ignore[union-attr]
