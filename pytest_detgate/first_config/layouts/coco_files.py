"""COCO annotation files: one, or those of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pytest_detgate.dataset.text.files import PointerError, as_utf8, read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.dataset.text.other_files import what_else
from pytest_detgate.errors import DataError
from pytest_detgate.first_config.layouts.images_folder import images_folder
from pytest_detgate.first_config.layouts.nearby_files import files_below
from pytest_detgate.first_config.layouts.splits import (
    FoundData,
    FoundSplit,
    different_names,
    split_word,
    training_first,
    without_split_word,
)
from pytest_detgate.record.formatting import counted

_BEGINNING = 10_000
_KEYS = (b'"images"', b'"annotations"', b'"categories"')


class _Image(msgspec.Struct):
    file_name: str


class _Top(msgspec.Struct):
    """What tells a COCO annotation file from any other JSON."""

    images: list[_Image]
    categories: Raw
    annotations: Raw | UnsetType = UNSET


class _Detection(msgspec.Struct):
    score: Any


class _Detections(msgspec.Struct):
    annotations: list[_Detection]
    images: Raw | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class CocoFile:
    """An annotation file, the names of its images, whether it has annotations and the first of
    them scores, as detections have, and its size."""

    path: Path
    names: Sequence[str]
    has_annotations: bool
    has_scores: bool
    size: int


def coco_file(path: Path) -> CocoFile | None:
    """A file as COCO annotations; None where it is something else, such as a list of results.
    `DataError` where it may be one that is damaged, or nobody can tell what it is."""
    content = b""
    try:
        content = as_utf8(read_bytes(path), path)
        if other := what_else(content[:_BEGINNING]):
            raise DataError(f"{path}: not JSON{other}")
        if content.strip() and content.lstrip()[:1] != b"{":
            return None
        top = decode_json(content, _Top, path, unique_keys=False)
    except PointerError:
        raise
    except DataError:
        if what_else(content[:_BEGINNING]) or _is_damaged(content):
            raise
        return None
    annotations = b"[]" if top.annotations is UNSET else bytes(top.annotations)
    names = [image.file_name for image in top.images]
    has_annotations, has_scores = annotations.strip() != b"[]", _has_scores(annotations)
    return CocoFile(path, names, has_annotations, has_scores, len(content))


def _is_damaged(content: bytes) -> bool:
    """Whether a text is no JSON, and is empty or has keys of COCO near its beginning."""
    if content.strip() and not any(key in content[:_BEGINNING] for key in _KEYS):
        return False
    try:
        msgspec.json.decode(content, type=Raw)
    except msgspec.DecodeError:
        return True
    return False


def refuse_results(path: Path) -> None:
    """Raise `DataError` for a result file: a list of detections, or an object with such a list and
    without images."""
    try:
        content = as_utf8(read_bytes(path), path)
        is_list = content.lstrip()[:1] == b"["
        kind: Any = list[_Detection] if is_list else _Detections
        top = decode_json(content, kind, path, unique_keys=False)
    except DataError:
        return
    rows: list[_Detection] = top if is_list else top.annotations
    if rows and (is_list or top.images is UNSET):
        raise DataError(
            f"{path}: a result file: {counted(len(rows), 'row')} with a `score`, and no list of "
            "images, so it cannot be ground truth. Name the ground truth as PATH, and give this "
            f"file by --predictions NAME={path}, where NAME is its split"
        )


def split_of_file(path: Path, file: CocoFile | None) -> FoundData:
    """The split of one COCO file, which is `file`."""
    # A file that cannot be read as COCO is a split nevertheless: the reader says what is wrong.
    names = file.names if file is not None else ()
    name = _name(path)
    images = images_folder(path, names, path.parent.parent)
    split = FoundSplit(name=name, format="coco", annotations=path, images=images)
    return FoundData(kind="a COCO file", splits=(split,))


def splits_of_files(files: Sequence[CocoFile], root: Path) -> FoundData:
    """The splits of the COCO files of a folder.

    Files whose names say which split they are go together by the rest of their names. Of several
    such families the one with most splits is taken, and of those the largest.
    """
    families: dict[tuple[str, ...], list[CocoFile]] = {}
    for file in files:
        families.setdefault(_family(file.path), []).append(file)
    if not any(map(_word, (file.path for file in files))):
        # Files that list the same images are one set in several forms.
        chosen = list({frozenset(file.names): file for file in reversed(files)}.values())[::-1]
    else:
        chosen = max(families.values(), key=_rank)
    names = different_names([_name(file.path) for file in chosen], [file.path for file in chosen])
    splits = [
        FoundSplit(
            name=name,
            format="coco",
            annotations=file.path,
            images=images_folder(file.path, file.names, root),
        )
        for name, file in zip(names, chosen, strict=True)
    ]
    left_out = sorted(file.path.name for file in files if file not in chosen)
    notes = []
    if left_out:
        more = ", ..." if len(left_out) > 3 else ""
        names_left_out = ", ".join(left_out[:3])
        notes = [f"{counted(len(left_out), 'COCO file')} left out: {names_left_out}{more}"]
    return FoundData(kind="COCO files", splits=training_first(splits), notes=tuple(notes))


def coco_files(root: Path) -> list[CocoFile]:
    """All COCO annotation files of a folder and of those below it, by path."""
    files = (coco_file(path) for path in sorted(files_below(root, ".json")))
    return [file for file in files if file is not None]


def _has_scores(annotations: bytes) -> bool:
    """Whether the first annotations have a score, as detections do."""
    return b'"score"' in annotations[:_BEGINNING]


def _word(path: Path) -> str | None:
    return split_word(path.stem) or split_word(path.parent.name)


def _name(path: Path) -> str:
    """The name of the split of a file: the word in its name or folder, else its stem."""
    return _word(path) or path.name.partition(".")[0].strip("_ ") or "data"


def _family(path: Path) -> tuple[str, ...]:
    if split_word(path.stem) is not None:
        return (str(path.parent), without_split_word(path.stem))
    if split_word(path.parent.name) is not None:
        return (str(path.parent.parent), path.name)
    return (str(path),)


def _rank(family: Sequence[CocoFile]) -> tuple[int, bool, int]:
    named = [file for file in family if _word(file.path) is not None]
    is_plain = all(not without_split_word(file.path.stem) for file in family)
    return len(named), is_plain, sum(file.size for file in family)
