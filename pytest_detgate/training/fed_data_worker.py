"""The process that builds the training dataset.

Run as `python -m pytest_detgate.training.fed_data_worker CONFIG CONTENT RESULT`. It writes the
content, `settings` or `data`, to the file RESULT and sends a message on the standard output.
"""

from __future__ import annotations

import copy
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.detector.mmdet.config_files import load_config
from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.detector.subprocesses import MessageWriter
from pytest_detgate.errors import DetectorError
from pytest_detgate.training.fed_data import (
    BuiltData,
    FedBox,
    FedData,
    FedDataMessage,
    FedImage,
    FedPart,
)
from pytest_detgate.training.settings import settings_of
from pytest_detgate.training.view_origin import origin_of


def main(arguments: list[str]) -> int:
    """Write the content; return the exit code."""
    writer = MessageWriter()
    try:
        return work(arguments, writer.send)
    except BrokenPipeError:
        return 1


def work(arguments: list[str], send: Callable[[FedDataMessage], None]) -> int:
    """Write the content and send a message that it is written, or why not; return the exit code."""
    path, content, result = arguments
    try:
        require_mmdetection()
        config = load_config(Path(path)).config
        read: Callable[[Any, str], Any] = settings_of if content == "settings" else built_data_of
        Path(result).write_bytes(msgspec.msgpack.encode(read(config, path), enc_hook=_plain))
    except DetectorError as error:
        send(FedDataMessage(error=str(error)))
        return 1
    except Exception as error:  # the project's own code runs here
        traceback.print_exc()
        reason = f"the training dataset cannot be built: {type(error).__name__}: {error}"
        send(FedDataMessage(error=f"{path}: {reason}"))
        return 1
    send(FedDataMessage(done=True))
    return 0


def built_data_of(config: Any, path: str) -> BuiltData:
    """Build the training dataset of a loaded configuration and return the data that it feeds, with
    what it was built from."""
    dataset = _dataset(config, path)
    data = _fed_data(dataset, config)
    every = list(_nested(dataset))
    inner = [step for step in every if not list(_inner(step))]
    others = [step for step in every if list(_inner(step))]
    others += [step for outer in every for step in _transforms(outer)]
    return BuiltData(data=data, origin=origin_of(Path(path), config.to_dict(), inner, others))


def fed_data_of(config: Any, path: str) -> FedData:
    """Build the training dataset of a loaded configuration and return the data that it feeds."""
    return _fed_data(_dataset(config, path), config)


def _dataset(config: Any, path: str) -> Any:
    from mmengine.registry import DATASETS, DefaultScope

    loader = config.get("train_dataloader")
    if not isinstance(loader, Mapping) or "dataset" not in loader:
        raise DetectorError(f"{path}: the configuration has no train_dataloader with a dataset")
    with DefaultScope.overwrite_default_scope(config.get("default_scope") or "mmdet"):
        # Building changes its argument.
        dataset = DATASETS.build(copy.deepcopy(loader["dataset"]))
    if hasattr(dataset, "full_init"):
        dataset.full_init()
    return dataset


def _fed_data(dataset: Any, config: Any) -> FedData:
    parts: list[_PlainDataset] = []
    fed = Counter(_flat(dataset, parts, ()))
    sampler = config["train_dataloader"].get("sampler")
    return FedData(
        parts=[_fed_part(part, number, fed) for number, part in enumerate(parts)],
        sampler=_type_name(sampler.get("type") if isinstance(sampler, Mapping) else sampler),
    )


def _nested(dataset: Any) -> Iterator[Any]:
    """Yield a dataset and all that it wraps."""
    yield dataset
    for inner in _inner(dataset):
        yield from _nested(inner)


def _inner(dataset: Any) -> Iterator[Any]:
    yield from getattr(dataset, "datasets", None) or ()
    if getattr(dataset, "dataset", None) is not None:
        yield dataset.dataset


def _transforms(dataset: Any) -> list[Any]:
    pipeline = getattr(dataset, "pipeline", None)
    return list(getattr(pipeline, "transforms", pipeline) or ())


