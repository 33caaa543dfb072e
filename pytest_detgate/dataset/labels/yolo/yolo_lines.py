"""Lines of YOLO labels: a class number, and a box, a polygon or a turned box in shares of its
image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_detgate.counts import counted
from pytest_detgate.dataset.labels.shape_boxes import frame_of_points
from pytest_detgate.dataset.scored_labels import ScoredLabelsError
from pytest_detgate.dataset.text.files import as_utf8
from pytest_detgate.dataset.text.numbers import number_of
from pytest_detgate.errors import DataError

Shares = tuple[float, float, float, float]

# No data set has so many classes.
_MOST_DIGITS = 9
_BOX, _POINTS = 4, 6
_NO_BREAK = "\u00a0".encode()
# A polygon may leave its image by a little. What lies further out is no share of it.
_LOWEST, _HIGHEST = -0.5, 1.5


@dataclass(slots=True)
class YoloBoxes:
    """Boxes in shares of their image, x and y of the left upper corner first, row by row.

    `score` has one for each row where the lines end with a score. `framed` are the places of
    polygons and turned boxes, whose frame is used, `extra` those of boxes with a further column,
    `scored` those among them where it is a score, and `posed` those of boxes with key points, which
    are not read.
    """

    id: list[str] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    framed: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    scored: list[str] = field(default_factory=list)
    posed: list[str] = field(default_factory=list)


def read_lines(
    path: Path,
    name: str,
    content: bytes,
    image: int,
    boxes: YoloBoxes,
    key_numbers: int | None,
    *,
    allow_scores: bool = False,
) -> None:
    """Add the boxes of a label file `name` to those of other files; `DataError` names the line
    that is none. `key_numbers` is how many numbers of key points follow each box, None where the
    data set has none: a line of so many numbers would otherwise be a polygon. A score behind a box
    raises `ScoredLabelsError`, or is not read where `allow_scores` is given."""
    for line, words in _lines(path, content):
        number, values = _numbers(path, line, words, "four numbers")
        where = f"{name}:{line}"
        if len(values) == _BOX:
            shares = _box(values)
        elif key_numbers and len(values) == _BOX + key_numbers:
            shares = _box(values)
            boxes.posed.append(where)
        elif len(values) == _BOX + 1:
            shares = _box(values)
            boxes.extra.append(where)
            if 0 < values[-1] < 1:
                if not allow_scores:
                    raise ScoredLabelsError(
                        f"{path}: line {line}: ends with {values[-1]:g}, as a score does; a label "
                        "is a class number and four numbers"
                    )
                boxes.scored.append(where)
        elif len(values) >= _POINTS and not len(values) % 2:
            shares = _frame(path, line, values)
            boxes.framed.append(where)
        else:
            raise _wrong(path, line, words, "four numbers")
        boxes.number.append(number)
        boxes.shares.append(shares)
        boxes.image.append(image)
        boxes.id.append(where)


def read_scored_lines(path: Path, name: str, content: bytes, image: int, boxes: YoloBoxes) -> None:
    """The same for a file of detections, where a score ends each line."""
    expected = "four numbers and a score"
    for line, words in _lines(path, content):
        number, values = _numbers(path, line, words, expected)
        if len(values) == _BOX:
            raise DataError(
                f"{path}: line {line}: has no score; save the detections with save_conf=True "
                "(--save-conf)"
            )
        if len(values) == _BOX + 1:
            shares = _box(values)
        elif len(values) > _POINTS and len(values) % 2:
            shares = _frame(path, line, values[:-1])
            boxes.framed.append(f"{name}:{line}")
        else:
            raise _wrong(path, line, words, expected)
        boxes.number.append(number)
        boxes.shares.append(shares)
        boxes.score.append(values[-1])
        boxes.image.append(image)
        boxes.id.append(f"{name}:{line}")


def _lines(path: Path, content: bytes) -> list[tuple[int, list[bytes]]]:
    # Other readers take a blank that does not break for a blank.
    lines = as_utf8(content, path).replace(_NO_BREAK, b" ").splitlines()
    return [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]


def _numbers(
    path: Path, line: int, words: Sequence[bytes], expected: str
) -> tuple[int, list[float]]:
    try:
        return _class_number(words[0]), list(map(number_of, words[1:]))
    except ValueError:
        raise _wrong(path, line, words, expected) from None


def _class_number(word: bytes) -> int:
    """A class number, also as programs write it that know only fractions: `0.000e+00`."""
    value = number_of(word)
    if len(word) <= _MOST_DIGITS and word.isdigit():
        return int(word)
    if not value.is_integer() or abs(value) >= 10**_MOST_DIGITS:
        raise ValueError(word)
    return int(value)


def _box(values: Sequence[float]) -> Shares:
    x, y, width, height = values[:_BOX]
    return x - width / 2, y - height / 2, width, height


def _frame(path: Path, line: int, values: Sequence[float]) -> Shares:
    if not all(map(math.isfinite, values)) or min(values) < _LOWEST or max(values) > _HIGHEST:
        raise DataError(
            f"{path}: line {line}: {counted(len(values), 'number')} after the class are the "
            "corners of a polygon in shares of the image; one of them is no such share"
        )
    return frame_of_points(values, f"line {line}", path)


def _wrong(path: Path, line: int, words: Sequence[bytes], expected: str) -> DataError:
    shown = b" ".join(words).decode("utf-8", "replace")[:80]
    n = f"{counted(len(words), 'word')}: " if len(words) != _BOX + 1 else ""
    return DataError(
        f"{path}: line {line}: expected a class number and {expected}, found {n}{shown!r}"
        f"{_advice(words)}"
    )


def _advice(words: Sequence[bytes]) -> str:
    """What a person probably has to do about a line that is no box."""
    if any(sign in word for word in words for sign in (b",", b";")):
        return "; blanks separate the numbers, and a point begins their decimals"
    numbers = [_is_number(word) for word in words]
    if all(numbers) and len(words) > _POINTS and (len(words) - 1 - _BOX) % 3 == 0:
        return "; where these are key points, `kpt_shape` in the data.yaml says so"
    if all(numbers) and len(words) == 3 + _BOX and number_of(words[-1]).is_integer():
        return "; the last one looks like a track number, as `track` writes it: use `predict`"
    if len(words) == 1 + _BOX and not numbers[0] and all(numbers[1:]):
        return "; write the number of the class in place of its name"
    if len(words) >= 1 + 2 * _BOX and all(numbers[: 2 * _BOX]) and not numbers[2 * _BOX]:
        return "; this is a line of DOTA, with the class behind the corners; convert it to YOLO"
    return ""


def _is_number(word: bytes) -> bool:
    try:
        return math.isfinite(number_of(word))
    except ValueError:
        return False
