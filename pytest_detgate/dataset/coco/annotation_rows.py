"""Annotations of a COCO file to columns, without a Python object for each value where possible."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.loose_rows import LooseRows, Mistakes
from pytest_detgate.dataset.ids import Id, Ids, joined_ids, whole_ids
from pytest_detgate.dataset.text.json_arrays import decoded_pieces
from pytest_detgate.dataset.text.json_decoding import Number, numbers
from pytest_detgate.dataset.text.json_keys import require_unique_keys

_NONE = float("nan")
# Above this, neighbouring whole numbers are one float.
_EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class AnnotationRows:
    """Columns of annotations as their file writes them; for their meaning see `BoxTable`.

    `framed` is the number of boxes that are the frame of a segmentation, as there was no box;
    `has_scores` says that each row has a score, as detections have.
    """

    id: Ids
    image_id: Ids
    category_id: Ids
    xywh: NDArray[np.float64]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    framed: int = 0
    has_scores: bool = False

    def __len__(self) -> int:
        return len(self.xywh)


class _Box(msgspec.Struct, array_like=True, gc=False, forbid_unknown_fields=True):
    x: float
    y: float
    width: float
    height: float


class _PlainAnnotation(msgspec.Struct, kw_only=True, gc=False):
    """An annotation of numbers only, as nearly all are. Every field is a float, so that as
    MessagePack every annotation takes the same bytes: those are the columns, row by row."""

    id: float = _NONE
    image_id: float
    category_id: float
    bbox: _Box
    area: float = _NONE
    iscrowd: float = 0.0


class _AnyAnnotation(msgspec.Struct, gc=False):
    """An annotation with anything that a COCO file may hold."""

    image_id: Id | float
    category_id: Id | float
    bbox: tuple[Number, Number, Number, Number]
    id: Id | float | None = None
    area: Number | None = None
    iscrowd: bool | int | None = None


class _Score(msgspec.Struct, gc=False):
    score: Any = None


_REQUIRED = (b'"image_id"', b'"category_id"', b'"bbox"')
_decode_plain = msgspec.json.Decoder(list[_PlainAnnotation]).decode
_decode_any = msgspec.json.Decoder(list[_AnyAnnotation]).decode
_decode_scores = msgspec.json.Decoder(list[_Score]).decode
_encode = msgspec.msgpack.Encoder().encode


def _plain_row() -> np.dtype[np.void]:
    """Where the numbers are in one annotation as MessagePack writes it: each value after one
    byte that says it is a float, each field after its name, with one byte for the name's length.
    """
    offsets, number = [], 1
    for field in _PlainAnnotation.__struct_fields__:
        number += 1 + len(field)
        values = 4 if field == "bbox" else 1
        number += values > 1
        offsets.append(number + 1)
        number += 9 * values
    box = np.dtype({"names": list("xywh"), "formats": [">f8"] * 4, "offsets": [0, 9, 18, 27]})
    return np.dtype(
        {
            "names": list(_PlainAnnotation.__struct_fields__),
            "formats": [box if f == "bbox" else ">f8" for f in _PlainAnnotation.__struct_fields__],
            "offsets": offsets,
            "itemsize": number,
        }
    )


_PLAIN_ROW = _plain_row()


def read_annotations(
    array: msgspec.Raw | bytes,
    path: Path,
    mistakes: Mistakes,
    on_read: Callable[[int], None] = lambda size: None,
) -> AnnotationRows:
    """Columns of a file's annotations; `on_read` is called with the bytes of each part of them.

    Wrong values are noted in `mistakes`; what is no annotation at all raises `DataError` with its
    place."""
    loose = LooseRows("annotations", mistakes)
    has_scores = True

    def decode(piece: bytes) -> AnnotationRows:
        nonlocal has_scores
        rows = _decode(piece, loose)
        # Of ordinary annotations only the first piece is looked through.
        has_scores = has_scores and _have_scores(piece, len(rows))
        return rows

    parts = list(decoded_pieces(array, "annotations", decode, path, on_read))
    return dataclasses.replace(joined_rows(parts), has_scores=has_scores)


def joined_rows(parts: Sequence[AnnotationRows]) -> AnnotationRows:
    """The rows of all parts, of which there are some."""
    return AnnotationRows(
        id=joined_ids([part.id for part in parts]),
        image_id=joined_ids([part.image_id for part in parts]),
        category_id=joined_ids([part.category_id for part in parts]),
        xywh=np.concatenate([part.xywh for part in parts]),
        area=np.concatenate([part.area for part in parts]),
        crowd=np.concatenate([part.crowd for part in parts]),
        framed=sum(part.framed for part in parts),
        has_scores=all(part.has_scores for part in parts),
    )


def _have_scores(piece: bytes, rows: int) -> bool:
    """Whether each of the rows in a piece, of which there are some, has a score."""
    if not rows or piece.count(b'"score"') < rows:
        return False
    return all(row.score is not None for row in _decode_scores(piece))


def _decode(piece: bytes, loose: LooseRows) -> AnnotationRows:
    required: tuple[bytes, ...]
    try:
        columns, required = _strict_rows(piece), _REQUIRED
    except msgspec.ValidationError as error:
        loose.read(piece, error)
        columns, required = _loose_rows(loose), ()
    require_unique_keys(piece, len(columns), required)
    loose.skip(len(columns))
    return columns


def strict_annotations() -> Callable[[bytes], AnnotationRows]:
    """Return what reads pieces of a file's annotations, the text of an array each.

    It raises `msgspec.DecodeError` where that is no such array, and where a value in it is wrong or
    is read in another way only."""
    has_scores = True

    def columns(piece: bytes) -> AnnotationRows:
        nonlocal has_scores
        rows = _strict_rows(piece)
        require_unique_keys(piece, len(rows), _REQUIRED)
        has_scores = has_scores and _have_scores(piece, len(rows))
        return dataclasses.replace(rows, has_scores=has_scores)

    return columns


def _strict_rows(piece: bytes) -> AnnotationRows:
    columns: AnnotationRows | None = None
    with contextlib.suppress(msgspec.ValidationError):
        columns = _plain_rows(_decode_plain(piece))
    if columns is None or _has_empty_box(columns.xywh):
        columns = _any_rows(piece)
        # A box of zeros is none where there is a segmentation.
        if _has_empty_box(columns.xywh):
            raise msgspec.ValidationError("a box of zeros")
    return columns


def _has_empty_box(xywh: NDArray[np.float64]) -> bool:
    """Whether all four numbers of a box are zero."""
    return not (xywh[:, 2].all() or xywh.any(axis=1).all())


def _plain_rows(rows: list[_PlainAnnotation]) -> AnnotationRows | None:
    """The columns of plain annotations; None where one of them is not that plain."""
    packed = _encode(rows)
    header = len(packed) - len(rows) * _PLAIN_ROW.itemsize
    table = np.frombuffer(packed, _PLAIN_ROW, len(rows), header)
    whole = _whole(table, ("image_id", "category_id", "iscrowd", "id"))
    has_ids = whole is not None
    if whole is None:
        whole = _whole(table, ("image_id", "category_id", "iscrowd"))
    if whole is None or not (has_ids or np.isnan(table["id"]).all()):
        return None
    xywh = np.empty((len(rows), 4))
    for number, side in enumerate("xywh"):
        xywh[:, number] = table["bbox"][side]
    return AnnotationRows(
        id=whole[3] if has_ids else [None] * len(rows),
        image_id=whole[0],
        category_id=whole[1],
        xywh=xywh,
        area=table["area"].astype(np.float64),
        crowd=whole[2].astype(np.bool_),
    )


def _whole(table: NDArray[np.void], fields: Sequence[str]) -> NDArray[np.int64] | None:
    """Each field as whole numbers; None where one is not, or could be that of a neighbour."""
    native = np.empty((len(fields), len(table)))
    for own, field in zip(native, fields, strict=True):
        own[:] = table[field]
    with np.errstate(invalid="ignore"):
        whole = native.astype(np.int64)
        return whole if ((whole == native) & (np.abs(native) < _EXACT)).all() else None


def _any_rows(piece: bytes) -> AnnotationRows:
    rows = _decode_any(piece)
    return AnnotationRows(
        id=whole_ids([row.id for row in rows], "id"),
        image_id=whole_ids([row.image_id for row in rows], "image_id"),
        category_id=whole_ids([row.category_id for row in rows], "category_id"),
        xywh=np.array([row.bbox for row in rows], dtype=np.float64).reshape(-1, 4),
        area=numbers([row.area for row in rows]),
        crowd=np.array([bool(row.iscrowd) for row in rows], dtype=np.bool_),
    )


def _loose_rows(rows: LooseRows) -> AnnotationRows:
    xywh, framed = rows.boxes()
    return AnnotationRows(
        id=rows.ids("id", needed=False),
        image_id=rows.ids("image_id"),
        category_id=rows.ids("category_id"),
        xywh=xywh,
        area=rows.numbers("area"),
        crowd=rows.flags("iscrowd"),
        framed=framed,
    )
