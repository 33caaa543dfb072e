"""Tables of what labels say of their images.

Entries of images become tables here, so that an image without labels, a shape that is no box and an
area to leave out mean the same in all formats that have entries.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.names import AmbiguousNameError, name_of_missing, names_in
from pytest_detgate.dataset.images.sizes import with_sizes_of_files
from pytest_detgate.dataset.keys import keys
from pytest_detgate.dataset.labels.box_columns import (
    NO_PLAIN_BOXES,
    PlainBoxes,
    box_columns,
    used_classes,
)
from pytest_detgate.dataset.labels.image_labels import FLAGS, ImageLabels
from pytest_detgate.dataset.labels.split_images import LabelledImages
from pytest_detgate.dataset.labels.tables import Labels, SplitFiles, labelled_dataset
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Gap, gap


def listed_dataset(
    files: SplitFiles,
    entries: Sequence[ImageLabels],
    classes: Sequence[str] | None,
    sha256: str,
    *,
    plain: PlainBoxes = NO_PLAIN_BOXES,
) -> Dataset:
    """The tables of labels that list their images: these are all images of the split.

    `classes` are those that the labels list, None where they list none. Two entries of one image,
    and labels that nobody made, raise `DataError`.
    """
    index = names_in(files.images, files.image_options)
    for entry in entries:
        try:
            entry.image = index.find(entry.image, entry.hints, any_suffix=False) or entry.image
        except AmbiguousNameError as error:
            raise DataError(f"{files.labels}: {error}") from None
        if not entry.image:
            raise DataError(f"{files.labels}: {entry.where} names no image")
    names: dict[str | None, ImageLabels] = {}
    own_keys = keys([entry.image for entry in entries])
    for entry, its_key in zip(entries, own_keys, strict=True):
        other = names.setdefault(its_key, entry)
        if other is not entry:
            raise DataError(
                f"{files.labels}: {entry.image} has two entries, {other.where} and {entry.where}"
            )
    if entries and not any(entry.is_labelled for entry in entries):
        raise DataError(
            f"{files.labels}: none of its {counted(len(entries), 'image')} is labelled; is it the "
            "right file?"
        )
    there = set(keys(index.names))
    return _dataset(
        files,
        [entry if entry.is_labelled else None for entry in entries],
        [entry.image for entry in entries],
        np.array([entry.size for entry in entries], dtype=np.float64).reshape(-1, 2),
        classes,
        sha256,
        plain,
        unlabelled=np.array([not entry.is_labelled for entry in entries], dtype=np.bool_),
        is_there=np.array([its_key in there for its_key in own_keys], dtype=np.bool_),
        known=[entry.fields for entry in entries],
    )


def matched_dataset(
    files: SplitFiles,
    entries: Sequence[ImageLabels],
    images: LabelledImages,
    sha256: str,
    *,
    plain: PlainBoxes = NO_PLAIN_BOXES,
    gaps: Sequence[Gap] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    """The tables of the images of a folder, whose labels are entries by number."""
    own = [entries[number] if number >= 0 else None for number in images.label.tolist()]
    stated = [(math.nan, math.nan) if labels is None else labels.size for labels in own]
    return _dataset(
        files,
        own,
        images.names,
        np.array(stated, dtype=np.float64).reshape(-1, 2),
        None,
        sha256,
        plain,
        unlabelled=images.unlabelled,
        is_there=images.is_there,
        known=[{} if labels is None else labels.fields for labels in own],
        gaps=(*images.gaps, *gaps),
        notes=(*images.notes, *notes),
    )


def missing_image(text: str, suffix: str) -> str:
    """The name of an image that is not there; `suffix` is the usual one of the format."""
    name = name_of_missing(text)
    return name if text.endswith(name[name.rfind(".") :]) else name[: name.rfind(".")] + suffix


def _dataset(
    files: SplitFiles,
    entries: Sequence[ImageLabels | None],
    names: Sequence[str],
    size: np.ndarray[Any, np.dtype[np.float64]],
    classes: Sequence[str] | None,
    sha256: str,
    plain: PlainBoxes,
    *,
    unlabelled: np.ndarray[Any, np.dtype[np.bool_]],
    is_there: np.ndarray[Any, np.dtype[np.bool_]],
    known: Sequence[dict[str, Any]],
    gaps: Sequence[Gap] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    rows = [(row, labels) for row, labels in enumerate(entries) if labels is not None]
    own = [labels for _, labels in rows]
    if classes is None:
        listed = tuple(sorted(used_classes(own, plain)))
    else:
        listed = tuple(dict.fromkeys(classes))
    for _, labels in rows:
        if labels.areas:
            _spread_areas(labels, listed)
    columns = box_columns(own, plain)
    box_category, box_category_id = columns.of_classes(listed)
    size = with_sizes_of_files(files.images, names, size, files.image_options)
    return labelled_dataset(
        files,
        Labels(
            file_name=names,
            size=size,
            unlabelled=unlabelled,
            is_there=is_there,
            classes=listed,
            category_id=listed,
            box_id=[
                *chain.from_iterable(
                    map(f"{names[row]}:".__add__, labels.ids) for row, labels in rows
                )
            ],
            box_category_id=box_category_id,
            box_category=box_category,
            image=np.repeat(np.array([row for row, _ in rows], dtype=np.int64), columns.counts),
            xywh=columns.xywh,
            crowd=columns.crowd,
            sha256=sha256,
            notes=tuple(notes),
            framed=[where for _, labels in rows for where in labels.framed],
            fields=_fields(entries, known),
            has_class_list=classes is not None,
            has_scores=0 < len(columns.category) <= sum(labels.scores for _, labels in rows),
            gaps=(*gaps, *_shapes_not_boxes(files, names, rows)),
        ),
    )


def _fields(
    entries: Sequence[ImageLabels | None], known: Sequence[dict[str, Any]]
) -> dict[str, list[Any]]:
    """Columns of what is known of the images, and of the boxes of each that have a flag."""
    fields = {
        name: [own.get(name) for own in known]
        for name in dict.fromkeys(name for own in known for name in own)
    }
    has_flags = any(labels.flags for labels in entries if labels is not None)
    none = [None if labels is None else 0 for labels in entries]
    for flag in FLAGS:
        fields[flag] = (
            [None if labels is None else labels.flags.get(flag, 0) for labels in entries]
            if has_flags
            else none
        )
    return fields


def _shapes_not_boxes(
    files: SplitFiles, names: Sequence[str], rows: Sequence[tuple[int, ImageLabels]]
) -> tuple[Gap, ...]:
    """The images with shapes that have no box, of classes that count."""
    counting = None if files.stated_classes is None else {*files.stated_classes, None}
    others: dict[int, Counter[str]] = {}
    for row, labels in rows:
        own = Counter(kind for kind, name in labels.others if not counting or name in counting)
        if own:
            others[row] = own
    kinds: Counter[str] = sum(others.values(), Counter())
    shown = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    return gap(
        "shapes-not-boxes",
        "images",
        [names[row] for row in others],
        f"images have shapes that are no boxes ({shown})",
        rows=list(others),
    )


def _spread_areas(entry: ImageLabels, classes: Sequence[str]) -> None:
    """Make an area that is to be left out a crowd of every class, which COCO's matching leaves out.
    Without any class the image cannot be looked at."""
    for number, area in enumerate(entry.areas, start=1):
        entry.flags["ignore"] = entry.flags.get("ignore", 0) + 1
        if not classes:
            entry.others.append(("area to leave out", None))
        for name in classes:
            entry.classes.append(name)
            entry.boxes.append(area)
            entry.crowd.append(True)
            entry.ids.append(f"area {number} ({name})")