class _PlainDataset:
    """A dataset without wrappers, and the transforms that its images pass through."""

    def __init__(self, dataset: Any, transforms: list[Any]) -> None:
        self.dataset = dataset
        self.transforms = transforms


def _flat(
    dataset: Any, parts: list[_PlainDataset], after: tuple[Any, ...]
) -> list[tuple[int, int]]:
    """Return what a dataset feeds in one epoch, in its order: the index of the part, and the row.

    `after` are the transforms of its wrappers, in their order.
    """
    from mmdet.datasets import MultiImageMixDataset
    from mmengine.dataset import ClassBalancedDataset, RepeatDataset

    inner = getattr(dataset, "dataset", None)
    if isinstance(several := getattr(dataset, "datasets", None), list):
        return [entry for step in several for entry in _flat(step, parts, after)]
    if isinstance(dataset, RepeatDataset):
        return _flat(inner, parts, after) * int(dataset.times)
    if isinstance(dataset, ClassBalancedDataset):
        below = _flat(inner, parts, after)
        return [below[index] for index in dataset.repeat_indices]
    if isinstance(dataset, MultiImageMixDataset):
        return _flat(inner, parts, (*dataset.pipeline, *after))
    if inner is not None or not hasattr(dataset, "get_data_info"):
        raise DetectorError(
            f"the training dataset is a {type(dataset).__name__}, and the gate cannot tell what it "
            "feeds; supported are datasets of MMDetection, and RepeatDataset, "
            "ClassBalancedDataset, ConcatDataset and MultiImageMixDataset around them"
        )
    own = getattr(getattr(dataset, "pipeline", None), "transforms", [])
    parts.append(_PlainDataset(dataset, [*own, *after]))
    return [(len(parts) - 1, row) for row in range(len(dataset))]


def _fed_part(part: _PlainDataset, number: int, fed: Counter[tuple[int, int]]) -> FedPart:
    dataset = part.dataset
    classes = dataset.metainfo.get("classes")
    annotations = getattr(dataset, "ann_file", None)
    if not annotations or not isinstance(annotations, str) or classes is None:
        raise DetectorError(
            f"the training dataset {type(dataset).__name__} names no annotation file and classes "
            "to compare it with"
        )
    # In test mode MMDetection filters nothing.
    settings = {} if dataset.test_mode else dataset.filter_cfg or {}
    return FedPart(
        annotations=os.path.abspath(annotations),  # noqa: PTH100 (`..` goes as open() takes it)
        classes=[str(name) for name in classes],
        filter_empty_gt=bool(settings.get("filter_empty_gt", False)),
        min_size=float(settings.get("min_size", 0)),
        is_subset=getattr(dataset, "_indices", None) is not None,
        refuses_empty=_refuses_empty(part.transforms),
        images=list(_fed_images(dataset, number, fed)),
    )


def _fed_images(dataset: Any, number: int, fed: Counter[tuple[int, int]]) -> Iterator[FedImage]:
    for row in range(len(dataset)):
        if not (times := fed[number, row]):
            continue  # a wrapper omits it
        info = dataset.get_data_info(row)
        boxes = [_fed_box(instance) for instance in info["instances"]]
        yield FedImage(info["img_id"], str(info["img_path"]), times, boxes)


def _fed_box(instance: Mapping[str, Any]) -> FedBox:
    x1, y1, x2, y2 = (float(side) for side in instance["bbox"])
    ignored = bool(instance.get("ignore_flag", False))
    return FedBox(x1, y1, x2, y2, int(instance["bbox_label"]), ignored)


def _refuses_empty(transforms: list[Any]) -> str | None:
    """Return the first transform that returns None for every image without boxes.

    After a transform that mixes images, a refusal no longer concerns a single image.
    """
    from mmdet.datasets.transforms import RandomCrop

    for step in transforms:
        if hasattr(step, "get_indexes"):
            return None
        if isinstance(step, RandomCrop) and not step.allow_negative_crop:
            return f"{type(step).__name__}(allow_negative_crop=False)"
    return None


def _type_name(kind: Any) -> str:
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    return name.rpartition(".")[2]


def _plain(value: Any) -> Any:
    """Convert NumPy numbers, which a dataset of the project may use as ids."""
    return value.item()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
