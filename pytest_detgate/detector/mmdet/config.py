"""Values that the gate reads from the configuration of a model, without MMDetection.

A configuration is a nesting of mappings and sequences: an MMEngine `Config`, or the values of a
stored one.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.detector.mmdet.checkpoint import class_names
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import is_file, read_regular_text

# Weights are loaded only from the checkpoint. `pretrained` and `init_cfg` name files to download,
# `teacher_ckpt` names a file that MMEngine would unpickle.
_WEIGHTS_FROM_ELSEWHERE = ("init_cfg", "pretrained", "teacher_ckpt")


def model_section(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the section of the model, without keys that load weights from elsewhere."""
    model = config.get("model")
    if not isinstance(model, Mapping) or "type" not in model:
        raise DetectorError(f"{source}: the configuration has no model section")
    section: dict[str, Any] = _without_other_weights(copy.deepcopy(model))
    if config.get("data_preprocessor") is not None:
        section.setdefault("data_preprocessor", copy.deepcopy(config["data_preprocessor"]))
    return section


def _without_other_weights(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: (False if item is True else None)
            if key in _WEIGHTS_FROM_ELSEWHERE
            else _without_other_weights(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_without_other_weights(item) for item in value)
    return value


def test_pipeline(config: Mapping[str, Any], source: str) -> list[Any]:
    """Return the transforms of a test image, without those that read annotations."""
    for pipeline in (
        _pipeline_of(_dataset(config, "test_dataloader")),
        config.get("test_pipeline"),
        _pipeline_of(_dataset(config, "val_dataloader")),
    ):
        if isinstance(pipeline, Sequence) and not isinstance(pipeline, str) and pipeline:
            return [copy.deepcopy(step) for step in pipeline if not _reads_annotations(step)]
    raise DetectorError(
        f"{source}: the configuration has no test pipeline: neither in test_dataloader nor "
        "val_dataloader, nor as test_pipeline"
    )


test_pipeline.__test__ = False  # type: ignore[attr-defined]


def _reads_annotations(step: Any) -> bool:
    if not isinstance(step, Mapping):
        return False
    kind = step.get("type", "")
    name = (kind if isinstance(kind, str) else getattr(kind, "__name__", "")).rpartition(".")[2]
    return name in ("FilterAnnotations", "LoadProposals") or (
        name.startswith("Load") and name.endswith("Annotations")
    )


def _dataset(config: Mapping[str, Any], dataloader: str) -> Any:
    loader = config.get(dataloader)
    return loader.get("dataset") if isinstance(loader, Mapping) else None


def _wrapped(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the section of a dataset and, from the outside in, of those that it wraps."""
    while isinstance(dataset, Mapping):
        yield dataset
        inner = dataset.get("dataset")
        if inner is None and isinstance(several := dataset.get("datasets"), (list, tuple)):
            inner = several[0] if several else None
        dataset = inner


def _pipeline_of(dataset: Any) -> Any:
    return next((part["pipeline"] for part in _wrapped(dataset) if part.get("pipeline")), None)


def stated_classes(config: Mapping[str, Any], *, is_own: bool) -> dict[str, tuple[str, ...]]:
    """Return the class names in the configuration, by the data loader that has them.

    A file of class names is read only for a configuration of the project (`is_own`): a stored one
    could name any file, and an error would show its lines.
    """
    stated = {}
    for loader in ("train_dataloader", "test_dataloader"):
        for part in _wrapped(_dataset(config, loader)):
            metainfo = part.get("metainfo")
            if not isinstance(metainfo, Mapping):
                continue
            value = metainfo.get("classes", metainfo.get("CLASSES"))
            if isinstance(value, str) and is_file(value):
                value = _lines(Path(value)) if is_own else None
            if (names := class_names(value)) is not None:
                stated[f"{loader}.dataset"] = names
                break
    return stated


def _lines(path: Path) -> list[str]:
    try:
        return read_regular_text(path).splitlines()
    except (OSError, ValueError) as error:
        raise DetectorError(f"{path}: the class names cannot be read: {error}") from error


def custom_imports(config: Mapping[str, Any]) -> list[str]:
    """Return the modules that the configuration imports, without those of MMDetection."""
    section = config.get("custom_imports")
    names = section.get("imports") or [] if isinstance(section, Mapping) else []
    listed = list(names) if isinstance(names, (list, tuple, set, dict)) else [names]
    # Every model imports these packages, so naming them imports no further code.
    modules = map(str, listed)
    return [name for name in modules if name.split(".")[0] not in ("mmdet", "mmcv", "mmengine")]


def dataset_types(config: Mapping[str, Any]) -> list[Any]:
    """Return the types of the test dataset and of those that it wraps."""
    return [
        part["type"] for part in _wrapped(_dataset(config, "test_dataloader")) if "type" in part
    ]


def batch_size(config: Mapping[str, Any]) -> int:
    """Return the batch size of the test data loader."""
    loader = config.get("test_dataloader")
    size = loader.get("batch_size", 1) if isinstance(loader, Mapping) else 1
    return size if type(size) is int and size > 0 else 1


def score_floor(model: Mapping[str, Any]) -> float:
    """Return the lowest score that the test settings of the model keep."""
    settings = model.get("test_cfg")
    if not isinstance(settings, Mapping):
        return 0.0
    if isinstance(settings.get("rcnn"), Mapping):
        settings = settings["rcnn"]
    floors = [settings.get("score_thr")]
    # Soft NMS lowers scores and then applies a second floor.
    if isinstance(nms := settings.get("nms"), Mapping):
        floors.append(nms.get("min_score") if nms.get("type") == "soft_nms" else None)
    return max((float(floor) for floor in floors if isinstance(floor, (int, float))), default=0.0)


def config_digest(value: Any) -> str:
    """Return a digest that is the same for equal configurations."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return a text that is the same for equal configurations."""

    def plain(item: Any) -> str:
        if isinstance(item, type) or callable(item):
            return f"{item.__module__}.{item.__qualname__}"
        return repr(item)

    def keyed(item: Any) -> Any:
        if isinstance(item, Mapping):
            return {str(key): keyed(part) for key, part in item.items()}
        if isinstance(item, (list, tuple)):
            return [keyed(part) for part in item]
        if isinstance(item, (set, frozenset)):
            return sorted(map(repr, item))
        return item

    return json.dumps(keyed(value), sort_keys=True, default=plain)
