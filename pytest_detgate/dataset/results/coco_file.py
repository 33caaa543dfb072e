"""COCO result files, plain lists and dictionaries: those of pycocotools, Detectron2, MMDetection
and Ultralytics."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from pytest_detgate.dataset.coco.content import CocoCategory
from pytest_detgate.dataset.coco.reader import category_ids
from pytest_detgate.dataset.coco.result_rows import Result, read_result_rows
from pytest_detgate.dataset.ids import Id, id_column, whole_ids
from pytest_detgate.dataset.keys import composed
from pytest_detgate.dataset.results.found_rows import (
    FoundRows,
    ListedClasses,
    ListedImages,
    wrong_score,
)
from pytest_detgate.dataset.tables import object_column
from pytest_detgate.dataset.text.files import as_utf8
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.dataset.text.refusals import plain_refusal
from pytest_detgate.errors import DataError

Rows = TypeVar("Rows")


class _ResultImage(msgspec.Struct, gc=False):
    id: Id | float
    file_name: str


class _NamedResults(msgspec.Struct, Generic[Rows]):
    """A result file wrapped in a COCO dictionary: it says what its ids mean."""

    annotations: Rows
    images: list[_ResultImage] | None = None
    categories: list[CocoCategory] | None = None


def read_coco_results(path: Path, content: bytes) -> FoundRows:
    """Read the detections of a COCO result file. A value that is none, and a key that occurs
    twice, raises `DataError` and is named."""
    try:
        file = _file(content, msgspec.Raw, path)
        rows = read_result_rows(file.annotations, path)
    except DataError as error:
        text = str(error)
        try:
            # Decoding it in one go takes longer, and names the first mistake of the whole file.
            _file(content, list[Result], path)
        except DataError as first:
            text = str(first)
        raise DataError(plain_refusal(text, as_utf8(content, path))) from None
    results = FoundRows(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        image=rows.image_id,
        file_name=rows.file_name,
        category_name=rows.category_name,
        category=rows.category_id,
        xywh=rows.xywh,
        score=rows.score,
        images=_listed_images(file.images, path),
        classes=_listed_classes(file.categories, path),
        kind="is a bare list"
        if _is_bare_list(as_utf8(content, path))
        else "does not list its images",
    )
    _refuse_wrong_values(results)
    return results


def read_categories_of_results(path: Path, content: bytes) -> tuple[str, ...] | None:
    """The class names that a COCO result file carries; None where it carries none."""
    categories = _file(content, msgspec.Raw, path).categories
    return None if categories is None else tuple(category.name for category in categories)


def _file(content: bytes, kind: type[Rows], path: Path) -> _NamedResults[Rows]:
    """The file, a plain list or a dictionary, with its detections as a `kind`."""
    content = as_utf8(content, path)
    if _is_bare_list(content):
        # The rows are checked when they are read.
        return _NamedResults(annotations=decode_json(content, kind, path, unique_keys=False))
    named: type[_NamedResults[Rows]] = _NamedResults[kind]  # type: ignore[valid-type]
    if kind is not msgspec.Raw:
        return decode_json(content, named, path, unique_keys=False)
    return decode_json(content, named, path, lambda file: [file.annotations])  # type: ignore[list-item]


def _is_bare_list(content: bytes) -> bool:
    return content.lstrip()[:1] == b"["


def _listed_images(listed: list[_ResultImage] | None, path: Path) -> ListedImages | None:
    if listed is None:
        return None
    try:
        ids = id_column(whole_ids([image.id for image in listed], "id"))
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {str(error).replace('`$[', '`$.images[')}") from None
    return ListedImages(
        id=ids,
        file_name=object_column([image.file_name for image in listed]),
    )


def _listed_classes(listed: list[CocoCategory] | None, path: Path) -> ListedClasses | None:
    if listed is None:
        return None
    names = composed(category.name for category in listed)
    return ListedClasses(id=category_ids(listed, path), names=names)


def _refuse_wrong_values(results: FoundRows) -> None:
    xywh, score = results.xywh, results.score
    assert xywh is not None
    checks: tuple[tuple[Any, Callable[[int], str]], ...] = (
        (
            np.logical_or.reduce(~np.isfinite(xywh), axis=1),
            lambda row: f"bbox {xywh[row].tolist()} is not finite",
        ),
        (
            np.logical_or.reduce(xywh[:, 2:] < 0, axis=1),
            lambda row: (
                f"bbox {xywh[row].tolist()} has a negative width or height: a box is "
                "[x, y, width, height] with x and y of its upper left corner"
            ),
        ),
        (~np.isfinite(score), lambda row: f"score {score[row]} is not finite"),
        (
            (score < 0) | (score > 1),
            lambda row: wrong_score(score, row),
        ),
    )
    for wrong, say in checks:
        results.refuse_first(wrong, say)
