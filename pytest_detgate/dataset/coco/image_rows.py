"""Images of a COCO file to columns."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_detgate.dataset.ids import Id, joined_ids, whole_ids
from pytest_detgate.dataset.tables import ImageTable, object_column
from pytest_detgate.dataset.text.json_arrays import decoded_pieces
from pytest_detgate.dataset.text.json_decoding import Number, numbers
from pytest_detgate.dataset.text.json_keys import require_unique_keys


def read_images(array: msgspec.Raw | bytes, fields: tuple[str, ...], path: Path) -> ImageTable:
    """The table of a file's images with just those further fields that are wanted.

    An image that is not what it should be raises `DataError` with its place.
    """
    decode = msgspec.json.Decoder(list[_image_type(fields)]).decode  # type: ignore[misc]

    def columns(piece: bytes) -> _Columns:
        rows = decode(piece)
        require_unique_keys(piece, len(rows), (b'"id"', b'"file_name"'))
        return _Columns(rows, fields)

    parts = list(decoded_pieces(array, "images", columns, path))
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


class _Columns:
    """The columns of a piece of the images."""

    def __init__(self, rows: list[Any], fields: tuple[str, ...]) -> None:
        self.id = whole_ids([row.id for row in rows], "id")
        self.file_name = [row.file_name for row in rows]
        self.width = numbers([row.width for row in rows])
        self.height = numbers([row.height for row in rows])
        self.fields = {field: [getattr(row, field) for row in rows] for field in fields}

    def __len__(self) -> int:
        return len(self.file_name)


def _image_type(fields: tuple[str, ...]) -> Any:
    columns: list[Any] = [
        ("id", Id | float),
        ("file_name", str),
        ("width", Number | None, None),
        ("height", Number | None, None),
    ]
    columns += [(field, Any, None) for field in fields if field not in {c[0] for c in columns}]
    return msgspec.defstruct("CocoImage", columns, gc=False)
