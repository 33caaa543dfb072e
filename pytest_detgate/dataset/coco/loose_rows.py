"""Rows of COCO files with values that are not written as COCO does: read where their meaning is
certain, and all others named together."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import with_count
from pytest_detgate.dataset.coco.segment_frames import frame_of_segmentation
from pytest_detgate.dataset.ids import Id
from pytest_detgate.dataset.text.json_decoding import with_numbers, without_literals
from pytest_detgate.dataset.text.numbers import number_of
from pytest_detgate.errors import DataError

_SHOWN = 20
_LONGEST = 40
_MISSING: Any = object()
_NAN = float("nan")
_TRUE, _FALSE = frozenset({"true", "True"}), frozenset({"false", "False", ""})


class Mistakes:
    """What is wrong with the rows of a file, for one message with all places."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._count = 0

    def add(self, where: str, what: str) -> None:
        """Note a mistake at a place such as `images[3].width`."""
        self._count += 1
        if len(self._texts) < _SHOWN:
            self._texts.append(f"{where} {what}")

    def raise_all(self, path: Path) -> None:
        """Raise `DataError` with all places, if there is any."""
        if not self._count:
            return
        more = f"; and {self._count - _SHOWN:,} more" if self._count > _SHOWN else ""
        head = "" if self._count == 1 else f"{with_count(self._count, 'values are wrong')}: "
        raise DataError(f"{path}: {head}{'; '.join(self._texts)}{more}")


class LooseRows:
    """Reads pieces of an array, `key`, whose rows are in order over all pieces.

    Each column is asked for by its name; a value that is none is noted, and replaced by one that
    makes the column complete.
    """

    def __init__(self, key: str, mistakes: Mistakes) -> None:
        self._key = key
        self._mistakes = mistakes
        self._first = 0
        self._rows: list[dict[str, Any]] = []

    def read(self, piece: bytes, refusal: msgspec.ValidationError) -> None:
        """Read a piece, the text of an array of objects, whose strict reading met a `refusal`;
        that is raised where they cannot be read at all."""
        try:
            self._rows = with_numbers(msgspec.json.decode(piece, type=list[dict[str, Any]]))
        except msgspec.ValidationError:
            raise refusal from None

    def skip(self, rows: int) -> None:
        """Go on behind rows of a piece, read here or elsewhere."""
        self._first += rows

    def ids(self, field: str, *, needed: bool = True) -> list[Id | None]:
        """Ids: whole numbers or text."""
        return [self._id(row, entry, field, needed) for row, entry in enumerate(self._rows)]

    def texts(self, field: str) -> list[str]:
        """Texts that every row must have."""
        values = []
        for row, entry in enumerate(self._rows):
            value = entry.get(field, _MISSING)
            if not isinstance(value, str) or not value:
                self._note(row, field, value, "text")
            values.append(value if isinstance(value, str) else "")
        return values

    def numbers(self, field: str) -> NDArray[np.float64]:
        """Numbers, NaN where a row has none."""
        return np.array(
            [self._number(row, field, entry.get(field)) for row, entry in enumerate(self._rows)],
            dtype=np.float64,
        )

    def flags(self, field: str) -> NDArray[np.bool_]:
        """Truth values, however they are written."""
        return np.array(
            [self._flag(row, field, entry.get(field)) for row, entry in enumerate(self._rows)],
            dtype=np.bool_,
        )

    def values(self, field: str) -> list[Any]:
        """Any values, None where a row has none."""
        return without_literals([entry.get(field) for entry in self._rows])

    def boxes(self) -> tuple[NDArray[np.float64], int]:
        """(n, 4) boxes, and the number of those that are the frame of a segmentation."""
        boxes = np.full((len(self._rows), 4), np.nan)
        framed = 0
        for row, entry in enumerate(self._rows):
            value = entry.get("bbox", _MISSING)
            if _is_empty(value):
                frame = frame_of_segmentation(entry.get("segmentation"))
                if frame is None:
                    what = "is missing" if value is _MISSING else f"is {_shown(value)}"
                    self._mistakes.add(
                        self._where(row, "bbox"),
                        f"{what}, and there is no segmentation to take it from",
                    )
                else:
                    boxes[row] = frame
                    framed += 1
            elif isinstance(value, list) and len(value) == 4:
                boxes[row] = [self._number(row, "bbox", side, none=False) for side in value]
                if not boxes[row].any():
                    frame = frame_of_segmentation(entry.get("segmentation"))
                    if frame is not None and frame[2] > 0 and frame[3] > 0:
                        boxes[row] = frame
                        framed += 1
            else:
                self._note(row, "bbox", value, "[x, y, width, height]")
        return boxes, framed

    def _id(self, row: int, entry: dict[str, Any], field: str, needed: bool) -> Id | None:
        value = entry.get(field, _MISSING)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, (int, str)) and not isinstance(value, bool):
            return value
        if needed or value not in (None, _MISSING):
            self._note(row, field, value, "a whole number or text")
        return None

    def _number(self, row: int, field: str, value: Any, *, none: bool = True) -> float:
        if value is None and none:
            return _NAN
        if not isinstance(value, bool):
            # A whole number of a thousand digits is no float.
            with contextlib.suppress(ValueError, OverflowError, TypeError):
                return number_of(value.strip()) if isinstance(value, str) else float(value)
        self._note(row, field, value, "a number")
        return _NAN

    def _flag(self, row: int, field: str, value: Any) -> bool:
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str) and value in _TRUE | _FALSE:
            return value in _TRUE
        number = self._number(row, field, value)
        if number == number and not number.is_integer():
            self._note(row, field, value, "0 or 1")
        return bool(number == number and number != 0)

    def _note(self, row: int, field: str, value: Any, expected: str) -> None:
        what = "is missing" if value is _MISSING else f"is {_shown(value)}"
        self._mistakes.add(self._where(row, field), f"{what}; expected {expected}")

    def _where(self, row: int, field: str) -> str:
        return f"{self._key}[{self._first + row}].{field}"


def _is_empty(value: Any) -> bool:
    """Whether a box is left out: missing, null, or a list without any number."""
    if value is _MISSING or value is None or value == "":
        return True
    return isinstance(value, Sequence) and all(side is None for side in value)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
