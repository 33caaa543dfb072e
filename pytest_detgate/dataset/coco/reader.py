"""COCO JSON to tables."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Raw
from numpy.typing import NDArray

from pytest_detgate.boxes import MAX_AREA, usable_area
from pytest_detgate.counts import with_count
from pytest_detgate.dataset.annotation_gaps import annotation_gaps
from pytest_detgate.dataset.coco.ambiguous_ids import ambiguous_gaps
from pytest_detgate.dataset.coco.annotation_rows import AnnotationRows, read_annotations
from pytest_detgate.dataset.coco.content import CocoCategory, CocoFile, long_arrays
from pytest_detgate.dataset.coco.image_rows import read_images
from pytest_detgate.dataset.coco.large_file import LargeFile, read_large
from pytest_detgate.dataset.coco.loose_rows import Mistakes
from pytest_detgate.dataset.ids import id_column, repeated, rows_of, whole_ids
from pytest_detgate.dataset.images.inside import names_inside
from pytest_detgate.dataset.tables import BoxTable, Dataset, ImageTable
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.dataset.text.refusals import plain_refusal
from pytest_detgate.dataset.text.unread_labels import unread_labels
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Gap, gap
from pytest_detgate.progress import Progress

MEGABYTE = 1_000_000
_MISSING = re.compile(r": Object missing required field `(images|categories)`$")
_KEYS_SHOWN = 8
# A smaller file is read in a moment.
_LARGE = 20 * MEGABYTE


class _Categories(msgspec.Struct):
    categories: list[CocoCategory]


def read_coco(path: Path, images_dir: Path, name: str, image_fields: Iterable[str] = ()) -> Dataset:
    """Read a COCO file as the split or probe `name`, its file names relative to `images_dir`.

    Nothing is dropped: an annotation of an image or category that is not listed keeps its row,
    with `UNLISTED`. `image_fields` are further fields of the images to keep. A file that cannot
    be read, is cut off, lacks what COCO requires, or names a file outside of the images folder
    raises `DataError` with the place.
    """
    dataset = read_coco_file(path, image_fields)
    file_name = names_inside(dataset.images.file_name, images_dir, str(path))
    return dataclasses.replace(
        dataset,
        name=name,
        images_dir=images_dir,
        images=dataclasses.replace(dataset.images, file_name=file_name),
    )


def read_coco_file(
    path: Path, image_fields: Iterable[str] = (), progress: Progress | None = None
) -> Dataset:
    """Read a COCO file without name and images folder: its file names are unchanged."""
    if path.is_dir():
        raise DataError(f"{path}: a folder, and COCO annotations are one file{_format_of(path)}")
    fields = tuple(image_fields)
    size = _size(path)
    large: LargeFile | None = None
    if size >= _LARGE:
        with _shown(progress, path, size) as on_read:
            large = read_large(path, fields, on_read)
    return _dataset(large or _read_whole(path, fields, progress), path)


def _read_whole(path: Path, fields: tuple[str, ...], progress: Progress | None) -> LargeFile:
    """Read a file of any kind, or say what is wrong with it."""
    content = read_bytes(path)
    text = as_utf8(content, path)
    if text.lstrip()[:1] == b"[":
        what = unread_labels(path, text) or (
            "a list, as a result file is; a COCO annotation file is an object with images, "
            "annotations and categories"
        )
        raise DataError(f"{path}: {what}")
    mistakes = Mistakes()
    with (
        ThreadPoolExecutor(1) as beside,
        _shown(progress, path, len(text)) as on_read,
    ):
        # Hashing lets other threads run, so it costs next to nothing while the text is decoded.
        digest = beside.submit(lambda: hashlib.sha256(content).hexdigest())
        file = _decoded(text, path)
        annotations = b"[]" if file.annotations is UNSET else file.annotations
        for key, rows_of_key in (("images", file.images), ("annotations", annotations)):
            _require_list(bytes(memoryview(rows_of_key)[:1]), key, path)
        images = read_images(file.images, fields, path, mistakes, on_read)
        rows = read_annotations(annotations, path, mistakes, on_read)
    mistakes.raise_all(path)
    return LargeFile(file, images, rows, digest.result())


def _dataset(file: LargeFile, path: Path) -> Dataset:
    images, categories = file.images, file.outline.categories
    category_id = category_ids(categories, path)
    boxes = box_table(file.annotations, images.id, category_id)
    classes = tuple(category.name for category in categories)
    if file.outline.annotations is UNSET:
        images = dataclasses.replace(images, unlabelled=np.ones(len(images), dtype=np.bool_))
    gaps = tuple(gaps_of(images, boxes, category_id.tolist(), classes))
    return Dataset(
        name="",
        images_dir=Path(),
        images=images,
        boxes=boxes,
        classes=classes,
        category_id=tuple(category_id.tolist()),
        supercategories=supercategories(categories),
        annotations=path,
        sha256=file.sha256,
        has_scores=file.annotations.has_scores,
        notes=(*_framed_note(file.annotations.framed), *notes_of(images, boxes, gaps)),
        gaps=gaps,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0  # reading says why


def _format_of(folder: Path) -> str:
    """Say which format the files of a folder may have, where their suffix shows one."""
    for suffix, name in ((".txt", "yolo"), (".xml", "voc"), (".json", "labelme")):
        if any(path.suffix.lower() == suffix for path in folder.iterdir()):
            file = "; give one of its .json files" if suffix == ".json" else ""
            return f'{file}; with {suffix} files it may be format = "{name}"'
    return ""


def _decoded(text: bytes, path: Path) -> CocoFile:
    try:
        return decode_json(text, CocoFile, path, long_arrays)
    except DataError as error:
        missing = _MISSING.search(str(error))
        if missing is None:
            raise DataError(plain_refusal(str(error), text)) from None
        if other := unread_labels(path, text):
            raise DataError(f"{path}: {other}") from None
        keys: dict[str, Any] = {}
        with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
            keys = msgspec.json.decode(text, type=dict[str, Raw])
        listed = ", ".join([*keys][:_KEYS_SHOWN]) or "nothing"
        more = f" and {len(keys) - _KEYS_SHOWN:,} more" if len(keys) > _KEYS_SHOWN else ""
        raise DataError(
            f"{path}: no list `{missing[1]}`; a COCO annotation file is an object with images, "
            f"annotations and categories, found {listed}{more}"
        ) from None


def _require_list(first: bytes, key: str, path: Path) -> None:
    if first != b"[":
        what = {b"n": "null", b"{": "an object", b'"': "text"}.get(first, "no list")
        raise DataError(f"{path}: {key} is {what}; expected a list")


@contextlib.contextmanager
def _shown(progress: Progress | None, path: Path, size: int) -> Iterator[Callable[[int], None]]:
    """Show how much of a large file is read, in megabytes."""
    if progress is None or size < _LARGE:
        yield lambda size: None
        return
    read = 0
    with progress.task(f"reading {path.name}", size // MEGABYTE, "MB") as advance:

        def on_read(part: int) -> None:
            nonlocal read
            advance((read + part) // MEGABYTE - read // MEGABYTE)
            read += part

        yield on_read


def category_ids(categories: Sequence[CocoCategory], path: Path) -> NDArray[Any]:
    """The ids of the categories of a file. A fraction, NaN and Infinity raise `DataError`."""
    try:
        return id_column(whole_ids([category.id for category in categories], "id"))
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {str(error).replace('`$[', '`$.categories[')}") from None


def read_categories(path: Path) -> list[CocoCategory]:
    """The categories of a COCO file, without building anything else of it."""
    return decode_json(read_bytes(path), _Categories, path, unique_keys=False).categories


def supercategories(categories: Sequence[CocoCategory]) -> tuple[str | None, ...]:
    """The name of the group that each category says it is in, None where it says none."""
    names = (category.supercategory for category in categories)
    return tuple(name if isinstance(name, str) else None for name in names)


def box_table(rows: AnnotationRows, image_id: NDArray[Any], category_id: NDArray[Any]) -> BoxTable:
    """Annotations with the rows of the images and categories that they refer to."""
    box_image_id, box_category_id = id_column(rows.image_id), id_column(rows.category_id)
    return BoxTable(
        id=id_column(rows.id),
        image_id=box_image_id,
        category_id=box_category_id,
        image=rows_of(box_image_id, image_id),
        category=rows_of(box_category_id, category_id),
        xywh=rows.xywh,
        area=rows.area,
        crowd=rows.crowd,
    )


def gaps_of(
    images: ImageTable, boxes: BoxTable, category_id: Sequence[int | str], classes: Sequence[str]
) -> Iterable[Gap]:
    """What nothing can look at in a file with these images and boxes."""
    yield from annotation_gaps(boxes, images.id, category_id)
    yield from ambiguous_gaps(images, boxes, category_id, classes)
    if images.unlabelled is not None:
        # Nobody has said what is on the images, which is not the same as nothing.
        what = "images have no labels: the file has no list `annotations`"
        names = images.file_name.tolist()
        yield from gap("images-without-labels", "images", names, what, rows=range(len(names)))


def _framed_note(framed: int) -> Iterable[str]:
    if framed:
        yield with_count(framed, "annotations have no box; the frame of the segmentation is used")


def notes_of(images: ImageTable, boxes: BoxTable, gaps: Sequence[Gap]) -> Iterable[str]:
    """What a reader must know of such a file."""
    for listed in gaps:
        yield listed.text
    odd = np.count_nonzero(~usable_area(boxes.area) & ~np.isnan(boxes.area))
    if odd:
        yield with_count(
            int(odd),
            f"annotations have an area below 0 or over {MAX_AREA:g}; the area of the box counts "
            "instead",
        )
    twice = repeated(images.id)
    if twice:
        yield with_count(len(twice), f"image ids are used twice, first {twice[0]!r}")
