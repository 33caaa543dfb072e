"""Models that MMDetection builds and runs. Importing this module imports torch and mmdet."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmdet.registry import DATASETS
from mmengine.config import ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope
from mmengine.utils import import_modules_from_strings

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.devices import resolve_device
from pytest_detgate.detector.mmdet import config as model_config
from pytest_detgate.detector.mmdet.acceleration import (
    accelerate,
    check_precision,
    compile_parts,
    lower_precision,
)
from pytest_detgate.detector.mmdet.checkpoint import Checkpoint, class_names, read_checkpoint
from pytest_detgate.detector.mmdet.config_files import LoadedConfig, load_config
from pytest_detgate.detector.mmdet.detector import MMDetector
from pytest_detgate.detector.mmdet.stored_config import parse_stored_config
from pytest_detgate.detector.mmdet.stored_parts import (
    refuse_unknown_parts,
    registered_part,
    without_backends,
)
from pytest_detgate.detector.mmdet.stored_wall import Guard
from pytest_detgate.detector.mmdet.weights import load_weights
from pytest_detgate.detector.name_lists import difference, some
from pytest_detgate.detector.packages import mmdetection_packages, package_versions, quiet
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.errors import DetectorError

# Raised when the way in which detections are made changes, so that kept ones are not used.
_FORMAT = 3

# A GPU is not busy with fewer images of a small model.
_GPU_BATCH_SIZE = 16


def load_model(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None = None
) -> LoadedModel:
    """Build a model, give it the weights of its checkpoint and put it on its device.

    `sha256` is that of the checkpoint.
    """
    with quiet():
        place = resolve_device(device)
        check_precision(source.precision, place)
        if source.checkpoint is None:
            raise DetectorError("a model of MMDetection is a checkpoint, and none is named")
        checkpoint = read_checkpoint(source.checkpoint, trust=source.trust)
        loaded = _configuration(source, checkpoint)
        origin = str(source.config or source.checkpoint)
        model_section = model_config.model_section(loaded.config, origin)
        pipeline = model_config.test_pipeline(loaded.config, origin)
        scope = loaded.config.get("default_scope") or "mmdet"
        is_own = source.config is not None or source.trust
        guard = Guard(None if is_own else origin)
        if not is_own:
            model_section, pipeline = without_backends(model_section), without_backends(pipeline)
            parts = {"default_scope": scope, "model": model_section, "test_pipeline": pipeline}
            refuse_unknown_parts(parts, origin)
        with DefaultScope.overwrite_default_scope(scope):
            model, transforms = _built(model_section, pipeline, origin, guard)
            classes = _classes(checkpoint, loaded.config, origin, is_own=is_own)
        _check_heads(model, classes, origin)
        with guard.running():
            load_weights(model, checkpoint, origin)
        modules = {
            *(type(part).__module__ for part in [*model.modules(), *transforms]),
            *model_config.custom_imports(loaded.config),
            *("mmdet", "mmcv", "mmengine"),  # installed in place, they may be edited in place
        }
        key = model_config.canonical(
            {
                "format": _FORMAT,
                "checkpoint": sha256,
                "model": model_section,
                "pipeline": pipeline,
                "scope": scope,
                "packages": package_versions(),
                "precision": source.precision,
                "compile": source.compile,
                "upright": source.image_options.is_upright,
            }
        )
        info = ModelInfo(
            key=hashlib.sha256(key.encode()).hexdigest(),
            checkpoint=str(source.checkpoint),
            sha256=sha256,
            classes=classes,
            score_floor=model_config.score_floor(model_section),
            epoch=checkpoint.epoch,
            config=str(source.config) if source.config else None,
        )
        model = model.to(place).eval()
        with guard.running():
            accelerate(model, place)
        if source.compile:
            compile_parts(model)
        if source.precision != "float32":
            lower_precision(model, place, source.precision)
        detector = MMDetector(
            model,
            transforms,
            info=info,
            device=place,
            # What torch.compile does, at the first images, no guard can tell from an attack.
            guard=Guard() if source.compile else guard,
            image_options=source.image_options,
            # A CPU gains nothing from batches, and one by one the answers are exactly repeatable.
            batch_size=batch_size
            or (
                1
                if place == "cpu"
                else max(_GPU_BATCH_SIZE, model_config.batch_size(loaded.config))
            ),
        )
    return LoadedModel(
        detector=detector,
        packages=mmdetection_packages(),
        modules=tuple(sorted(modules)),
    )


def _built(
    model_section: Mapping[str, Any], pipeline: Sequence[Any], origin: str, guard: Guard
) -> tuple[torch.nn.Module, list[Any]]:
    try:
        with guard.building():
            # Building changes what it is given.
            model = MODELS.build(ConfigDict(copy.deepcopy(model_section)))
            steps = copy.deepcopy(pipeline)
            transforms = [TRANSFORMS.build(ConfigDict(step)) for step in steps]
            return revert_sync_batchnorm(model), transforms
    except DetectorError:
        raise
    except Exception as error:  # a wrong section may raise anything while it is built
        raise DetectorError(
            f"{origin}: the model cannot be built: {type(error).__name__}: {error}"
        ) from error


def _configuration(source: ModelSource, checkpoint: Checkpoint) -> LoadedConfig:
    if source.config is not None:
        return load_config(source.config)
    text = checkpoint.config_text
    if text is None:
        raise DetectorError(
            f"{source.checkpoint}: holds no configuration of MMEngine; name the configuration "
            "file (config under [model])"
        )
    config = parse_stored_config(text, str(source.checkpoint))
    if names := model_config.custom_imports(config):
        if not source.trust:
            raise DetectorError(
                f"{source.checkpoint}: the stored configuration asks to import "
                f"{', '.join(names)}. Name the project's own configuration file (config under "
                "[model]), or allow this checkpoint with --detgate-trust-checkpoint"
            )
        try:
            import_modules_from_strings(names)
        except Exception as error:  # the modules' own code runs
            raise DetectorError(
                f"{source.checkpoint}: the stored configuration asks to import "
                f"{', '.join(names)}, which fails: {type(error).__name__}: {error}"
            ) from error
    return LoadedConfig(config, (), {})


def _classes(
    checkpoint: Checkpoint, config: Mapping[str, Any], origin: str, *, is_own: bool
) -> tuple[str, ...]:
    named = {} if checkpoint.classes is None else {"the checkpoint": checkpoint.classes}
    named |= model_config.stated_classes(config, is_own=is_own)
    if not named:
        for kind in model_config.dataset_types(config):
            if isinstance(kind, str) and not is_own:
                DATASETS.import_from_location()
                kind = registered_part(DATASETS, kind)
            elif isinstance(kind, str):
                with contextlib.suppress(Exception):  # unknown: an error or None, by version
                    kind = DATASETS.get(kind)
            names = class_names(getattr(kind, "METAINFO", {}).get("classes"))
            if names is not None:
                return names
        raise DetectorError(
            f"{origin}: no class names, neither in the checkpoint (meta.dataset_meta) nor in "
            "the configuration (metainfo of a data set)"
        )
    (first, classes), *others = named.items()
    for place, names in others:
        if names != classes:
            raise DetectorError(
                f"{origin}: class names of {place} and of {first} differ: "
                f"{difference(names, classes)}"
            )
    return classes


def _check_heads(model: torch.nn.Module, classes: Sequence[str], origin: str) -> None:
    for name in ("bbox_head", "roi_head.bbox_head"):
        head: Any = model
        for part in name.split("."):
            head = getattr(head, part, None)
        for one in head if isinstance(head, torch.nn.ModuleList) else [head]:
            count = getattr(one, "num_classes", None)
            if isinstance(count, int) and count != len(classes):
                raise DetectorError(
                    f"{origin}: {name}.num_classes is {count}, but there are "
                    f"{len(classes)} class names: {some(classes)}"
                )
