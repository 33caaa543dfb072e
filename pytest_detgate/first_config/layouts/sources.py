"""What a path on the command line leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.dataset.text.unread_labels import (
    ARCHIVE,
    labels_by_suffix,
    may_hold_labels,
    unread_labels,
)
from pytest_detgate.errors import ConfigError, DataError, nearest_file
from pytest_detgate.first_config.layouts.nearby_files import files_below
from pytest_detgate.first_config.layouts.splits import FoundData
from pytest_detgate.record.formatting import counted

_EXPECTED = (
    "expected a data.yaml, a COCO file or a folder of them, a folder of images with YOLO, VOC, "
    "LabelMe or KITTI labels, an export of CVAT, Label Studio, Scalabel, Datumaro or Open Images, "
    "or a configuration of MMDetection"
)


def find_data(path: Path, *, scored_labels: bool) -> FoundData:
    """Find the splits behind a path; `ConfigError` where there is nothing of the kind. With
    `scored_labels`, COCO files of a folder count that have scores."""
    try:
        data = _of_folder(path, scored_labels) if path.is_dir() else _of_file(path)
    except DataError as error:
        raise ConfigError(str(error)) from None
    return data


def _of_file(path: Path) -> FoundData:
    from pytest_detgate.first_config.layouts.coco_files import (
        coco_file,
        refuse_results,
        split_of_file,
    )
    from pytest_detgate.first_config.layouts.data_yaml import splits_of_yaml
    from pytest_detgate.first_config.layouts.mmdet_file import splits_of_config
    from pytest_detgate.first_config.layouts.tool_files import split_of_tool_file

    if not path.is_file():
        raise ConfigError(f"{path}: no such file or folder{nearest_file(path) or f'; {_EXPECTED}'}")
    suffix = path.suffix.lower()
    coco = coco_file(path) if suffix == ".json" else None
    if suffix in (".xml", ".csv") or (suffix == ".json" and coco is None):
        split = split_of_tool_file(path)
        if split is not None:
            return split
    if suffix == ".json" and coco is None:
        refuse_results(path)
    if coco is None and (other := _other(path)):
        raise ConfigError(f"{path}: {other}")
    readers: dict[str, Callable[[Path], FoundData]] = {
        ".yaml": splits_of_yaml,
        ".yml": splits_of_yaml,
        ".json": partial(split_of_file, file=coco),
        ".py": splits_of_config,
    }
    reader = readers.get(suffix)
    if reader is None:
        raise ConfigError(f"{path}: {_EXPECTED}")
    return reader(path)


def _other(path: Path) -> str | None:
    """What a file of labels is that no format here reads."""
    if not may_hold_labels(path):
        return labels_by_suffix(path)
    try:
        return unread_labels(path, as_utf8(read_bytes(path), path))
    except DataError:
        return None


def _others(root: Path) -> Iterator[tuple[Path, str]]:
    """The files of labels below a folder that no format here reads."""
    for path in files_below(root):
        what = _other(path)
        if what is not None and what != ARCHIVE:  # which may hold anything
            yield path, what


def _of_folder(root: Path, scored_labels: bool) -> FoundData:
    """The splits of a folder: what a `data.yaml` in it says, else its COCO files, else labels."""
    from pytest_detgate.first_config.layouts.coco_files import coco_files, splits_of_files
    from pytest_detgate.first_config.layouts.data_yaml import names_splits, splits_of_yaml
    from pytest_detgate.first_config.layouts.label_folders import (
        image_count,
        labels_alone,
        splits_of_folder,
    )
    from pytest_detgate.first_config.layouts.tool_files import splits_of_tool_files

    yamls = [*sorted(root.glob("*.yaml")), *sorted(root.glob("*.yml"))]
    for path in sorted(yamls, key=lambda path: path.stem != "data"):
        if names_splits(path):
            return splits_of_yaml(path)
    read = coco_files(root)
    files = [file for file in read if scored_labels or not file.has_scores]
    if any(file.has_annotations for file in files):
        return splits_of_files(files, root)
    splits = splits_of_folder(root) or splits_of_tool_files(root)
    if splits is None and read:
        return splits_of_files(files or read, root)
    if splits is None and (first := next(_others(root), None)):
        raise ConfigError(f"{first[0]}: {first[1]}")
    if splits is None and (count := image_count(root)):
        raise ConfigError(
            f"{root}: {counted(count, 'image')} and no labels. Name the folder that has both, or "
            "the file of the labels. Images with nothing to detect are a probe of a data set, not "
            "a data set: see docs/probes.md"
        )
    if splits is None and (labels := labels_alone(root)):
        raise ConfigError(
            f"{root}: {labels} and no image. Name the folder that has both, or fetch the images"
        )
    if splits is None:
        raise ConfigError(f"{root}: no data set was found there; {_EXPECTED}")
    return splits
