"""Models that MMDetection builds and runs. Importing this module imports torch and mmdet."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.registry import DATASETS
from mmengine.config import ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope
from mmengine.utils import import_modules_from_strings

from pytest_detgate.counts import counted, verb
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.devices import resolve_device
from pytest_detgate.detector.loading_limits.network_size import (
    StoredSize,
    built_for,
    require_possible_integers,
)
from pytest_detgate.detector.mmdet import config as model_config
from pytest_detgate.detector.mmdet.acceleration import accelerate, networks
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
from pytest_detgate.detector.name_lists import first_names, names_difference
from pytest_detgate.detector.packages import mmdetection_packages, package_versions, quiet
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.torch_precision import (
    HALVES,
    check_precision,
    compile_networks,
    lower_precision,
)
from pytest_detgate.errors import DetectorError

# Raised when detections are made in another way, so that cached ones are not used.
_FORMAT = 4

# Names of weights in all detectors of torchvision, by what follows their backbone.
_OF_TORCHVISION = ("rpn.head.", "head.classification_head.")

# Fewer images of a small model do not occupy a GPU.
_GPU_BATCH_SIZE = 16


def load_model(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None = None
) -> LoadedModel:
    """Build a model, load the weights of its checkpoint and move it to its device.

    `sha256` is that of the checkpoint.
    """
    with quiet():
        device = resolve_device(device)
        check_precision(source.precision, device)
        if source.checkpoint is None:
            raise DetectorError("a model of MMDetection is a checkpoint, and none is named")
        checkpoint = read_checkpoint(source.checkpoint, trust=source.trust)
        config = _configuration(source, checkpoint).config
        plan = _plan(source, config)
        with DefaultScope.overwrite_default_scope(plan.scope):
            model, transforms = _built(plan, checkpoint)
            classes = _classes(checkpoint, config, plan.origin, is_own=plan.guard.source is None)
        _check_heads(model, classes, plan.origin)
        with plan.guard.running():
            load_weights(model, checkpoint, plan.origin)
        info = ModelInfo(
            key=_key(source, sha256, plan),
            checkpoint=str(source.checkpoint),
            sha256=sha256,
            classes=classes,
            score_floor=model_config.score_floor(plan.model),
            epoch=checkpoint.epoch,
            config=str(source.config) if source.config else None,
        )
        # Before the model is accelerated, which replaces some of its modules.
        modules = _code_modules(model, transforms, config)
        detector = MMDetector(
            _prepared_model(model, device, source, plan.guard),
            transforms,
            info=info,
            device=device,
            # The guard cannot distinguish torch.compile, at the first images, from an attack.
            guard=Guard() if source.compile else plan.guard,
            image_options=source.image_options,
            batch_size=batch_size or _batch_size(config, device),
            precision=source.precision,
        )
    return LoadedModel(detector=detector, packages=mmdetection_packages(), modules=modules)


@dataclass(frozen=True, slots=True)
class _BuildPlan:
    """The sections of a configuration that a model is built from.

    `origin` is the file that they come from. `guard` restricts models of a stored configuration.
    """

    origin: str
    model: dict[str, Any]
    pipeline: list[Any]
    scope: str
    guard: Guard


def _plan(source: ModelSource, config: Mapping[str, Any]) -> _BuildPlan:
    origin = str(source.config or source.checkpoint)
    model = model_config.model_section(config, origin)
    pipeline = model_config.test_pipeline(config, origin)
    scope = config.get("default_scope") or "mmdet"
    if source.config is not None or source.trust:
        return _BuildPlan(origin, model, pipeline, scope, Guard())
    model, pipeline = without_backends(model), without_backends(pipeline)
    parts = {"default_scope": scope, "model": model, "test_pipeline": pipeline}
    refuse_unknown_parts(parts, origin)
    require_possible_integers(parts, origin)
    return _BuildPlan(origin, model, pipeline, scope, Guard(origin))


def _key(source: ModelSource, sha256: str, plan: _BuildPlan) -> str:
    return model_config.config_digest(
        {
            "format": _FORMAT,
            "checkpoint": sha256,
            "model": plan.model,
            "pipeline": plan.pipeline,
            "scope": plan.scope,
            "packages": package_versions(),
            "precision": source.precision,
            "compile": source.compile,
            "upright": source.image_options.is_upright,
        }
    )


def _code_modules(
    model: torch.nn.Module, transforms: Sequence[Any], config: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the modules whose code makes the detections."""
    modules = {
        *(type(part).__module__ for part in [*model.modules(), *transforms]),
        *model_config.custom_imports(config),
        *("mmdet", "mmcv", "mmengine"),  # an editable installation may be edited
    }
    return tuple(sorted(modules))


