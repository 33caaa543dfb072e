"""Models of transformers, beside transformers' own loop."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.detections import ImageDetections, OutputNotFinite
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.registry import framework, framework_of
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

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

NAMES = {"id2label": dict(enumerate(CLASSES)), "label2id": {"red": 0, "blue": 1}}
RULES = """
[model]
checkpoint = "site_model"
[rules.mean-ap]
min = 0.0
[rules.latency]
max-ms = 600_000
images = 2
[rules.repeatability]
images = 3
max-score-difference = 0.0
"""
FLOOR = 0.001
NOISE = 0.2


def yolos() -> tuple[Any, Any]:
    config = transformers.YolosConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=[96, 128],
        num_detection_tokens=20,
        **NAMES,
    )
    processor = transformers.YolosImageProcessor(size={"shortest_edge": 96, "longest_edge": 128})
    return transformers.YolosForObjectDetection(config), processor


def rt_detr() -> tuple[Any, Any]:
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        encoder_in_channels=[16, 24, 32],
        encoder_hidden_dim=32,
        encoder_ffn_dim=32,
        encoder_layers=1,
        d_model=32,
        decoder_in_channels=[32, 32, 32],
        decoder_ffn_dim=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        encoder_attention_heads=2,
        num_queries=30,
        **NAMES,
    )
    processor = transformers.RTDetrImageProcessor(size={"height": 96, "width": 96})
    return transformers.RTDetrForObjectDetection(config), processor


def detr() -> tuple[Any, Any]:
    config = transformers.DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=transformers.ResNetConfig(
            embedding_size=8,
            hidden_sizes=[8, 16, 24, 32],
            depths=[1, 1, 1, 1],
            out_features=["stage4"],
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=20,
        **NAMES,
    )
    processor = transformers.DetrImageProcessor(size={"shortest_edge": 96, "longest_edge": 160})
    return transformers.DetrForObjectDetection(config), processor


MODELS = {"yolos": yolos, "rt_detr": rt_detr, "detr": detr}


def save(folder: Path, name: str = "yolos", **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(3)
    model, processor = MODELS[name]()
    with torch.no_grad():  # small random weights would give all boxes one class and one score
        for parameter_name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "backbone" not in parameter_name:
                parameter.add_(torch.randn_like(parameter) * NOISE)
    model.save_pretrained(folder, **options)
    processor.save_pretrained(folder)
    return model.eval(), processor


def own_loop(made: tuple[Any, Any], images: list[Path]) -> dict[Path, Detections]:
    """What the documentation of transformers shows."""
    model, processor = made
    collected = {}
    for path in images:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        with torch.inference_mode():
            outputs = model(**processor(images=image, return_tensors="pt"))
        sizes = torch.tensor([image.size[::-1]])
        (result,) = processor.post_process_object_detection(
            outputs, threshold=FLOOR, target_sizes=sizes
        )
        boxes, scores, labels = (result[name].numpy() for name in ("boxes", "scores", "labels"))
        collected[path] = (boxes, scores, labels)
    return collected


def load(folder: Path, *, batch_size: int | None = None, **options: Any) -> LoadedModel:
    made = framework("transformers")
    source = ModelSource(made.checkpoint(folder), framework="transformers", options=options)
    return made.load(source, sha256="0" * 64, device="cpu", batch_size=batch_size)


@pytest.mark.parametrize("name", MODELS)
def test_detections_are_transformers(name: str, tmp_path: Path) -> None:
    made = save(tmp_path / "model", name)
    own = own_loop(made, draw_images(tmp_path))

    for batch_size in (1, 2):
        loaded = load(tmp_path / "model", batch_size=batch_size)

        assert loaded.detector.info.classes == CLASSES
        assert_same_detections(loaded.detector.detect, own)


@pytest.mark.parametrize("name", ["yolos", "rt_detr"])
def test_a_whole_gate(name: str, pytester: pytest.Pytester) -> None:
    made = save(pytester.path / "site_model", name)
    ap = write_labels(pytester.path, own_loop(made, draw_images(pytester.path)))
    assert 0.05 < ap < 0.95
    (pytester.path / "detgate.toml").write_text(HEAD + RULES)
    pytester.makeini("[pytest]\n")

    assert run_forked(pytester, "detgate.toml").ret == 0

    assert values_in(pytester.path)["mean-ap"]["ap"] == pytest.approx(ap, abs=SAME)
    record = report_in(pytester.path)["model"]
    assert (record["framework"], record["images"], record["kept"]) == ("transformers", 5, 0)
    assert record["checkpoint"] == "site_model/model.safetensors"

    run_forked(pytester, "detgate.toml", "-k", "mean-ap")

    assert report_in(pytester.path)["model"]["kept"] == 5

    # Another size of the input is another model.
    processor = pytester.path / "site_model" / "preprocessor_config.json"
    content = json.loads(processor.read_text())
    content["size"] = dict.fromkeys(content["size"], 64)
    processor.write_text(json.dumps(content))
    run_forked(pytester, "detgate.toml", "-k", "mean-ap")

    assert report_in(pytester.path)["model"]["kept"] == 0


def test_weights_in_parts(tmp_path: Path) -> None:
    made = save(tmp_path / "model", max_shard_size="40KB")
    assert not (tmp_path / "model" / "model.safetensors").exists()
    own = own_loop(made, draw_images(tmp_path)[:2])

    loaded = load(tmp_path / "model")

    assert len(loaded.files) > 3
    assert_same_detections(loaded.detector.detect, own)


def test_values_that_are_no_numbers_are_seen(tmp_path: Path) -> None:
    model, _ = save(tmp_path / "model")
    with torch.no_grad():
        model.class_labels_classifier.layers[-1].bias.fill_(float("nan"))
    model.save_pretrained(tmp_path / "model")

    (detections,) = load(tmp_path / "model").detector.detect(draw_images(tmp_path)[:1])

    assert detections.result == OutputNotFinite("logits")


def test_names_of_classes(tmp_path: Path) -> None:
    save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    content = json.loads(path.read_text())

    content["id2label"] = {"0": "N/A", "1": "N/A"}
    path.write_text(json.dumps(content))
    assert load(tmp_path / "model").detector.info.classes == ("N/A 0", "N/A 1")

    content["id2label"] = {"0": "LABEL_0", "1": "LABEL_1"}
    path.write_text(json.dumps(content))
    with pytest.raises(DetectorError, match=r"id2label has no names .*set classes under"):
        load(tmp_path / "model")
    assert load(tmp_path / "model", classes=CLASSES).detector.info.classes == CLASSES
    with pytest.raises(DetectorError, match=r"classes .* are 1 name, and the model has 2 labels"):
        load(tmp_path / "model", classes=("red",))


def test_weights_that_are_missing_are_not_drawn(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if "bbox_predictor" in name)
    del weights[name]
    save_file(weights, path, metadata={"format": "pt"})

    with pytest.raises(DetectorError, match=r"its weights lack bbox_predictor.* at random"):
        load(tmp_path / "model")


def test_a_folder_is_recognised(tmp_path: Path) -> None:
    save(tmp_path / "model")

    assert framework_of(tmp_path / "model") == "transformers"
    assert framework_of(tmp_path / "model" / "model.safetensors") == "transformers"
    assert framework_of(tmp_path) == "mmdetection"


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    """A backbone that is only named would come from the hub."""
    save(tmp_path / "model", "detr")
    calls: list[str] = []
    seen = {"socket.connect", "socket.getaddrinfo"}
    watching = [True]
    sys.addaudithook(lambda event, _: calls.append(event) if watching and event in seen else None)
    path = tmp_path / "model" / "config.json"
    content = json.loads(path.read_text())
    content |= {"backbone": "resnet50", "use_pretrained_backbone": True, "backbone_config": None}
    path.write_text(json.dumps(content))

    with pytest.raises(DetectorError, match=r"transformers .* cannot load it"):
        load(tmp_path / "model")

    watching.clear()
    assert calls == []


def change(folder: Path, name: str = "config.json", **values: Any) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**content, **values}))


def change_weights(folder: Path, changes: Any) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file(changes(load_file(path)), path, metadata={"format": "pt"})


def test_half_weights_are_computed_in_float32(tmp_path: Path) -> None:
    save(tmp_path / "model")
    own = load(tmp_path / "model")
    (image,) = draw_images(tmp_path)[:1]
    (before,) = own.detector.detect([image])
    change_weights(
        tmp_path / "model", lambda weights: {name: array.half() for name, array in weights.items()}
    )

    (after,) = load(tmp_path / "model").detector.detect([image])

    assert isinstance(before.result, ImageDetections)
    assert isinstance(after.result, ImageDetections)
    assert after.result.score == pytest.approx(before.result.score, abs=2e-3)


def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    """As floats they would be hundreds of times too large, and nothing would say so."""
    save(tmp_path / "model")
    change_weights(
        tmp_path / "model",
        lambda weights: {name: (array * 100).to(torch.int8) for name, array in weights.items()},
    )

    with pytest.raises(DetectorError, match=r"is stored as I8, as in a quantized model; save"):
        load(tmp_path / "model")


def test_weights_without_a_place_are_refused(tmp_path: Path) -> None:
    """A decoder of fewer layers than were trained loads, and detects something else."""
    save(tmp_path / "model", "detr")
    change_weights(
        tmp_path / "model",
        lambda weights: {
            **weights,
            "model.backbone.conv1.num_batches_tracked": torch.tensor(3),
        },
    )
    load(tmp_path / "model")  # a count that detection does not use
    change_weights(
        tmp_path / "model",
        lambda weights: {
            **weights,
            **{
                name.replace("decoder.layers.0.", "decoder.layers.1."): array.clone()
                for name, array in weights.items()
            },
        },
    )

    with pytest.raises(
        DetectorError, match=r"have model\.decoder\.layers\.1\.\S+ in addition .*no place: is it"
    ):
        load(tmp_path / "model")


def test_weights_of_another_size_are_named(tmp_path: Path) -> None:
    save(tmp_path / "model")
    change(tmp_path / "model", id2label={"0": "red", "1": "blue", "2": "green"}, label2id={})

    with pytest.raises(
        DetectorError, match=r"classifier\.layers\.2\.bias has the shape \(3,\) and not \(4,\) \(2 "
    ):
        load(tmp_path / "model")


def test_class_tables_that_differ_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "model")
    change(tmp_path / "model", label2id={"red": 1, "blue": 2})

    with pytest.raises(DetectorError, match=r"label2id differ: red is label 0 in one and 1 in the"):
        load(tmp_path / "model")

    assert load(tmp_path / "model", classes=CLASSES).detector.info.classes == CLASSES
    change(tmp_path / "model", label2id={"LABEL_0": 0, "LABEL_1": 1})  # nobody filled it in
    assert load(tmp_path / "model").detector.info.classes == CLASSES
    change(tmp_path / "model", id2label={"0": "red", "1": None})
    with pytest.raises(DetectorError, match=r"id2label names label 1 None; expected text"):
        load(tmp_path / "model")


def test_a_processor_that_drops_a_class_is_refused(tmp_path: Path) -> None:
    """RT-DETR has no class for the background, so the last class would never be detected."""
    save(tmp_path / "model", "rt_detr")
    change(
        tmp_path / "model", "preprocessor_config.json", image_processor_type="DetrImageProcessor"
    )

    with pytest.raises(DetectorError, match=r"DetrImageProcessor, takes the last class for the"):
        list(load(tmp_path / "model").detector.detect(draw_images(tmp_path)[:1]))


def test_an_error_of_two_lines_says_what_is_wrong(tmp_path: Path) -> None:
    save(tmp_path / "model")
    change(tmp_path / "model", num_hidden_layers="two")

    with pytest.raises(DetectorError, match=r"'num_hidden_layers': .*expected int, got str"):
        load(tmp_path / "model")


def test_images_of_every_kind(tmp_path: Path) -> None:
    save(tmp_path / "model", "rt_detr")
    exif = Image.Exif()
    exif[274] = 6
    made = {
        "one.png": Image.new("RGB", (1, 1)),
        "wide.png": Image.new("RGB", (4000, 10)),
        "gray.png": Image.new("L", (60, 40), 9),
        "alpha.png": Image.new("RGBA", (60, 40), (1, 2, 3, 4)),
        "palette.png": Image.new("P", (60, 40), 9),
        "print.jpg": Image.new("CMYK", (60, 40)),
    }
    for name, image in made.items():
        image.save(tmp_path / name)
    Image.new("RGB", (60, 40)).save(tmp_path / "turned.jpg", exif=exif)
    names = [*made, "turned.jpg"]
    detector = load(tmp_path / "model", batch_size=2).detector

    answers = detector.detect([tmp_path / name for name in names])
    results = {answer.image.name: answer.result for answer in answers}

    assert sorted(results) == sorted(names)
    for result in results.values():
        assert isinstance(result, ImageDetections)
        assert len(result.score) == 30
    assert list(detector.detect([])) == []
