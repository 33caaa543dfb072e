"""Detectors of transformers: a folder that `save_pretrained` wrote."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub
import msgspec
import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from pytest_detgate.config.tables.transformers_options import TransformersOptions
from pytest_detgate.counts import counted
from pytest_detgate.detections import ModelInfo, OutputNotFinite
from pytest_detgate.detector.devices import check_device, torch_device
from pytest_detgate.detector.name_lists import require_class_names
from pytest_detgate.detector.packages import installed_versions, quiet
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.torch_batches import Boxes
from pytest_detgate.detector.torch_models.detector import (
    Input,
    TorchDetector,
    set_computation,
    usual_batch_size,
)
from pytest_detgate.detector.torch_models.model_folder import CONFIG, folder_files
from pytest_detgate.detector.torch_precision import check_precision
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import sha256_of_file

# Raised when detections are made in another way, so that cached ones are not used.
_FORMAT = 2
_DISTRIBUTIONS = ("torch", "torchvision", "transformers", "safetensors", "timm", "pillow")
_NO_NAME = re.compile(r"LABEL_\d+")


def load_model(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None
) -> LoadedModel:
    """Load the folder of a file with weights. Nothing is downloaded, and no code of it is run."""
    weights = source.checkpoint
    if weights is None:
        raise DetectorError("a model of transformers is a folder, and none is named")
    options = msgspec.convert(source.options, TransformersOptions)
    used_device = torch_device(check_device(device))
    check_precision(source.precision, used_device)
    files = folder_files(weights)
    model, processor = _loaded(weights.parent)
    classes = _classes(weights.parent, model.config, options.classes)
    key = {
        "format": _FORMAT,
        "framework": "transformers",
        "checkpoint": sha256,
        "beside": {path.name: sha256_of_file(path) for path in files},
        "options": options,
        "precision": source.precision,
        "compile": source.compile,
        "upright": source.image_options.is_upright,
        "versions": installed_versions(_DISTRIBUTIONS),
    }
    info = ModelInfo(
        key=hashlib.sha256(msgspec.json.encode(key, order="sorted")).hexdigest(),
        checkpoint=str(weights),
        sha256=sha256,
        classes=classes,
        score_floor=options.score_floor,
    )
    model = model.to(used_device).eval()
    set_computation([model], used_device, source)
    network = TransformersNetwork(model, processor, used_device, options.score_floor)
    detector = TorchDetector(
        network,
        info=info,
        device=used_device,
        batch_size=batch_size or usual_batch_size(used_device),
        image_options=source.image_options,
        precision=source.precision,
    )
    return LoadedModel(detector=detector, files=files, packages=_DISTRIBUTIONS)


class TransformersNetwork:
    """A model with the processor that prepares its images and reads its outputs."""

    def __init__(self, model: Any, processor: Any, device: str, score_floor: float) -> None:
        self._model = model
        self._processor = processor
        self._device = device
        self._score_floor = score_floor

    def prepare(self, pixels: NDArray[np.uint8]) -> Input:
        """Let the processor make the tensors of an image."""
        made = self._processor(
            images=[pixels], return_tensors="pt", input_data_format="channels_last"
        )
        values = {name: made[name][0] for name in ("pixel_values", "pixel_mask") if name in made}
        height, width = pixels.shape[:2]
        return Input(values, (height, width))

    def predict(self, batch: Sequence[Input]) -> list[Boxes | OutputNotFinite]:
        """Return the boxes on each image."""
        names = batch[0].values
        inputs = {
            name: torch.stack([image.values[name] for image in batch]).to(self._device)
            for name in names
        }
        outputs = self._model(**inputs)
        results = self._processor.post_process_object_detection(
            outputs, threshold=self._score_floor, target_sizes=[image.size for image in batch]
        )
        # The processor drops what is no number without a word.
        finite = [
            (name, outputs[name].flatten(1).isfinite().all(dim=1).tolist())
            for name in ("logits", "pred_boxes")
        ]
        return [
            next((OutputNotFinite(name) for name, flags in finite if not flags[row]), None)
            or _boxes(result)
            for row, result in enumerate(results)
        ]


def _boxes(result: Mapping[str, torch.Tensor]) -> Boxes:
    xyxy, scores, labels = (
        result[name].float().cpu().numpy() for name in ("boxes", "scores", "labels")
    )
    return xyxy, scores, labels.astype(np.int64)


def _loaded(folder: Path) -> tuple[Any, Any]:
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet(), _offline():
            config = transformers.AutoConfig.from_pretrained(folder, **local)
            _take_weights_from_folder(config)
            processor = transformers.AutoImageProcessor.from_pretrained(folder, **local)
            model, report = transformers.AutoModelForObjectDetection.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                output_loading_info=True,
                dtype=torch.float32,
                **local,
            )
    except Exception as error:  # transformers, safetensors and the model's own code run
        line = (str(error).strip().splitlines() or [""])[0][:300]
        raise DetectorError(
            f"{folder}: transformers {transformers.__version__} cannot load it: "
            f"{type(error).__name__}: {line}"
        ) from error
    _require_all_weights(folder, report)
    if not hasattr(processor, "post_process_object_detection"):
        raise DetectorError(
            f"{folder}: its processor, {type(processor).__name__}, is not that of a detector"
        )
    return model, processor


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Keep the package for the hub from downloading: a model may name its backbone there."""
    constants = huggingface_hub.constants
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _take_weights_from_folder(config: Any) -> None:
    """Let no part of a model start from weights that timm would download."""
    if getattr(config, "use_pretrained_backbone", False):
        config.use_pretrained_backbone = False
    for part in list(vars(config).values()):
        if isinstance(part, transformers.PretrainedConfig):
            _take_weights_from_folder(part)


def _require_all_weights(folder: Path, report: Mapping[str, Any]) -> None:
    """Refuse weights that are missing or of another size: transformers draws those at random."""
    for kind, what in (("missing_keys", "lack"), ("mismatched_keys", "have another size for")):
        names = sorted(str(name) for name in report.get(kind) or ())
        if names:
            raise DetectorError(
                f"{folder}: its weights {what} {names[0]} ({len(names):,} in all), so that "
                "transformers would draw them at random"
            )


def _classes(folder: Path, config: Any, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the names by label. A name that several labels have gets the label behind it."""
    by_label = config.id2label
    if sorted(by_label) != list(range(len(by_label))):
        raise DetectorError(f"{folder / CONFIG}: the labels of id2label are not 0, 1, 2, ...")
    names = [str(by_label[label]) for label in range(len(by_label))]
    if chosen is not None:
        require_class_names(chosen)
        if len(chosen) != len(names):
            raise DetectorError(
                f"classes under [model.options] are {counted(len(chosen), 'name')}, and the model "
                f"has {counted(len(names), 'label')}"
            )
        return chosen
    if all(_NO_NAME.fullmatch(name) for name in names):
        raise DetectorError(
            f"{folder / CONFIG}: id2label has no names ({', '.join(names[:3])}): set classes under "
            "[model.options]"
        )
    counts = Counter(names)
    return tuple(
        name if name and counts[name] == 1 else f"{name or 'label'} {label}"
        for label, name in enumerate(names)
    )
