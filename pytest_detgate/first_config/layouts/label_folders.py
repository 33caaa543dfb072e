"""Folders of images with a label file for each."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from pytest_detgate.dataset.images.names import listed_names
from pytest_detgate.dataset.labels.yolo.class_names import USUAL
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.errors import DataError
from pytest_detgate.first_config.layouts.splits import (
    FoundData,
    FoundSplit,
    split_word,
    training_first,
)

_LISTS = ("train", "val", "valid", "test")
_SAMPLE = 200
_FIRST = 5
_HEAD_BYTES = 2_000
_OTHER_LABELS = (".json", ".jsonl", ".xml", ".csv")
_YOLO = re.compile(rb"\s*\d+(\.0*)?(\s+[-+.\deE]+){4,}\s*(\n|\r|\Z)")
_KITTI = re.compile(rb"\s*[A-Za-z]\w*(\s+-?\d[-+.\deE]*){14}\s*(\n|\r|\Z)")
_WORDS = {
    "voc": "VOC labels",
    "yolo": "YOLO labels",
    "labelme": "LabelMe labels",
    "kitti": "KITTI labels",
}


@dataclass(slots=True)
class _Folder:
    """What a folder holds, by path relative to the root: images without their suffixes, and the
    label files of each format."""

    images: list[str] = field(default_factory=list)
    labels: dict[str, list[str]] = field(default_factory=dict)


def splits_of_folder(root: Path) -> FoundData | None:
    """The splits of a folder with labels of one image each; None where it has no such labels."""
    folders = _read(root)
    stems = {stem for folder in folders.values() for stem in folder.images}
    if not stems:
        return None
    labelled = {
        format_: [path for path, folder in folders.items() if folder.labels[format_]]
        for format_ in _WORDS
    }
    # A folder that is only called so comes last: it may hold labels of another format.
    for format_, paths in (*labelled.items(), ("yolo", _called_labels(root))):
        splits = [
            split
            for name, likely in _by_split(paths).items()
            if (split := _split(root, format_, name, likely, folders, stems)) is not None
        ]
        if splits:
            splits = [with_list for split in splits for with_list in _with_lists(root, split)]
            return FoundData(kind=_WORDS[format_], splits=training_first(splits))
    return None


def labels_alone(root: Path) -> str | None:
    """Which labels a folder without any image has, with the name of one."""
    for folder in _read(root).values():
        for format_, (suffix, _) in _LABELS.items():
            for stem in folder.labels[format_]:
                if not _is_about(stem):
                    return f"{_WORDS[format_]} ({stem}{suffix})"
    return None


def image_count(root: Path) -> int:
    """The number of images in a folder and in those below it."""
    return sum(len(folder.images) for folder in _read(root).values())


def _read(root: Path) -> dict[str, _Folder]:
    from pytest_detgate.dataset.images.opening import image_suffixes

    suffixes = image_suffixes()
    read: dict[str, _Folder] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(folder).relative_to(root)
        of_suffix: dict[str, list[str]] = {}
        contents = _Folder()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)  # noqa: PTH122
            if suffix.lower() in suffixes and not name.startswith("."):
                contents.images.append((inside / stem).as_posix())
            else:
                of_suffix.setdefault(suffix.lower(), []).append((inside / stem).as_posix())
        for format_, (suffix, is_label) in _LABELS.items():
            contents.labels[format_] = _labels(root, of_suffix.get(suffix, ()), suffix, is_label)
        read[inside.as_posix()] = contents
    return read


def _labels(
    root: Path, stems: Sequence[str], suffix: str, is_label: Callable[[bytes], bool]
) -> list[str]:
    """The stems, where one of the first files that are not empty is a label of the format."""
    heads = (_head(root / f"{stem}{suffix}") for stem in stems if not _is_about(stem))
    texts = islice(filter(bytes.strip, heads), _FIRST)
    return list(stems) if any(map(is_label, texts)) else []


def _head(path: Path) -> bytes:
    try:
        return as_utf8(read_bytes(path), path)[:_HEAD_BYTES]
    except DataError:
        return b""


def _is_about(stem: str) -> bool:
    """Whether a text beside labels is none: `classes.txt`, `README.txt`, `train.txt`."""
    name = PurePosixPath(stem).name.lower()
    return name == "classes" or name in _LISTS or name.startswith(("readme", "license"))


def _is_voc(head: bytes) -> bool:
    return b"<annotation>" in head or b"<annotation " in head


def _is_yolo(head: bytes) -> bool:
    return _YOLO.match(head) is not None


def _is_labelme(head: bytes) -> bool:
    return b'"shapes"' in head or b'"imagePath"' in head


def _is_kitti(head: bytes) -> bool:
    return _KITTI.match(head) is not None


# The suffix of the label files of each format, and what the beginning of one looks like.
_LABELS: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "voc": (".xml", _is_voc),
    "yolo": (".txt", _is_yolo),
    "labelme": (".json", _is_labelme),
    "kitti": (".txt", _is_kitti),
}


def _called_labels(root: Path) -> list[str]:
    """A folder `labels` in which no label was found: it is named, so that the reader says so. One
    with JSON, XML or tables and no text is not."""
    labels = root / "labels"
    if not labels.is_dir():
        return []
    suffixes = {path.suffix.lower() for path in labels.rglob("*") if path.is_file()}
    return ["labels"] if ".txt" in suffixes or suffixes.isdisjoint(_OTHER_LABELS) else []


def _by_split(folders: Iterable[str]) -> dict[str, list[str]]:
    """Where the labels of each split may be, the likeliest first: where a part of the paths says
    the split, the folder that all of those have in common; the others are one split.

    Folders below one that says that it holds a split, or labels, are parts of it, such as cameras;
    else they may be what holds the labels, as `training/label_2` of KITTI.
    """
    parts: dict[str, list[str]] = {}
    own: dict[str, list[str]] = {}
    for folder in folders:
        path = PurePosixPath(folder).parts
        words = [split_word(part) for part in path]
        says = [
            index
            for index, part in enumerate(path)
            if words[index] or part.lower() in ("labels", "annotations")
        ]
        top = path[: says[-1] + 1] if says else path
        name = next(filter(None, words), "")
        parts.setdefault(name, []).append(PurePosixPath(*top).as_posix())
        own.setdefault(name, []).append(folder)
    return {
        name: list(dict.fromkeys(map(os.path.commonpath, (several, own[name]))))
        for name, several in parts.items()
    }


def _split(
    root: Path,
    format_: str,
    name: str,
    likely: Iterable[str],
    folders: dict[str, _Folder],
    stems: set[str],
) -> FoundSplit | None:
    """A split with its labels in the first of the likely folders that fits, and the folder of
    images in which most of them have one."""
    tried = (_split_in(root, format_, name, labels, folders, stems) for labels in likely)
    return next(filter(None, tried), None)


def _split_in(
    root: Path,
    format_: str,
    name: str,
    labels: str,
    folders: dict[str, _Folder],
    stems: set[str],
) -> FoundSplit | None:
    own = [
        PurePosixPath(stem).relative_to(labels if labels else ".").as_posix()
        for path, folder in folders.items()
        if PurePosixPath(path).is_relative_to(labels or ".")
        for stem in folder.labels[format_]
        if not _is_about(stem)
    ]
    sample = own[:: max(1, len(own) // _SAMPLE)][:_SAMPLE]
    if format_ == "voc":
        sample = [PurePosixPath(stem).name for stem in sample]
    candidates = list(dict.fromkeys(_image_folders(labels, folders)))
    counts = {
        folder: sum((PurePosixPath(folder) / stem).as_posix() in stems for stem in sample)
        for folder in candidates
    }
    best = max(candidates, key=lambda folder: counts[folder], default=None)
    if best is None or (own and not counts[best]):
        return None
    return FoundSplit(
        name=name or "all",
        format=format_,
        annotations=root / labels,
        images=root / best,
        classes=_classes(root, root / labels) if format_ == "yolo" else None,
    )


def _image_folders(labels: str, folders: dict[str, _Folder]) -> Iterator[str]:
    """The folders that images may be in, the likeliest first."""
    path = PurePosixPath(labels)
    for word in ("images", "JPEGImages"):
        parts = [word if part.lower() in ("labels", "annotations") else part for part in path.parts]
        yield from (folder for folder in [PurePosixPath(*parts).as_posix()] if folder in folders)
    yield from (folder for folder in [path.as_posix()] if folder in folders)
    holding = [PurePosixPath(name) for name, folder in folders.items() if folder.images]
    yield from (name.as_posix() for name in holding)
    yield from (parent.as_posix() for name in holding for parent in name.parents)


def _classes(root: Path, labels: Path) -> Path | None:
    """The file with the names of the classes, from the folder of the labels up to the root."""
    folder = labels
    while True:
        named = [folder / name for name in USUAL]
        named += sorted((*folder.glob("*.names"), *folder.glob("*.yaml")))
        for path in named:
            if path.is_file():
                return path
        if folder in (root, folder.parent):
            return None
        folder = folder.parent


def _with_lists(root: Path, split: FoundSplit) -> Iterator[FoundSplit]:
    """The splits that lists make of one: of VOC in ImageSets/Main, of YOLO beside the labels."""
    if split.name != "all":
        yield split
        return
    folders = (
        *(folder / "ImageSets" / "Main" for folder in (split.annotations.parent, root)),
        split.annotations.parent,
        root,
    )
    for folder in folders:
        lists = [path for name in _LISTS if _names_images(path := folder / f"{name}.txt", split)]
        if lists:
            for listed in lists:
                yield dataclasses.replace(split, name=listed.stem, listed=listed)
            return
    yield split


def _names_images(path: Path, split: FoundSplit) -> bool:
    """Whether a file is a list of images: its first line ends with the name of one."""
    if not path.is_file():
        return False
    try:
        first = next(iter(listed_names(path)), "")
    except DataError:
        return False
    name = PurePosixPath(first.replace("\\", "/")).name
    stem = PurePosixPath(name).stem if "." in name else name
    return bool(name) and any(split.images.rglob(f"{_escaped(stem)}.*"))


def _escaped(stem: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", stem)
