"""Detectors of torchvision: a state dictionary, and the function that builds its model."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torchvision import models

from pytest_detgate.config.tables.torchvision_options import TorchvisionOptions
from pytest_detgate.counts import counted
from pytest_detgate.detections import ModelInfo, OutputNotFinite
from pytest_detgate.detector.devices import check_device, torch_device
from pytest_detgate.detector.loading_limits.network_size import StoredSize, built_for
from pytest_detgate.detector.loading_limits.wall import loading_wall
from pytest_detgate.detector.name_lists import require_class_names, shown_name
from pytest_detgate.detector.packages import installed_versions, quiet
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.torch_batches import Boxes
from pytest_detgate.detector.torch_file.weight_types import load_same_types
from pytest_detgate.detector.torch_models.detector import (
    Input,
    TorchDetector,
    set_computation,
    usual_batch_size,
)
from pytest_detgate.detector.torch_models.state_file import read_state
from pytest_detgate.detector.torch_precision import check_precision
from pytest_detgate.errors import DetectorError, nearest

# Raised when detections are made in another way, so that cached ones are not used.
_FORMAT = 2
_DISTRIBUTIONS = ("torch", "torchvision", "pillow")
# Without a background among its classes a head never trains label 0, and gives it nearly 0.
_BACKGROUND_SCORE = 0.05
# Arguments that are known, or that name weights to download.
_FIXED = ("weights", "weights_backbone", "num_classes", "progress")


def load_model(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None
) -> LoadedModel:
    """Build the model that `source.options` name, with the weights of the file.

    Nothing is downloaded, and nothing of the file is run unless it is trusted.
    """
    path = source.checkpoint
    if path is None:
        raise DetectorError("a model of torchvision is a file with its weights; none is named")
    options = msgspec.convert(source.options, TorchvisionOptions)
    require_class_names(options.classes)
    used_device = torch_device(check_device(device))
    check_precision(source.precision, used_device)
    weights, epoch = read_state(path, trust=source.trust)
    with (
        loading_wall(str(path), trust=source.trust),
        built_for(StoredSize.of(weights), str(path)),
    ):
        model = _built(options)
        _fill(model, weights, path, options)
    model = model.to(used_device).eval()
    set_computation([part for _, part in _networks(model)], used_device, source)
    network = TorchvisionNetwork(model, used_device, options.first_label)
    key = {
        "format": _FORMAT,
        "framework": "torchvision",
        "checkpoint": sha256,
        "options": options,
        "precision": source.precision,
        "compile": source.compile,
        "upright": source.image_options.is_upright,
        "versions": installed_versions(_DISTRIBUTIONS),
    }
    info = ModelInfo(
        key=hashlib.sha256(msgspec.json.encode(key, order="sorted")).hexdigest(),
        checkpoint=str(path),
        sha256=sha256,
        classes=options.classes,
        score_floor=_score_floor(model),
        epoch=epoch,
    )
    detector = TorchDetector(
        network,
        info=info,
        device=used_device,
        batch_size=batch_size or usual_batch_size(used_device),
        image_options=source.image_options,
        precision=source.precision,
    )
    return LoadedModel(detector=detector, packages=_DISTRIBUTIONS)


class TorchvisionNetwork:
    """A model of torchvision, which resizes images itself and returns boxes in their pixels."""

    def __init__(self, model: Any, device: str, first_label: int) -> None:
        self._model = model
        self._device = device
        self._first_label = first_label
        self._finite: list[tuple[str, torch.Tensor]] = []
        for name, part in _networks(model):
            part.register_forward_hook(self._watch(name))

    def prepare(self, pixels: NDArray[np.uint8]) -> Input:
        """Make a tensor (3, height, width) of values from 0 to 1."""
        values = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        height, width = pixels.shape[:2]
        return Input({"image": values}, (height, width))

    def predict(self, batch: Sequence[Input]) -> list[Boxes | OutputNotFinite]:
        """Return the boxes on each image."""
        self._finite.clear()
        images = [image.values["image"].to(self._device) / 255 for image in batch]
        tables = _tables(self._model(images))
        name = self._not_finite()
        if name is None:
            return [self._boxes(table) for table in tables]
        if len(batch) == 1:
            return [OutputNotFinite(name)]
        # The outputs of a batch do not tell which image it was.
        return [result for image in batch for result in self.predict([image])]

    def _boxes(self, table: NDArray[np.float32]) -> Boxes:
        boxes, scores = table[:, :4], table[:, 4]
        labels = table[:, 5].astype(np.int64) - self._first_label
        is_background = labels < 0
        if (scores[is_background] > _BACKGROUND_SCORE).any():
            raise DetectorError(
                "the model detects label 0, the background, with a score of "
                f"{scores[is_background].max():.3g}: was it trained with labels that start at 0? "
                "(first-label = 0 under [model.options])"
            )
        return boxes[~is_background], scores[~is_background], labels[~is_background]

    def _watch(self, name: str) -> Any:
        """Note whether values are numbers: torchvision drops boxes of others without a word."""

        def note(_: Any, __: Any, outputs: Any) -> None:
            self._finite += [(name, tensor.isfinite().all()) for tensor in _tensors(outputs)]

        return note

    def _not_finite(self) -> str | None:
        """Return the first network with a value that is no number, if there is one."""
        # One question to a GPU, not one for each tensor.
        flags = torch.stack([flag for _, flag in self._finite]).tolist()
        noted = zip(self._finite, flags, strict=True)
        return next((name for (name, _), is_finite in noted if not is_finite), None)


def _tables(outputs: Sequence[Mapping[str, torch.Tensor]]) -> list[NDArray[np.float32]]:
    """Return corners, score and label of every box, one (n, 6) array for each image."""
    # One transfer for the whole batch; labels are exact in float32 up to 2**24.
    rows = torch.cat(
        [
            torch.cat(
                [
                    output["boxes"].float(),
                    output["scores"][:, None].float(),
                    output["labels"][:, None].float(),
                ],
                dim=1,
            )
            for output in outputs
        ]
    )
    ends = np.cumsum([len(output["scores"]) for output in outputs])[:-1]
    return np.split(rows.cpu().numpy(), ends)


def _networks(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and module of the parts that compute; the others choose among boxes."""
    for name in ("backbone", "rpn.head", "roi_heads.box_head", "roi_heads.box_predictor", "head"):
        part = model
        for attribute in name.split("."):
            part = getattr(part, attribute, None)
        if part is not None:
            yield name, part


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)


