"""Detections of a COCO result file to columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.ids import Id, id_column, joined_ids, whole_ids
from pytest_detgate.dataset.tables import object_column
from pytest_detgate.dataset.text.json_arrays import decoded_pieces
from pytest_detgate.dataset.text.json_decoding import LITERALS, SPELLED, Number
from pytest_detgate.dataset.text.json_keys import require_unique_keys


@dataclass(frozen=True, slots=True)
class ResultRows:
    """Columns of detections as their file writes them; `xywh` is (n, 4), in pixels. `file_name` is
    None unless every detection has one, as those of Ultralytics do, `category_name` likewise, as
    those of SAHI do."""

    image_id: NDArray[Any]
    category_id: NDArray[Any]
    xywh: NDArray[np.float64]
    score: NDArray[np.float64]
    file_name: NDArray[np.object_] | None
    category_name: NDArray[np.object_] | None

    def __len__(self) -> int:
        return len(self.score)


class Result(msgspec.Struct, gc=False):
    """A detection as its file writes it."""

    image_id: Id | float
    category_id: Id | float
    bbox: tuple[Number, Number, Number, Number]
    score: Number
    file_name: str | None = None
    category_name: str | None = None


_KEYS = (b'"image_id"', b'"category_id"', b'"bbox"', b'"score"')
_decode_results = msgspec.json.Decoder(list[Result]).decode


def read_result_rows(array: msgspec.Raw, path: Path) -> ResultRows:
    """Columns of the detections of a file; a wrong one raises `DataError`."""
    parts = list(decoded_pieces(array, "annotations", _decode, path))
    return ResultRows(
        image_id=joined_ids([part.image_id for part in parts]),
        category_id=joined_ids([part.category_id for part in parts]),
        xywh=np.concatenate([part.xywh for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        file_name=_joined_names([part.file_name for part in parts if len(part)]),
        category_name=_joined_names([part.category_name for part in parts if len(part)]),
    )


def _decode(piece: bytes) -> ResultRows:
    rows = _decode_results(piece)
    require_unique_keys(piece, len(rows), _KEYS)
    sides = chain.from_iterable([row.bbox for row in rows])
    return ResultRows(
        image_id=id_column(whole_ids([row.image_id for row in rows], "image_id")),
        category_id=id_column(whole_ids([row.category_id for row in rows], "category_id")),
        # From a list of tuples NumPy takes twice as long.
        xywh=np.fromiter(sides, np.float64, 4 * len(rows)).reshape(-1, 4),
        score=np.array([row.score for row in rows], dtype=np.float64),
        file_name=_names([row.file_name for row in rows], "file_name"),
        category_name=_names([row.category_name for row in rows], "category_name"),
    )


def _names(names: list[str | None], field: str) -> NDArray[np.object_] | None:
    if not LITERALS.isdisjoint(names):
        row = next(row for row, name in enumerate(names) if name in LITERALS)
        raise msgspec.ValidationError(
            f"Expected `str`, got `{SPELLED[names[row] or '']}` - at `$[{row}].{field}`"
        )
    if not names or names[0] is None or None in names:
        return None
    return object_column(names)


def _joined_names(parts: list[NDArray[np.object_] | None]) -> NDArray[np.object_] | None:
    named = [part for part in parts if part is not None]
    return np.concatenate(named) if named and len(named) == len(parts) else None
