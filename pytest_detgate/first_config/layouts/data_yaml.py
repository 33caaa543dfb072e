"""The splits of a `data.yaml`, as Ultralytics and Roboflow write it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_detgate.dataset.images.names import listed_names
from pytest_detgate.dataset.labels.yolo.data_yaml import candidates, labels_of, read_data_yaml
from pytest_detgate.dataset.text.yaml_text import Yaml, read_yaml
from pytest_detgate.errors import DataError
from pytest_detgate.first_config.layouts.splits import FoundData, FoundSplit
from pytest_detgate.regular_file import real_path

_KEYS = ("train", "val", "test")
_NOTHING = ("", "~", "null")


def names_splits(path: Path) -> bool:
    """Whether a file is a `data.yaml` that says where images are."""
    try:
        return any(_texts(_content(path).get(key)) for key in _KEYS)
    except DataError:
        return False


def splits_of_yaml(path: Path) -> FoundData:
    """The splits that a `data.yaml` names; those whose images are not there are left out.

    Relative paths start from `path` in the file, or from its folder, as for Ultralytics.
    """
    content = _content(path)
    splits, notes, missing = [], [], []
    for key in _KEYS:
        if (whole := _whole_split(content, path, key)) is not None:
            splits.append(whole)
            continue
        for index, text in enumerate(_texts(content.get(key))):
            name = key if index == 0 else f"{key}-{index + 1}"
            location = _existing_path(content, path, text)
            if location is None:
                notes.append(f"{name}: {text} of {path.name} is not there; left out")
                missing.append(f"{name}: {text}")
            else:
                splits.append(_split(name, location, path))
    if missing and not splits:
        raise DataError(
            f"{path}: none of its images is there ({', '.join(missing)}). YOLO labels are shares "
            "of their image, so that nothing can be judged without its size: fetch the images, or "
            "start from COCO files, which state sizes"
        )
    if not splits:
        raise DataError(
            f"{path}: expected at least one of {', '.join(_KEYS)}, which say where the images are; "
            "or name the folder that has the images and labels"
        )
    return FoundData(kind="a data.yaml", splits=tuple(splits), notes=tuple(notes))


def _whole_split(content: Mapping[str, Yaml], file: Path, key: str) -> FoundSplit | None:
    """A split that names several folders or lists, which are all there; the gate finds their
    labels, so only its name counts."""
    texts = _texts(content.get(key))
    paths = [_existing_path(content, file, text) for text in texts]
    if len(texts) < 2 or None in paths:
        return None
    try:
        first, *_ = read_data_yaml(file, key)
    except DataError:
        return None
    return FoundSplit(
        name=key, format="yolo", annotations=first.labels, images=first.images, data=file
    )


def _content(path: Path) -> Mapping[str, Yaml]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a mapping with train, val and names")
    return content


def _texts(value: Yaml | None) -> list[str]:
    """The folders or lists of a split: one text, or several."""
    several = value if isinstance(value, list) else [value]
    return [text for text in several if isinstance(text, str) and text.lower() not in _NOTHING]


def _existing_path(content: Mapping[str, Yaml], file: Path, text: str) -> Path | None:
    """The folder or list that a text means, if it is there."""
    written = str(Path(text).expanduser())
    paths = (Path(os.path.normpath(path)) for path in candidates(content, file, written))
    return next(
        (candidate for candidate in paths if candidate.is_dir() or candidate.is_file()), None
    )


def _split(name: str, path: Path, yaml_file: Path) -> FoundSplit:
    is_list = path.is_file()
    images = _images_of_list(path) if is_list else path
    split = FoundSplit(
        name=name,
        format="yolo",
        annotations=_labels_beside(images),
        images=images,
        classes=yaml_file,
        listed=path if is_list else None,
    )
    return dataclasses.replace(split, data=yaml_file) if _is_read_so(split) else split


def _is_read_so(split: FoundSplit) -> bool:
    """Whether the gate finds the labels of a split by its name in the `data.yaml`; then an edit
    there, such as other lists, needs none in `detgate.toml`."""
    assert split.classes is not None
    try:
        parts = read_data_yaml(split.classes, split.name)
    except DataError:
        return False
    first = parts[0]
    has_labels = real_path(first.labels) == real_path(split.annotations) and first.labels.is_dir()
    return len(parts) == 1 and (first.listed is not None or has_labels)


def _labels_beside(images: Path) -> Path:
    """The folder of the labels of a folder of images; where no part of its path is `images` and no
    text is in it, a folder `labels` beside it, if there is one."""
    labels, beside = labels_of(images), images.parent / "labels"
    is_beside = labels == images and beside.is_dir() and not any(images.rglob("*.txt"))
    return beside if is_beside else labels


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
