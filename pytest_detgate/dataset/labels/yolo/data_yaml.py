"""Splits of an Ultralytics or Roboflow `data.yaml`: where their images and labels are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.names import listed_names
from pytest_detgate.dataset.images.paths import is_absolute
from pytest_detgate.dataset.labels.yolo.class_names import complete_names, yaml_names
from pytest_detgate.dataset.text.yaml_text import Yaml, read_yaml
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.regular_file import real_path

_IMAGES, _LABELS, _DATASETS = "images", "labels", "datasets"
_LEVELS = 4
"""Folders above a list that its lines may start from."""
_SPLITS = ("train", "val", "test")
# Some exports call the validation split so.
_OTHER_NAMES = {"val": ("valid", "validation"), "valid": ("val",), "validation": ("val",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlSplit:
    """The folders of a split's images and labels; `listed` is the file that names its images,
    where it has one. `classes` are the names of the classes by number."""

    images: Path
    labels: Path
    listed: Path | None
    classes: tuple[str, ...]


def read_data_yaml(file: Path, split: str) -> tuple[YamlSplit, ...]:
    """Return the parts of a split of a `data.yaml`, one for each folder or list that it names;
    `DataError` says what is not there.

    Labels are where Ultralytics looks for them: in the folder `labels` beside the folder `images`
    of their images, else beside the images.
    """
    content, classes = _content(file)
    key = _key(content, split)
    if key is None:
        there = [name for name in _SPLITS if content.get(name)]
        raise DataError(
            f"{file}: has no split {split!r}{nearest(split, there)} (there is: "
            f"{', '.join(there) or 'none'}); name it by `split`"
        )
    return tuple(_split_at(path, classes) for path in _paths_of(content, file, key))


def yaml_splits(file: Path, names: Sequence[str]) -> list[tuple[str, YamlSplit]]:
    """Return the splits of these names that a `data.yaml` has, with their names: one for each
    folder or list."""
    content, classes = _content(file)
    return [
        (key, _split_at(path, classes))
        for key in (_key(content, name) for name in names)
        if key is not None
        for path in _paths_of(content, file, key)
    ]


def yaml_root(file: Path) -> Path:
    """Return the folder that the paths of a `data.yaml` start from."""
    content, _ = _content(file)
    path = content.get("path")
    roots = [file.parent / path, *_elsewhere(file, path)] if isinstance(path, str) else []
    return next((root for root in roots if root.is_dir()), file.parent)


def _content(file: Path) -> tuple[dict[str, Yaml], tuple[str, ...]]:
    """The values of a file, and its classes by number."""
    content = read_yaml(file)
    classes = complete_names(yaml_names(content, file), file)
    assert isinstance(content, dict)
    return content, classes


def _split_at(path: Path, classes: tuple[str, ...]) -> YamlSplit:
    if path.is_dir():
        images, labels = _folders(path)
        return YamlSplit(images=images, labels=labels, listed=None, classes=classes)
    images, labels = _folders_of_list(path)
    return YamlSplit(images=images, labels=labels, listed=path, classes=classes)


def _key(content: Mapping[str, Yaml], split: str) -> str | None:
    """What a file calls a split, if it has it."""
    return next((name for name in (split, *_OTHER_NAMES.get(split, ())) if content.get(name)), None)


def _paths_of(content: Mapping[str, Yaml], file: Path, key: str) -> list[Path]:
    """The folders or lists of a split."""
    value = content[key]
    values = value if isinstance(value, list) else [value]
    paths = [_path_of(content, file, key, value) for value in values]
    _refuse_one_for_two(_of_another_machine(content, file), file)
    # A folder that is named twice, as some do to see it more often in training, is there once.
    return list({real_path(path): path for path in reversed(paths)}.values())[::-1]


def _path_of(content: Mapping[str, Yaml], file: Path, key: str, value: Yaml) -> Path:
    """The folder or list that a value means."""
    if not isinstance(value, str):
        raise DataError(f"{file}: `{key}`: expected folders or lists of images, found {value}")
    tried = list(candidates(content, file, value))
    existing = next((path for path in tried if path.exists()), None)
    if existing is None:
        raise DataError(f"{file}: `{key}` is {value}: no such folder or list ({tried[0]})")
    return existing


def candidates(content: Mapping[str, Yaml], file: Path, value: str) -> Iterator[Path]:
    """Where the folder or list of a split may be, as it is written and as tools find it
    nevertheless."""
    path = content.get("path")
    folder, root = file.parent, path if isinstance(path, str) else ""
    value = value.replace("\\", "/")
    yield folder / root / value
    # Roboflow writes `../valid/images` for the folder `valid/images` beside the file.
    inner = value.removeprefix("../")
    yield folder / root / inner
    # `path` may be that of another machine.
    yield folder / value
    yield folder / inner
    yield from (start / value for start in _elsewhere(file, root))
    if is_absolute(value):
        yield from (folder / end for end in _ends(value))


def _elsewhere(file: Path, path: str) -> list[Path]:
    """Where Ultralytics finds `path`: from where it is started, else in its folder of data sets,
    which is there, or beside a clone of it."""
    folder, here = Path(os.path.abspath(file.parent)), Path.cwd()  # noqa: PTH100 (links stay)
    starts = (folder, here, folder.parent, here.parent)
    return [here / path, *(start / _DATASETS / path for start in starts)]


def _ends(path: str) -> list[PurePosixPath]:
    """The ends of a path of another machine, the longest first."""
    parts = PurePosixPath(path).parts
    return [PurePosixPath(*parts[number:]) for number in range(1, len(parts))]


def _of_another_machine(content: Mapping[str, Yaml], file: Path) -> dict[str, Path]:
    """The folders and lists that splits name by absolute paths of another machine, and where they
    are here."""
    located: dict[str, Path] = {}
    for key in _SPLITS:
        value = content.get(key)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and is_absolute(text) and not Path(text).exists():
                tried = candidates(content, file, text)
                if (path := next((path for path in tried if path.exists()), None)) is not None:
                    located[text] = path
    return located


def _folders(path: Path) -> tuple[Path, Path]:
    """The folders of images and labels for a folder that a split names."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 (links stay)
    if _IMAGES not in path.parts and (path / _IMAGES).is_dir():
        path = path / _IMAGES
    return path, labels_of(path)


