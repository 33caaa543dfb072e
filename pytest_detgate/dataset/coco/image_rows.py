"""Images of a COCO file to columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.fields import attribute, entry_type
from pytest_detgate.dataset.coco.loose_rows import LooseRows, Mistakes
from pytest_detgate.dataset.ids import Id, Ids, joined_ids, whole_ids
from pytest_detgate.dataset.tables import ImageTable, object_column
from pytest_detgate.dataset.text.exact_objects import are_decodable
from pytest_detgate.dataset.text.json_arrays import decoded_pieces
from pytest_detgate.dataset.text.json_decoding import (
    LITERALS,
    Number,
    numbers,
    without_literals,
)
from pytest_detgate.dataset.text.json_keys import require_unique_keys

_COLUMNS: tuple[Any, ...] = (
    ("id", Id | float),
    ("file_name", str),
    ("width", Number | None, None),
    ("height", Number | None, None),
)
_REQUIRED = (b'"id"', b'"file_name"')
_STANDARD = frozenset(name for name, *_ in _COLUMNS)


def read_images(
    array: msgspec.Raw | bytes,
    fields: tuple[str, ...],
    path: Path,
    mistakes: Mistakes,
    on_read: Callable[[int], None] = lambda size: None,
) -> ImageTable:
    """The table of a file's images with just those further fields that are wanted; `on_read` is
    called with the bytes of each part of them.

    Wrong values are noted in `mistakes`; what is no image at all raises `DataError` with its place.
    """
    strict = _strict_columns(fields)
    loose = LooseRows("images", mistakes)

    def columns(piece: bytes) -> ImageColumns:
        required: tuple[bytes, ...]
        try:
            read, required = strict(piece), _REQUIRED
        except msgspec.ValidationError as error:
            loose.read(piece, error)
            read, required = _loose_columns(loose, fields), ()
        require_unique_keys(piece, len(read), required)
        loose.skip(len(read))
        return read

    return image_table(list(decoded_pieces(array, "images", columns, path, on_read)), fields)


def strict_images(fields: tuple[str, ...]) -> Callable[[bytes], ImageColumns]:
    """Return what reads a piece of a file's images, the text of an array in itself.

    It raises `msgspec.DecodeError` where that is no such array, and where a value in it is wrong or
    is read in another way only."""
    strict = _strict_columns(fields)

    def columns(piece: bytes) -> ImageColumns:
        read = strict(piece)
        require_unique_keys(piece, len(read), _REQUIRED)
        return read

    return columns


def image_table(parts: Sequence[ImageColumns], fields: tuple[str, ...]) -> ImageTable:
    """The images of all parts, of which there are some."""
    return ImageTable(
        id=joined_ids([part.id for part in parts]),
        file_name=object_column(list(chain.from_iterable(part.file_name for part in parts))),
        width=np.concatenate([part.width for part in parts]),
        height=np.concatenate([part.height for part in parts]),
        fields={
            field: object_column(list(chain.from_iterable(part.fields[field] for part in parts)))
            for field in fields
        },
    )


def _strict_columns(fields: tuple[str, ...]) -> Callable[[bytes], ImageColumns]:
    further = tuple(field for field in fields if field not in _STANDARD)
    is_loose = not are_decodable(further)
    kind: Any = entry_type(_COLUMNS, () if is_loose else further)
    decode = msgspec.json.Decoder(list[kind]).decode

    def columns(piece: bytes) -> ImageColumns:
        rows = decode(piece)
        if is_loose:
            raise msgspec.ValidationError("a field whose name has an escape")
        names = [row.file_name for row in rows]
        if not all(names):
            raise msgspec.ValidationError("an image without a name")
        if not LITERALS.isdisjoint(names):
            raise msgspec.ValidationError("a name that is no text")
        return _columns(rows, names, fields, further)

    return columns


@dataclass(frozen=True, slots=True)
class ImageColumns:
    """The columns of a piece of the images."""

    id: Ids
    file_name: list[str]
    width: NDArray[np.float64]
    height: NDArray[np.float64]
    fields: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.file_name)


def _columns(
    rows: list[Any], names: list[str], fields: tuple[str, ...], further: tuple[str, ...]
) -> ImageColumns:
    called = {field: attribute(number) for number, field in enumerate(further)}
    return ImageColumns(
        id=whole_ids([row.id for row in rows], "id"),
        file_name=names,
        width=numbers([row.width for row in rows]),
        height=numbers([row.height for row in rows]),
        fields={
            field: without_literals([getattr(row, called.get(field, field)) for row in rows])
            for field in fields
        },
    )


def _loose_columns(rows: LooseRows, fields: tuple[str, ...]) -> ImageColumns:
    return ImageColumns(
        id=rows.ids("id"),
        file_name=rows.texts("file_name"),
        width=rows.numbers("width"),
        height=rows.numbers("height"),
        fields={field: rows.values(field) for field in fields},
    )