def _built(options: TorchvisionOptions) -> Any:
    for name in _FIXED:
        if name in options.arguments:
            raise DetectorError(
                f"arguments under [model.options]: {name} is no argument that can be chosen"
            )
    names = models.list_models(module=models.detection)
    if options.builder not in names:
        raise DetectorError(
            f"builder under [model.options]: torchvision {torchvision.__version__} has no detector "
            f"{options.builder!r}{nearest(options.builder, names)} (it has: {', '.join(names)})"
        )
    try:
        with quiet():
            model = models.get_model_builder(options.builder)(
                weights=None,
                weights_backbone=None,
                num_classes=len(options.classes) + options.first_label,
                **options.arguments,
            )
    except DetectorError:
        raise
    except Exception as error:  # it takes any argument and fails later, in its own ways
        raise DetectorError(
            f"{options.builder} with the arguments under [model.options] fails: "
            f"{type(error).__name__}: {error}"
        ) from error
    _require_used(model, options)
    return model


def _require_used(model: Any, options: TorchvisionOptions) -> None:
    """Refuse arguments that no part of the model has: some builders ignore them."""
    parts = (models.get_model_builder(options.builder), type(model), type(model.transform))
    used = {name for part in parts for name in inspect.signature(part).parameters}
    for name in options.arguments:
        if name not in used:
            raise DetectorError(
                f"arguments under [model.options]: {options.builder} has no argument "
                f"{name!r}{nearest(name, used)}"
            )


def _fill(
    model: Any, weights: Mapping[str, torch.Tensor], path: Path, options: TorchvisionOptions
) -> None:
    expected = model.state_dict()
    missing, extra = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected)
    sizes = [
        f"{name} has the shape {tuple(weights[name].shape)} and not {tuple(value.shape)}"
        for name, value in expected.items()
        if name in weights and weights[name].shape != value.shape
    ]
    differences = [f"it lacks {shown_name(name)}" for name in missing[:1]]
    differences += [f"it has {shown_name(name)} in addition" for name in extra[:1]] + sizes[:1]
    if differences:
        n_classes = len(options.classes)
        raise DetectorError(
            f"{path}: not the weights of {options.builder} with {counted(n_classes, 'class')}"
            f"{' and the background' if options.first_label else ''}: {'; '.join(differences)} "
            f"({counted(len(missing) + len(extra) + len(sizes), 'difference')})"
        )
    load_same_types(model, weights, path)


def _score_floor(model: Any) -> float:
    """Return the lowest score that the model returns."""
    holder = getattr(model, "roi_heads", model)
    return min(1.0, max(0.0, float(holder.score_thresh)))