def labels_of(images: Path) -> Path:
    """The folder of the labels of a folder of images: the last part `images` becomes `labels`;
    the same folder where there is no such part."""
    parts = images.parts
    if _IMAGES not in parts:
        return images
    last = len(parts) - 1 - parts[::-1].index(_IMAGES)
    return Path(*parts[:last], _LABELS, *parts[last + 1 :])


def _folders_of_list(path: Path) -> tuple[Path, Path]:
    """The folders of images and labels for a file that lists the images of a split."""
    names = (name.replace("\\", "/") for name in listed_names(path))
    folders = {name.rpartition("/")[0] for name in names}
    located = {folder: _folder_of_lines(folder, path) for folder in folders}
    _refuse_one_for_two(located, path)
    roots = {_root_of(folder) for folder in located.values()}
    if len(roots) == 1:
        (root,) = roots
        return root, labels_of(root)
    common = Path(os.path.commonpath(roots)) if roots else Path()
    # A folder with everything in it, such as that of a user, is not searched. In the path of the
    # list, a `..` is no folder.
    levels = len(Path(os.path.abspath(path)).parent.parts)  # noqa: PTH100 (links stay)
    if not roots or len(common.parts) < levels - 1:
        content = (
            "no image" if not roots else f"images of {counted(len(roots), 'folder')} far apart"
        )
        raise DataError(
            f"{path}: lists {content}; name `annotations`, `images`, `classes` and `list` of the "
            "split"
        )
    return common, common


def _folder_of_lines(written: str, path: Path) -> Path:
    """The folder that lines of a list begin with: from the folder of the list on, or from one above
    it, as from where training was started; else the end of a path of another machine, or of one
    that begins with a folder that is not there, as `data/images` of CVAT."""
    starts = [path.parent, *path.absolute().parents[1:_LEVELS], Path.cwd()]
    if is_absolute(written):
        tried = [start / end for end in _ends(written) for start in starts]
    else:
        tried = [start / written for start in starts]
        tried += [path.parent / end for end in _ends(written)]
    tried = [path.parent / written, *tried]
    return next((folder for folder in tried if folder.is_dir()), tried[0])


def _refuse_one_for_two(located: Mapping[str, Path], path: Path) -> None:
    """Raise `DataError` where two folders of another machine would be one here: images of the same
    name in both would count once."""
    meant: dict[Path, str] = {}
    for folder in sorted(located):
        here = located[folder]
        parts = PurePosixPath(folder).parts
        if not is_absolute(folder) and (not parts or here.parts[-len(parts) :] == parts):
            continue  # as it is written
        first = meant.setdefault(real_path(here), folder)
        if PurePosixPath(first) != PurePosixPath(folder):
            raise DataError(
                f"{path}: lists images of {first} and of {folder}, and there is one folder for "
                f"both: {here}; write where the images of each are"
            )


def _root_of(folder: Path) -> Path:
    """The folder `images` that a folder is in or is, else the folder."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100
    for candidate in (folder, *folder.parents):
        if candidate.name == _IMAGES:
            return candidate
    return folder
