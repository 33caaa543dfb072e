"""Tables from labels that come image by image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted, with_count
from pytest_detgate.dataset.annotation_gaps import annotation_gaps
from pytest_detgate.dataset.ids import id_column
from pytest_detgate.dataset.images.inside import names_inside
from pytest_detgate.dataset.images.options import AS_SHOWN, ImageOptions
from pytest_detgate.dataset.tables import (
    UNLISTED,
    BoxTable,
    Dataset,
    ImageTable,
    object_column,
)
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Gap, gap


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFiles:
    """Where a split's labels and images are.

    `labels` is a folder or file, `classes` what gives names to class numbers or codes, `listed`
    a file that names the images of the split, for formats that need them; `fields` are the image
    fields that are asked for. `allow_other_files` says that files which are no
    images may lie among them, `background` that there is nothing on an image without labels.
    `stated_classes` are the classes that `detgate.toml` lists, `max_polygons` is the largest number
    of shapes whose frame may be used, and `match_near` says that a name which is not there means
    the one near file. `allow_scores` says that labels may have scores, as detections have,
    `is_part` that other images of the split have labels where none of these has. `subset` names the
    images of a file of CVAT that are the split.
    """

    name: str
    labels: Path
    images: Path
    classes: Path | None = None
    listed: Path | None = None
    fields: tuple[str, ...] = ()
    image_options: ImageOptions = AS_SHOWN
    allow_other_files: bool = False
    background: bool = False
    stated_classes: tuple[str, ...] | None = None
    max_polygons: int | None = None
    match_near: bool = False
    allow_scores: bool = False
    is_part: bool = False
    subset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """What a label format says: columns of images and of boxes, as in the tables.

    `category_id` are what the labels call the `classes`, `box_category_id` what they call the class
    of each box, and `box_category` its number where it is known; `box_id` say where in the labels a
    box is. `unlabelled` is None where the format lists its images, `is_there` (n,) bool where it is
    not known which images there are.
    Boxes have either pixels, `xywh`, or are in `shares` of their image. `framed` are the places of
    polygons and turned boxes whose frame is used. `fields` are what the format says of each image
    besides, None where it says nothing. For `has_class_list`, `has_class_numbers` and `has_scores`
    see `Dataset`.
    """

    file_name: Sequence[str]
    size: NDArray[np.float64]
    unlabelled: NDArray[np.bool_] | None
    is_there: NDArray[np.bool_] | None = None
    classes: tuple[str, ...]
    category_id: tuple[int | str, ...]
    box_id: Sequence[int | str]
    box_category_id: Sequence[int | str] | NDArray[Any]
    box_category: NDArray[np.int64] | None = None
    image: NDArray[np.int64]
    xywh: NDArray[np.float64] | None = None
    shares: NDArray[np.float64] | None = None
    crowd: NDArray[np.bool_]
    sha256: str
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    framed: Sequence[str] = ()
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    has_class_list: bool = True
    has_class_numbers: bool = False
    has_scores: bool = False


def labelled_dataset(files: SplitFiles, labels: Labels) -> Dataset:
    """The tables of a split. Images have their file names as ids."""
    file_name = names_inside(
        object_column(list(labels.file_name)),
        files.images,
        str(files.labels),
        by_name=files.match_near,
    )
    unlabelled, note = labels.unlabelled, None
    if files.background and unlabelled is not None and labels.is_there is not None:
        background = unlabelled & labels.is_there
        unlabelled = unlabelled & ~labels.is_there
        if background.any():
            note = with_count(
                int(np.count_nonzero(background)),
                "images without labels count as images with nothing on them (missing-labels)",
            )
    boxes = BoxTable(
        id=id_column(list(labels.box_id)),
        image_id=file_name[labels.image],
        category_id=id_column(labels.box_category_id),
        image=labels.image,
        category=_class_indices(labels) if labels.box_category is None else labels.box_category,
        xywh=_pixels(labels),
        area=np.full(len(labels.image), np.nan),
        crowd=labels.crowd,
        shares=labels.shares,
    )
    gaps = (*labels.gaps, *annotation_gaps(boxes, (), labels.category_id))
    if unlabelled is not None and unlabelled.any():
        gaps += gap(
            "images-without-labels",
            "images",
            file_name[unlabelled].tolist(),
            "images have no label file",
            rows=np.flatnonzero(unlabelled).tolist(),
        )
    return Dataset(
        name=files.name,
        images_dir=files.images,
        images=ImageTable(
            id=file_name.copy(),
            file_name=file_name,
            width=labels.size[:, 0].copy(),
            height=labels.size[:, 1].copy(),
            fields={
                name: object_column(labels.fields.get(name, [None] * len(file_name)))
                for name in files.fields
            },
            unlabelled=unlabelled,
        ),
        boxes=boxes,
        classes=labels.classes,
        category_id=labels.category_id,
        has_class_list=labels.has_class_list,
        has_class_numbers=labels.has_class_numbers,
        has_scores=labels.has_scores,
        known_fields=tuple(labels.fields),
        annotations=files.labels,
        sha256=labels.sha256,
        notes=(
            *labels.notes,
            *_framed_note(files, labels.framed),
            *(() if note is None else (note,)),
            *_noted(gaps),
        ),
        gaps=gaps,
        image_options=files.image_options,
    )


def _class_indices(labels: Labels) -> NDArray[np.int64]:
    """(boxes,) the index of each box's class, `UNLISTED` for one that the labels do not list."""
    index = {category: row for row, category in enumerate(labels.category_id)}
    return np.array(
        [index.get(category, UNLISTED) for category in labels.box_category_id], np.int64
    )


class DigestOfFiles:
    """One SHA-256 of several files: of the digests of their names and contents."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, name: str, content: bytes) -> None:
        """Take the next file."""
        own = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        self._digest.update(own + hashlib.sha256(content).digest())

    def hexdigest(self) -> str:
        """Return the digest of all so far in hexadecimal."""
        return self._digest.hexdigest()


def digest_of(contents: Iterable[tuple[str, bytes]]) -> str:
    """The digest of all files."""
    digest = DigestOfFiles()
    for name, content in contents:
        digest.add(name, content)
    return digest.hexdigest()


def _pixels(labels: Labels) -> NDArray[np.float64]:
    if labels.xywh is not None:
        return labels.xywh
    assert labels.shares is not None
    return labels.shares * np.tile(labels.size, 2)[labels.image]


_SHAPES = ("polygon or turned box", "polygons and turned boxes")


def _framed_note(files: SplitFiles, framed: Sequence[str]) -> Iterable[str]:
    """A note on the shapes whose frame is used; `DataError` where there are more than allowed."""
    if files.max_polygons is not None and len(framed) > files.max_polygons:
        raise DataError(
            f"{files.labels}: {counted(len(framed), *_SHAPES)}, over max-polygons = "
            f"{files.max_polygons:,}; first {framed[0]}"
        )
    if framed:
        singular, several = (
            "polygon or turned box is read as its",
            "polygons and turned boxes are read as",
        )
        yield (
            f"1 {singular} frame" if len(framed) == 1 else f"{len(framed):,} {several} their frames"
        )


def _noted(gaps: Iterable[Gap]) -> Iterable[str]:
    """What a reader of the report must know of the gaps, a sentence each."""
    for listed in gaps:
        more = (
            ", which is not the same as an empty one"
            if listed.kind == "images-without-labels"
            else ""
        )
        yield f"{listed.text}{more}" + (f", first {listed.examples[0]}" if listed.examples else "")