def _prepared_model(model: Any, device: str, source: ModelSource, guard: Guard) -> Any:
    """Move a model to its device, and make it compute as `source` asks."""
    model = model.to(device).eval()
    with guard.running():
        accelerate(model, device)
    parts = [part for _, part in networks(model)]
    if source.compile:
        compile_networks(parts)
    if source.precision in HALVES:
        lower_precision(parts, device, source.precision)
    return model


def _batch_size(config: Mapping[str, Any], device: str) -> int:
    # A CPU gains nothing from batches, and one by one its detections are exactly repeatable.
    return 1 if device == "cpu" else max(_GPU_BATCH_SIZE, model_config.batch_size(config))


def _built(plan: _BuildPlan, checkpoint: Checkpoint) -> tuple[torch.nn.Module, list[Any]]:
    bounds: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if plan.guard.source is not None:
        bounds = built_for(StoredSize.of(checkpoint.state_dict), plan.origin)
    try:
        with plan.guard.building(), bounds:
            # Building changes its argument.
            model = MODELS.build(ConfigDict(copy.deepcopy(plan.model)))
            steps = copy.deepcopy(plan.pipeline)
            transforms = [TRANSFORMS.build(ConfigDict(step)) for step in steps]
            return revert_sync_batchnorm(model), transforms
    except DetectorError:
        raise
    except Exception as error:  # a wrong section can raise any error
        raise DetectorError(
            f"{plan.origin}: the model cannot be built: {type(error).__name__}: {error}"
        ) from error


def _configuration(source: ModelSource, checkpoint: Checkpoint) -> LoadedConfig:
    if source.config is not None:
        return load_config(source.config)
    text = checkpoint.config_text
    if text is None and any(name.startswith(_OF_TORCHVISION) for name in checkpoint.state_dict):
        raise DetectorError(
            f"{source.checkpoint}: these look like weights of torchvision: write "
            'framework = "torchvision", with builder and classes under [model.options]'
        )
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
                f"{first_names(names)}. Name the project's own configuration file (config under "
                "[model]), or allow this checkpoint with --detgate-trust-checkpoint"
            )
        try:
            import_modules_from_strings(names)
        except Exception as error:  # the modules' own code runs
            raise DetectorError(
                f"{source.checkpoint}: the stored configuration asks to import "
                f"{first_names(names)}, which fails: {type(error).__name__}: {error}"
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
            "the configuration (metainfo of a dataset)"
        )
    (first, classes), *others = named.items()
    for other, names in others:
        if names != classes:
            raise DetectorError(
                f"{origin}: class names of {other} and of {first} differ: "
                f"{names_difference(names, classes)}"
            )
    return classes


def _check_heads(model: torch.nn.Module, classes: Sequence[str], origin: str) -> None:
    for name in ("bbox_head", "roi_head.bbox_head"):
        head: Any = model
        for part in name.split("."):
            head = getattr(head, part, None)
        for module in head if isinstance(head, torch.nn.ModuleList) else [head]:
            count = getattr(module, "num_classes", None)
            if isinstance(count, int) and count != len(classes):
                raise DetectorError(
                    f"{origin}: {name}.num_classes is {count}, but there "
                    f"{verb(len(classes), 'are')} {counted(len(classes), 'class name')}: "
                    f"{first_names(classes)}"
                )
