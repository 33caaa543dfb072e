"""Several COCO files as one: an id changes only where two files use it for two things."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED
from pytest_detgate.errors import DataError
from pytest_detgate.splitting.json_text import Entry, raw_of, table_of, value_of
from pytest_detgate.splitting.sources import Source
from pytest_detgate.splitting.whole import Whole, labels_of, notes_on_scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MergedFiles(Whole):
    """The entries of all files, in their order; `top` has all values besides images and
    annotations."""

    top: Entry
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]


def merge_files(sources: Sequence[Source]) -> MergedFiles:
    """Merge files; classes are matched by name. What one file cannot express raises
    `DataError`."""
    tables = [source.dataset for source in sources]
    folder = _common_folder(sources)
    image_ids = _new_ids([dataset.images.id for dataset in tables])
    annotation_ids = _new_ids([dataset.boxes.id for dataset in tables])
    categories, category_ids = _unite([source.categories for source in sources], _name)
    licenses, license_ids = _unite([source.licenses for source in sources], _content)
    images, annotations = [], []
    for index, source in enumerate(sources):
        prefix = None if folder is None else source.dataset.images_dir.relative_to(folder)
        images += _images(source, image_ids[index], license_ids[index], prefix)
        annotations += _annotations(
            source,
            annotation_ids[index],
            image_ids[index],
            category_ids[index],
        )
    starts = np.cumsum([0, *map(len, (source.images for source in sources))])
    return MergedFiles(
        top=_top(sources, categories, licenses),
        images=images,
        annotations=annotations,
        classes=tuple(dict.fromkeys(name for dataset in tables for name in dataset.classes)),
        source=np.repeat(np.arange(len(sources)), np.diff(starts)),
        clip=np.concatenate([source.clip for source in sources]),
        image=np.concatenate(
            [
                dataset.boxes.image + np.where(dataset.boxes.image == UNLISTED, 0, start)
                for dataset, start in zip(tables, starts, strict=False)
            ]
        ),
        label=np.concatenate([labels_of(dataset) for dataset in tables]),
        folder=folder,
        notes=tuple(note for dataset in tables for note in notes_on_scores(dataset)),
        renumbered=tuple(
            kind
            for kind, is_new in (
                ("image", image_ids),
                ("annotation", annotation_ids),
                ("category", category_ids),
                ("license", license_ids),
            )
            if any(is_new)
        ),
    )


def _images(
    source: Source,
    ids: Sequence[int] | None,
    license_ids: Mapping[Any, Any],
    prefix: Path | None,
) -> list[msgspec.Raw]:
    if ids is None and not license_ids and prefix is None:
        return source.images
    entries = []
    for row, entry in enumerate(source.images):
        changes: dict[str, Any] = {} if ids is None else {"id": ids[row]}
        fields = table_of(bytes(entry))
        if license_ids and "license" in fields:
            old = value_of(fields["license"])
            changes["license"] = license_ids.get(old, old)
        if prefix is not None:
            changes["file_name"] = (prefix / source.dataset.images.file_name[row]).as_posix()
        entries.append(_with_changes(fields, changes))
    return entries


def _annotations(
    source: Source,
    ids: Sequence[int] | None,
    image_ids: Sequence[int] | None,
    category_ids: Mapping[Any, Any],
) -> list[msgspec.Raw]:
    if ids is None and image_ids is None and not category_ids:
        return source.annotations
    boxes = source.dataset.boxes
    listed = boxes.category_id.tolist()
    entries = []
    for row, entry in enumerate(source.annotations):
        changes: dict[str, Any] = {} if ids is None else {"id": ids[row]}
        image, category = int(boxes.image[row]), listed[row]
        if image_ids is not None and image != UNLISTED:
            changes["image_id"] = image_ids[image]
        if category_ids:
            if boxes.category[row] == UNLISTED:
                raise DataError(
                    f"{source.path}: annotations[{row}] is of category {category!r}, which the "
                    "file does not list, so it cannot be merged with other files"
                )
            changes["category_id"] = category_ids.get(category, category)
        entries.append(_with_changes(table_of(bytes(entry)), changes))
    return entries


def _with_changes(fields: Entry, changes: Mapping[str, Any]) -> msgspec.Raw:
    return raw_of({**fields, **{key: raw_of(value) for key, value in changes.items()}})


def _new_ids(columns: Sequence[NDArray[Any]]) -> list[list[int]] | list[None]:
    """New ids from 1 for the rows of each file, or None where the old ids are distinct."""
    ids = [value for column in columns for value in column.tolist()]
    if len(columns) == 1 or len(set(map(str, ids))) == len(ids):
        return [None] * len(columns)
    starts = np.cumsum([1, *map(len, columns)])
    return [
        list(range(start, start + len(column)))
        for start, column in zip(starts.tolist(), columns, strict=False)
    ]


def _unite(
    lists: Sequence[Sequence[msgspec.Raw]], identity: Callable[[Entry], Hashable]
) -> tuple[list[msgspec.Raw], list[dict[Any, Any]]]:
    """The entries of all lists, each identity once, and for each list the ids that changed."""
    entries: list[msgspec.Raw] = []
    known: dict[Hashable, Any] = {}
    maps: list[dict[Any, Any]] = []
    for listed in lists:
        changed = {}
        for raw in listed:
            fields = table_of(bytes(raw))
            old = value_of(fields["id"])
            same = identity(fields) if len(lists) > 1 else len(entries)
            if same not in known:
                taken = old in known.values()
                free = (new for new in range(1, len(known) + 2) if new not in known.values())
                known[same] = next(free) if taken else old
                entries.append(_with_changes(fields, {"id": known[same]}) if taken else raw)
            if known[same] != old:
                changed[old] = known[same]
        maps.append(changed)
    return entries, maps


def _name(category: Entry) -> Hashable:
    return str(value_of(category["name"]))


def _content(entry: Entry) -> Hashable:
    return tuple(sorted((key, bytes(raw)) for key, raw in entry.items() if key != "id"))


def _top(
    sources: Sequence[Source], categories: list[msgspec.Raw], licenses: list[msgspec.Raw]
) -> Entry:
    """Each value besides the lists, from the first file that has it."""
    top: Entry = {}
    for source in sources:
        for key, raw in source.top.items():
            top.setdefault(key, raw)
    top["categories"] = raw_of(categories)
    return {**top, "licenses": raw_of(licenses)} if licenses else top


def _common_folder(sources: Sequence[Source]) -> Path | None:
    """The folder that file names are relative to where the files' folders differ; a name of two
    images raises `DataError`."""
    folders = [source.dataset.images_dir for source in sources]
    same = len(set(folders)) == 1
    names = [name for source in sources for name in source.dataset.images.file_name.tolist()]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if same and twice is not None and len(sources) > 1:
        raise DataError(
            f"{twice!r} is listed more than once in {', '.join(str(s.path) for s in sources)}; if "
            "they are two images, name the folder of each file with --images"
        )
    return None if same else Path(os.path.commonpath(folders))
