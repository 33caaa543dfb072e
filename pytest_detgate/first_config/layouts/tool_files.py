"""Exports of annotation tools besides COCO: one file that lists its images."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

from pytest_detgate.dataset.labels.labelstudio.labelstudio_images import image_path
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.errors import DataError
from pytest_detgate.first_config.layouts.images_folder import images_folder
from pytest_detgate.first_config.layouts.nearby_files import files_below
from pytest_detgate.first_config.layouts.splits import (
    FoundData,
    FoundSplit,
    different_names,
    split_word,
    training_first,
)

_HEAD_BYTES = 100_000
_MOST_LINES = 1_000
_SUFFIXES = (".xml", ".json", ".csv")
_CVAT = re.compile(rb"<annotations[\s>]")
_CVAT_IMAGE = re.compile(rb'<image\s[^>]*\bname="([^"]*)"[^>]*>')
_CVAT_SUBSET = re.compile(rb'\bsubset="([^"]*)"')
_CVAT_TASK = re.compile(rb"<(?:track|image|task|job|project)[\s>]")
# What tools call the file of any data set.
_USUAL = frozenset({"annotations", "labels", "default", "result", "export", "project"})
_UPLOADED = re.compile(r"(?<![^/])[0-9a-f]{8}-(?=[^/]+\Z)")
_KINDS = {
    "cvat": "an XML file of CVAT",
    "labelstudio": "an export of Label Studio",
    "scalabel": "a file of Scalabel",
    "datumaro": "a file of Datumaro",
    "openimages": "a CSV file of Open Images",
}


def split_of_tool_file(path: Path) -> FoundData | None:
    """The split of one file, or those of its subsets; None where it is none of these formats."""
    splits = _splits(path, path.parent.parent)
    return (
        FoundData(kind=_KINDS[splits[0].format], splits=training_first(splits)) if splits else None
    )


def splits_of_tool_files(root: Path) -> FoundData | None:
    """The splits of the files of a folder and of those below it, which have one format; None where
    there are none. Each file is a split, or each of its subsets."""
    splits_found = [
        split for path in sorted(files_below(root, *_SUFFIXES)) for split in _splits(path, root)
    ]
    if not splits_found:
        return None
    kind = splits_found[0].format
    of_kind = [split for split in splits_found if split.format == kind]
    paths = [split.annotations for split in of_kind]
    names = different_names([split.name for split in of_kind], paths)
    if len(set(names)) < len(names):  # subsets of several files
        names = [f"{name}-{split.subset}" for name, split in zip(names, of_kind, strict=True)]
    splits = {
        name: dataclasses.replace(split, name=name)
        for name, split in zip(names, of_kind, strict=True)
    }
    used = {split.annotations for split in splits.values()}
    left_out = [split.annotations for split in splits_found if split.annotations not in used]
    notes = [f"{path.relative_to(root)} left out" for path in left_out[:3]]
    return FoundData(kind=_KINDS[kind], splits=training_first(splits.values()), notes=tuple(notes))


def _splits(path: Path, root: Path) -> list[FoundSplit]:
    """The splits of a file: its subsets, where it has several, else one; none if it has another
    format."""
    try:
        content = as_utf8(read_bytes(path), path)
    except DataError:
        return []
    split = _split(path, root, content)
    if split is None:
        return []
    subsets = _cvat_subsets(content) if split.format == "cvat" else {}
    if len(subsets) < 2 or "" in subsets:
        return [split]
    return [
        dataclasses.replace(
            split,
            name=split_word(subset) or subset,
            subset=subset,
            images=_folder_of_subset(path, subset) or images_folder(path, names, root),
        )
        for subset, names in subsets.items()
    ]


def _folder_of_subset(path: Path, subset: str) -> Path | None:
    """The folder in which CVAT writes the images of a subset."""
    folders = [path.parent / "images" / subset, path.parent / subset]
    return next((folder for folder in folders if folder.is_dir()), None)


def _cvat_subsets(content: bytes) -> dict[str, list[str]]:
    """The names of the images by their subset, which is empty for an image without one."""
    subsets: dict[str, list[str]] = {}
    for tag in _CVAT_IMAGE.finditer(content):
        subset = _CVAT_SUBSET.search(tag[0])
        name = unescape(subset[1].decode("utf-8", "replace")) if subset else ""
        subsets.setdefault(name, []).append(tag[1].decode("utf-8", "replace"))
    return subsets


def _split(path: Path, root: Path, content: bytes) -> FoundSplit | None:
    readers = {".xml": _cvat, ".csv": _openimages, ".json": _json}
    labels = readers[path.suffix.lower()](content)
    if labels is None:
        return None
    kind, names = labels
    stem = path.name.partition(".")[0]
    word = split_word(path.stem) or split_word(path.parent.name)
    name = word or ("all" if stem.lower() in _USUAL else stem)
    images = images_folder(path, names, root)
    classes = sorted(path.parent.glob("class-descriptions*.csv")) if kind == "openimages" else []
    return FoundSplit(
        name=name,
        format=kind,
        annotations=path,
        images=images,
        classes=classes[0] if classes else None,
    )


def _cvat(content: bytes) -> tuple[str, Sequence[str]] | None:
    head = content[:_HEAD_BYTES]
    if not (_CVAT.search(head) and _CVAT_TASK.search(head)):
        return None
    return "cvat", [name.decode("utf-8", "replace") for name in _CVAT_IMAGE.findall(content)]


def _openimages(content: bytes) -> tuple[str, Sequence[str]] | None:
    head, *lines = content.split(b"\n", 1 + _MOST_LINES)
    columns = head.decode("utf-8", "replace").strip().lower().split(",")
    if not {"imageid", "labelname", "xmin"} <= set(columns):
        return None
    index = columns.index("imageid")
    ids = [line.decode("utf-8", "replace").split(",") for line in lines[:_MOST_LINES]]
    return "openimages", [f"{words[index].strip()}.jpg" for words in ids if len(words) > index]


def _json(content: bytes) -> tuple[str, Sequence[str]] | None:
    """The format of a JSON file by the keys of its first entry, and the names of its images."""
    import msgspec

    try:
        top: Any = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
    if isinstance(top, dict) and "categories" in top and isinstance(top.get("items"), list):
        return "datumaro", [_datumaro_name(item) for item in _tables(top["items"])]
    frames = _tables(top.get("frames") if isinstance(top, dict) else top)
    if not frames:
        return None
    if {"data", "annotations"} <= frames[0].keys():
        names = [_labelstudio_name(task) for task in frames]
        # An upload has eight characters in front of its name.
        return "labelstudio", [*names, *(_UPLOADED.sub("", name, count=1) for name in names)]
    # BDD100K leaves out the labels of a frame that has none.
    if "name" in frames[0] and any("labels" in frame for frame in frames):
        return "scalabel", [str(frame.get("name")) for frame in frames]
    return None


def _tables(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _datumaro_name(item: dict[str, Any]) -> str:
    media = item.get("image") or item.get("media") or {}
    path = media.get("path") if isinstance(media, dict) else None
    return str(path or item.get("id"))


def _labelstudio_name(task: dict[str, Any]) -> str:
    data = task.get("data")
    text = data.get("image") if isinstance(data, dict) else None
    return image_path(str(text)).lstrip("/")
