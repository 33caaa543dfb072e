"""The splits of a `data.yaml`, as Ultralytics and Roboflow write it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pytest_detgate.dataset.images.names import listed_names
from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.errors import DataError
from pytest_detgate.first_config.found import FoundData, FoundSplit

_KEYS = ("train", "val", "test")


def read_data_yaml(path: Path) -> Mapping[str, Any]:
    """The content of a YAML file that holds a mapping; `DataError` for any other."""
    try:
        content = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a mapping with train, val and names")
    return content


def names_splits(path: Path) -> bool:
    """Whether a file is a `data.yaml` that says where images are."""
    try:
        return any(read_data_yaml(path).get(key) for key in _KEYS)
    except DataError:
        return False


def splits_of_yaml(path: Path) -> FoundData:
    """The splits that a `data.yaml` names; those whose images are not there are left out.

    Relative paths start from `path` in the file, or from its folder, as for Ultralytics.
    """
    content = read_data_yaml(path)
    splits, notes = [], []
    for key in _KEYS:
        for index, text in enumerate(_texts(content.get(key))):
            name = key if index == 0 else f"{key}-{index + 1}"
            place = _place(path.parent, content.get("path"), text)
            if place is None:
                notes.append(f"{name}: {text} of {path.name} is not there; left out")
            else:
                splits.append(_split(name, place, path))
    if not splits:
        told = "; ".join(notes) or f"expected at least one of {', '.join(_KEYS)}"
        raise DataError(f"{path}: names no images that are there: {told}")
    return FoundData(kind="a data.yaml", splits=tuple(splits), notes=tuple(notes))


def _texts(value: object) -> list[str]:
    """The folders or lists of a split: one text, or several."""
    several = value if isinstance(value, list) else [value]
    return [text for text in several if isinstance(text, str) and text]


def _place(folder: Path, root: object, text: str) -> Path | None:
    """The folder or list that a text means, if it is there.

    Roboflow writes `../train/images` for a folder beside the file; Ultralytics accepts that.
    """
    starts = [folder / root, folder] if isinstance(root, str) and root else [folder]
    texts = [text, *([text.removeprefix("../")] if text.startswith("../") else [])]
    for start in starts:
        for written in texts:
            place = Path(os.path.normpath(start / Path(written).expanduser()))
            if place.is_dir() or place.is_file():
                return place
    return None


def _split(name: str, place: Path, yaml_file: Path) -> FoundSplit:
    if place.is_file():
        images = _images_of_list(place)
        return FoundSplit(
            name=name,
            format="yolo",
            annotations=labels_beside(images),
            images=images,
            classes=yaml_file,
            listed=place,
        )
    return FoundSplit(
        name=name,
        format="yolo",
        annotations=labels_beside(place),
        images=place,
        classes=yaml_file,
    )


def labels_beside(images: Path) -> Path:
    """The folder of the labels of a folder of images: the last part `images` becomes `labels`,
    as for Ultralytics; the same folder where there is no other."""
    parts = list(images.parts)
    for index in reversed(range(len(parts))):
        if parts[index] == "images":
            return Path(*parts[:index], "labels", *parts[index + 1 :])
    beside = images.parent / "labels"
    return beside if beside.is_dir() else images


def _images_of_list(listed: Path) -> Path:
    """The folder of the images that a list names: up to a part `images` in its paths, else the
    folder of the list."""
    for folder in _folders(listed_names(listed)[:20], listed.parent):
        if folder.is_dir():
            return folder
    beside = listed.parent / "images"
    return beside if beside.is_dir() else listed.parent


def _folders(names: list[str], start: Path) -> Iterator[Path]:
    for name in names:
        parts = Path(name.replace("\\", "/")).parts
        if "images" in parts[:-1]:
            last = len(parts) - 2 - parts[:-1][::-1].index("images")
            yield Path(os.path.normpath(start.joinpath(*parts[: last + 1])))
