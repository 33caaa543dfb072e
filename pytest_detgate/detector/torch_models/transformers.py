"""Detectors of transformers: a folder that `save_pretrained` wrote."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
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
from pytest_detgate.detector.loading_limits.network_size import built_for
from pytest_detgate.detector.loading_limits.wall import loading_wall
from pytest_detgate.detector.name_lists import require_class_names, shown_name
from pytest_detgate.detector.packages import installed_versions, quiet
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.torch_batches import Boxes
from pytest_detgate.detector.torch_models.detector import (
    Input,
    TorchDetector,
    set_computation,
    usual_batch_size,
)
from pytest_detgate.detector.torch_models.model_folder import CONFIG, folder_files, stored_size
from pytest_detgate.detector.torch_precision import check_precision
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import sha256_of_file

# Raised when detections are made in another way, so that cached ones are not used.
_FORMAT = 2
_DISTRIBUTIONS = ("torch", "torchvision", "transformers", "safetensors", "timm", "pillow")
_NO_NAME = re.compile(r"LABEL_\d+")
# A count that some layers keep while they are trained; detection does not use it.
_OF_TRAINING = ".num_batches_tracked"
_OFFLINE = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN")
_NO_THREADS = "HF_DEACTIVATE_ASYNC_LOAD"


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
    model, processor = _loaded(weights, trust=source.trust)
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
        self._drops_last = _drops_last(processor)

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
        n_labels = len(self._model.config.id2label)
        if self._drops_last and outputs["logits"].shape[-1] == n_labels:
            raise DetectorError(
                f"the processor, {type(self._processor).__name__}, takes the last class for the "
                f"background, and {type(self._model).__name__} has none: save the model with its "
                "own processor"
            )
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


def _drops_last(processor: Any) -> bool:
    """Return whether a processor takes the last class for the background: it does if it finds
    nothing in a box that is of that class alone."""
    outputs = SimpleNamespace(
        logits=torch.tensor([[[-9.0, -9.0, 9.0]]]), pred_boxes=torch.full((1, 1, 4), 0.5)
    )
    try:
        (result,) = processor.post_process_object_detection(
            outputs, threshold=0.5, target_sizes=[(9, 9)]
        )
    except Exception:  # it needs more of a model; labels that are out of range are seen later
        return False
    return len(result["scores"]) == 0


def _loaded(weights: Path, *, trust: bool) -> tuple[Any, Any]:
    folder = weights.parent
    local = {"local_files_only": True, "trust_remote_code": False}
    bounds = built_for(stored_size(weights), str(folder))
    try:
        with quiet(), _offline(), loading_wall(str(folder), trust=trust, folder=folder), bounds:
            config = transformers.AutoConfig.from_pretrained(folder, **local)
            _take_weights_from_folder(config)
            processor = transformers.AutoImageProcessor.from_pretrained(folder, **local)
            model, report = transformers.AutoModelForObjectDetection.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are in the report, and are refused below
                dtype=torch.float32,
                **local,
            )
    except DetectorError:
        raise
    except Exception as error:  # transformers, safetensors and the model's own code run
        # The first line of some errors only says where the mistake is.
        lines = [line.strip() for line in str(error).strip().splitlines()] or [""]
        line = " ".join(lines[: 2 if lines[0].endswith(":") else 1])[:300]
        raise DetectorError(
            f"{folder}: transformers {transformers.__version__} cannot load it: "
            f"{type(error).__name__}: {line}"
        ) from error
    _require_same_weights(folder, report)
    if not hasattr(processor, "post_process_object_detection"):
        raise DetectorError(
            f"{folder}: its processor, {type(processor).__name__}, is not that of a detector"
        )
    return model, processor


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Keep the package for the hub from downloading, as a model may name its backbone there, and
    from reading its password.

    Weights are copied in this thread, because the wall is around it alone.
    """
    constants = huggingface_hub.constants
    before = {name: getattr(constants, name) for name in _OFFLINE}
    threads = os.environ.get(_NO_THREADS)
    os.environ[_NO_THREADS] = "1"
    try:
        vars(constants).update(dict.fromkeys(_OFFLINE, True))
        yield
    finally:
        vars(constants).update(before)
        del os.environ[_NO_THREADS]
        if threads is not None:
            os.environ[_NO_THREADS] = threads


def _take_weights_from_folder(config: Any) -> None:
    """Let no part of a model start from weights that timm would download."""
    if getattr(config, "use_pretrained_backbone", False):
        config.use_pretrained_backbone = False
    for part in list(vars(config).values()):
        if isinstance(part, transformers.PretrainedConfig):
            _take_weights_from_folder(part)


def _require_same_weights(folder: Path, report: Mapping[str, Any]) -> None:
    """Refuse weights that are missing or of another size: transformers draws those at random; and
    weights that the model has no place for: it may have fewer layers than the one that was saved.
    """
    if missing := sorted(map(str, report.get("missing_keys") or ())):
        raise DetectorError(
            f"{folder}: its weights lack {missing[0]} ({len(missing):,} in all), so that "
            "transformers would draw them at random"
        )
    if sizes := sorted(report.get("mismatched_keys") or ()):
        name, stored, built = sizes[0]
        raise DetectorError(
            f"{folder}: the weights do not fit {CONFIG}: {name} has the shape {tuple(stored)} and "
            f"not {tuple(built)} ({counted(len(sizes), 'difference')})"
        )
    more = sorted(map(str, report.get("unexpected_keys") or ()))
    if more := [name for name in more if not name.endswith(_OF_TRAINING)]:
        raise DetectorError(
            f"{folder}: its weights have {shown_name(more[0])} in addition ({len(more):,} in all), "
            f"for which the model of {CONFIG} has no place: is it that of other weights? If not, "
            "load it and save it again with save_pretrained"
        )


def _classes(folder: Path, config: Any, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the names by label. A name that several labels have gets the label behind it."""
    by_label = config.id2label
    if sorted(by_label) != list(range(len(by_label))):
        raise DetectorError(f"{folder / CONFIG}: the labels of id2label are not 0, 1, 2, ...")
    names = [by_label[label] for label in range(len(by_label))]
    for label, name in enumerate(names):
        if not isinstance(name, str):
            raise DetectorError(
                f"{folder / CONFIG}: id2label names label {label} {name!r}; expected text"
            )
    if chosen is not None:
        require_class_names(chosen)
        if len(chosen) != len(names):
            raise DetectorError(
                f"classes under [model.options] are {counted(len(chosen), 'name')}, and the model "
                f"has {counted(len(names), 'label')}"
            )
        return chosen
    for name, label in (config.label2id or {}).items():
        if name in names and (label not in by_label or by_label[label] != name):
            raise DetectorError(
                f"{folder / CONFIG}: id2label and label2id differ: {shown_name(name)} is label "
                f"{names.index(name)} in one and {label!r} in the other; fix them, or set classes "
                "under [model.options]"
            )
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
