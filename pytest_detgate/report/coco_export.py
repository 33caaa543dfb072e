"""Findings as COCO files that annotation tools open: the images concerned, what is annotated on
them now, and the boxes that were found, under separate categories."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import msgspec
import numpy as np

from pytest_detgate.dataset.images.opening import image_size
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.findings import Finding
from pytest_detgate.plain import encode
from pytest_detgate.report.figures.thumbnails import inside

_IMAGE_BYTES, _BOX_BYTES = 120, 220
"""About how many bytes of a file an image and a box take, without texts."""
_AT_ONCE = 1000
"""Entries that are objects at the same time."""

OVER_LIMIT = "findings_over_limit"
SUPERCATEGORY = "detgate"
"""Marks the categories of boxes that were found; no box of the data set has it."""


class FindingsOnImages:
    """The findings of one item that are on images, by data set and file name.

    `datasets` are those the item looks at: a finding that names none means the only one. `limit`
    is the largest size of a file, in bytes: findings beyond it are left out.
    """

    def __init__(self, datasets: Sequence[str] = (), *, limit: float = math.inf) -> None:
        self._only = datasets[0] if len(datasets) == 1 else None
        self._room = self.limit = limit
        self.added = 0
        """How many findings came, those included that are on no image or were left out."""
        self.left_out = 0
        """How many of those on images were left out because there was no room."""
        self.by_dataset: dict[str, dict[str, list[Finding]]] = {}

    def add(self, finding: Finding) -> bool:
        """Keep a finding, if it is on an image; whether there is room for more."""
        self.added += 1
        dataset = finding.dataset or self._only
        if dataset is not None and finding.image is not None:
            if self._room <= 0:
                self.left_out += 1
                return False
            on_image = self.by_dataset.setdefault(dataset, {}).setdefault(finding.image, [])
            self._room -= _size_of(finding) + (0 if on_image else _IMAGE_BYTES)
            on_image.append(finding)
        return self._room > 0


class CocoExport(msgspec.Struct, frozen=True, kw_only=True):
    """A COCO file; ids count from 1. `info` says where it comes from and what is left out. The
    annotations are text: as objects they would take ten times as much memory."""

    info: dict[str, Any]
    images: list[dict[str, Any]] | msgspec.Raw
    annotations: msgspec.Raw
    categories: list[dict[str, Any]] | msgspec.Raw


def coco_export(
    dataset: Dataset,
    findings_of_item: Mapping[str, Sequence[Finding]],
    *,
    pictures: bool = True,
    limit: float = math.inf,
) -> CocoExport:
    """Gather the images of a split or probe that findings are on, findings by file name.

    A finding on an image that the data set does not list or that is outside its folder, and a
    box that is not finite, are left out, and counted, and so are the images behind the first that
    fill a file of about `limit` bytes. Without `pictures` none is read, so that an image whose size
    the file does not state has none.
    """
    names = dataset.images.file_name.tolist()
    findings_of_item, n_over = _within(dataset, findings_of_item, limit)
    # A link may lead out of the folder though its name does not.
    rows = [
        row
        for row, name in enumerate(names)
        if name in findings_of_item
        and inside(dataset.images_dir, name, dataset.image_options) is not None
    ]
    listed = {names[row] for row in rows}
    unlisted = sum(
        len(findings) for name, findings in findings_of_item.items() if name not in listed
    )
    number = {row: index for index, row in enumerate(rows, start=1)}
    categories = _Categories(dataset.classes)
    on_rows = [(number[row], findings_of_item[names[row]]) for row in rows]
    odd = sum(_is_odd(finding) for _, findings in on_rows for finding in findings)
    on = np.flatnonzero(np.isin(dataset.boxes.image, rows))
    finite = np.isfinite(dataset.boxes.xywh[on]).all(axis=1)
    annotations = _as_text(
        chain(
            _annotated(dataset, on[finite].tolist(), number, categories),
            _found_boxes(on_rows, categories),
        )
    )
    return CocoExport(
        info={
            "dataset": dataset.name,
            "findings": sum(map(len, findings_of_item.values())) + n_over,
            "findings_left_out": unlisted + odd + n_over,
            "annotations_left_out": int(np.count_nonzero(~finite)),
            **({OVER_LIMIT: n_over} if n_over else {}),
        },
        images=[
            _image(dataset, row, number[row], findings_of_item[names[row]], pictures=pictures)
            for row in rows
        ],
        annotations=annotations,
        categories=categories.entries,
    )


def _within(
    dataset: Dataset, findings_of_item: Mapping[str, Sequence[Finding]], limit: float
) -> tuple[Mapping[str, Sequence[Finding]], int]:
    """The findings on the first images that fill so many bytes, and how many others there are."""
    if limit == math.inf:
        return findings_of_item, 0
    boxes = dict(
        zip(dataset.images.file_name.tolist(), dataset.boxes_by_image().tolist(), strict=True)
    )
    first, room, n_over = {}, limit, 0
    for name, findings in findings_of_item.items():
        size = _IMAGE_BYTES + _BOX_BYTES * boxes.get(name, 0) + sum(map(_size_of, findings))
        room -= size
        if room >= 0:
            first[name] = findings
        else:
            n_over += len(findings)
    return first, n_over


def _size_of(finding: Finding) -> int:
    """About how many bytes of a file a finding takes."""
    return _BOX_BYTES + len(finding.text) + len(finding.label or "")


class _Categories:
    """The data set's classes first, numbered from 1; others as they are met."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._names = set(classes)
        self._number: dict[tuple[str, object], int] = {}
        self.entries: list[dict[str, Any]] = []
        for index, name in enumerate(classes):
            self.number(("class", index), name)

    def number(self, key: tuple[str, object], name: str, above: str = "") -> int:
        """The id of the category under `key`; a category `name` is added if there is none."""
        if key not in self._number:
            self._number[key] = len(self.entries) + 1
            # pycocotools cannot filter categories of which one has no supercategory.
            entry = {"id": self._number[key], "name": name, "supercategory": above}
            self.entries.append(entry)
        return self._number[key]

    def unlisted(self, category_id: object) -> int:
        """The category in place of one that the file refers to and does not list."""
        return self.number(("unlisted", category_id), f"{category_id} (not listed)")

    def id_of_label(self, label: str | None) -> int:
        """The category of found boxes with this label; no class of the data set has its name."""
        name = f"{SUPERCATEGORY}: {label or 'finding'}"
        while name in self._names:
            name = f"{SUPERCATEGORY} {name}"
        return self.number(("found", label), name, SUPERCATEGORY)


