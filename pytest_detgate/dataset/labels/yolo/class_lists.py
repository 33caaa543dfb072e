"""Lists of class names as other tools write them, besides a `data.yaml`."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from pytest_detgate.dataset.text.files import read_bytes, read_text
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError

_NUMBERED = re.compile(r"([0-9]{1,9})(?:\s*[:,;\t]\s*|[.)]?\s+)(\S.*)")
_NAMES = re.compile(r"\s*names\s*=\s*(\S.*?)\s*")


class _Category(msgspec.Struct):
    id: int
    name: str


class _Categories(msgspec.Struct):
    categories: list[_Category]


def listed_names(text: str, file: Path) -> list[str]:
    """Return the names of a text with one a line; a number in front of each is left out.

    `DataError` for a line that cannot be the name of a class: it would move all names behind it.
    """
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            what = "is a comment" if line else "is empty"
            raise DataError(f"{file}: line {number} {what}; each line is the name of a class")
    if len(lines) == 1 and re.search(r"[,;]", lines[0]):
        raise DataError(
            f"{file}: names several classes in one line, {lines[0][:80]!r}; write one a line, or "
            "list them by `classes`"
        )
    return _without_numbers(lines, file)


def names_of_json(file: Path) -> list[str]:
    """Return the categories of a JSON file, as `notes.json` of Label Studio has them, by number."""
    content = decode_json(read_bytes(file), _Categories, file)
    names = {category.id: category.name for category in content.categories}
    ids = sorted(category.id for category in content.categories)
    if ids != list(range(len(ids))):
        raise DataError(
            f"{file}: expected categories numbered from 0 on, as labels are, found ids {ids}"
        )
    return [names[number] for number in ids]


def names_of_darknet(file: Path) -> Path:
    """Return the file that `names` in an `obj.data` of Darknet leads to; its path may be that of
    another machine."""
    matches = filter(None, map(_NAMES.fullmatch, read_text(file).splitlines()))
    written = next((match[1].replace("\\", "/") for match in matches), None)
    if written is None:
        raise DataError(f"{file}: no line `names = ...`, the file with the names of the classes")
    tried = [file.parent / written, file.parent / written.rpartition("/")[2]]
    path = next((path for path in tried if path.is_file()), tried[0])
    if path.suffix.lower() == ".data":
        raise DataError(f"{file}: `names` is {written}, which lists no classes")
    return path


def _without_numbers(lines: list[str], file: Path) -> list[str]:
    """The lines without the numbers of their classes, where each has one in front, in order."""
    matched = [_NUMBERED.fullmatch(line) for line in lines]
    matches = [match for match in matched if match is not None]
    names = [match[2] for match in matches]
    # `0 kg` and `1 kg` are names.
    if not lines or len(matches) < len(lines) or len(set(names)) < len(names):
        return lines
    numbers = [int(match[1]) for match in matches]
    if numbers == list(range(1, len(numbers) + 1)):
        raise DataError(
            f"{file}: numbers its classes from 1 on, and labels number them from 0; write the "
            "names alone, one a line, or list them by `classes`"
        )
    return names if numbers == list(range(len(numbers))) else lines