def _as_text(entries: Iterator[dict[str, Any]]) -> msgspec.Raw:
    """The entries with their ids as a list of JSON, of which few are objects at a time."""
    numbered = ({"id": index, **entry} for index, entry in enumerate(entries, start=1))
    parts = []
    while part := list(islice(numbered, _AT_ONCE)):
        parts.append(encode(part)[1:-1])
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def _annotated(
    dataset: Dataset, rows: Sequence[int], number: Mapping[int, int], categories: _Categories
) -> Iterator[dict[str, Any]]:
    """The annotations of these rows; `number` is that of the row of an image."""
    boxes = dataset.boxes
    for row in rows:
        category = int(boxes.category[row])
        if category == UNLISTED:
            category_id = categories.unlisted(boxes.category_id[row])
        else:
            category_id = categories.number(("class", category), dataset.classes[category])
        entry = _box(number[int(boxes.image[row])], category_id, boxes.xywh[row].tolist())
        if np.isfinite(boxes.area[row]):
            entry["area"] = float(boxes.area[row])
        yield {**entry, "iscrowd": int(boxes.crowd[row])}


def _is_odd(finding: Finding) -> bool:
    """Whether a finding has a box that is not finite."""
    return finding.box is not None and not all(map(math.isfinite, finding.box))


def _found_boxes(
    findings_of_image: Sequence[tuple[int, Sequence[Finding]]], categories: _Categories
) -> Iterator[dict[str, Any]]:
    """The boxes that findings have, by image number, except those that are not finite."""
    for image, findings in findings_of_image:
        for finding in findings:
            if finding.box is None or _is_odd(finding):
                continue
            attributes: dict[str, Any] = {"finding": finding.text}
            if finding.score is not None and np.isfinite(finding.score):
                attributes["score"] = finding.score
            entry = _box(image, categories.id_of_label(finding.label), [*map(float, finding.box)])
            yield {**entry, "iscrowd": 0, "attributes": attributes}


def _box(image: int, category: int, xywh: list[float]) -> dict[str, Any]:
    return {
        "image_id": image,
        "category_id": category,
        "bbox": xywh,
        "area": xywh[2] * xywh[3],
        "segmentation": [],
    }


def _image(
    dataset: Dataset, row: int, number: int, findings: Sequence[Finding], *, pictures: bool
) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": number, "file_name": str(dataset.images.file_name[row])}
    size = _size(dataset, row, pictures=pictures)
    if size is not None:
        entry |= {"width": size[0], "height": size[1]}
    texts = [finding.text for finding in findings if finding.box is None]
    return entry | ({"findings": texts} if texts else {})


def _size(dataset: Dataset, row: int, *, pictures: bool) -> tuple[int, int] | None:
    """Width and height as the file states them, else as the image's header does."""
    stated = dataset.images.width[row], dataset.images.height[row]
    if np.isfinite(stated).all():
        return int(stated[0]), int(stated[1])
    if not pictures:
        return None
    return image_size(str(dataset.image_path(row)), dataset.image_options)
