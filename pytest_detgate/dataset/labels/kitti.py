"""KITTI labels to tables: a text file for each image, or, for tracking, one for each sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.paths import stem_of, suffix_of
from pytest_detgate.dataset.labels.image_labels import ImageLabels
from pytest_detgate.dataset.labels.image_tables import matched_dataset, missing_image
from pytest_detgate.dataset.labels.label_folder import label_folder, other_labels
from pytest_detgate.dataset.labels.side_files import is_side_file
from pytest_detgate.dataset.labels.split_images import ImageFolder, split_images, with_labels
from pytest_detgate.dataset.labels.tables import SplitFiles, digest_of
from pytest_detgate.dataset.scored_labels import ScoredLabelsError
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import as_text, read_bytes
from pytest_detgate.dataset.text.numbers import number_of
from pytest_detgate.errors import DataError

_SUFFIX, _IMAGE_SUFFIX = ".txt", ".png"
_COLUMNS, _OF_TRACKING = 15, 2
"""Columns of a label, and those of frame and track in front of it. One more is a score."""
_AREA = "dontcare"
_OCCLUDED = (1, 2)
"""Partly and largely; 0 is fully visible, 3 unknown, and -1 is written where nobody looked."""


class _Line(NamedTuple):
    number: int
    kind: str
    values: list[float]
    frame: int | None
    has_score: bool


def read_kitti(files: SplitFiles) -> Dataset:
    """Read a folder of KITTI files, of detection or of tracking.

    An image without a file, or of a sequence without one, is `unlabelled`; one of a sequence that
    no line names has nothing on it. `DontCare` is an area that is left out for every class. Tracks
    give the image fields `clip` and `frame`.
    """
    if not files.labels.is_dir():
        raise DataError(f"{files.labels}: no such folder of labels")
    folder = split_images(files, lambda name: is_side_file(name, "kitti"))
    stems = set(map(stem_of, folder.rows))
    labels = label_folder(files.labels, files, _SUFFIX, lambda name: stem_of(name) in stems)
    contents = [(name, read_bytes(labels.root / name)) for name in labels.labels]
    lines = {
        name: _lines(labels.root / name, content, allow_scores=files.allow_scores)
        for name, content in contents
    }
    kinds = {
        lines_of_name[0].frame is not None: name
        for name, lines_of_name in lines.items()
        if lines_of_name
    }
    if len(kinds) == 2:
        raise DataError(
            f"{files.labels}: {kinds[True]} has labels of tracking, {kinds[False]} of detection"
        )
    if True in kinds:
        entries = [entry for name in lines for entry in _sequence(name, lines[name], folder)]
        means: list[str | None] = [entry.image for entry in entries]
    else:
        entries = [_image(labels.root, name, lines[name]) for name in lines]
        means = [
            folder.find(entry.image, (), entry.where) or missing_image(entry.image, _IMAGE_SUFFIX)
            for entry in entries
        ]
    images = with_labels(folder, [entry.where for entry in entries], means)
    gaps, notes = other_labels(labels, folder, images)
    return matched_dataset(files, entries, images, digest_of(contents), gaps=gaps, notes=notes)


def _image(root: Path, name: str, lines: Sequence[_Line]) -> ImageLabels:
    entry = ImageLabels(where=name, image=name.removesuffix(suffix_of(name)))
    path = root / name
    for line in lines:
        _add(line, path, entry)
    return entry


def _sequence(name: str, lines: Sequence[_Line], folder: ImageFolder) -> list[ImageLabels]:
    """The frames of a sequence: those with an image, and those that a line names."""
    path, clip = folder.files.labels / name, PurePosixPath(name).stem
    images: dict[int, str] = {}
    for image in folder.rows:
        image_path = PurePosixPath(image)
        if (
            image_path.parent.name or folder.files.images.name
        ) == clip and image_path.stem.isdecimal():
            other = images.setdefault(int(image_path.stem), image)
            if other != image:
                raise DataError(f"{path}: frame {int(image_path.stem)} is both {other} and {image}")
    entries = {
        frame: ImageLabels(
            where=f"{name}, frame {frame}",
            image=images.get(frame) or f"{clip}/{frame:06d}{_IMAGE_SUFFIX}",
            fields={"clip": clip, "frame": frame},
        )
        for frame in sorted({*images, *(line.frame for line in lines if line.frame is not None)})
    }
    for line in lines:
        assert line.frame is not None
        _add(line, path, entries[line.frame])
    return list(entries.values())


def _add(line: _Line, path: Path, entry: ImageLabels) -> None:
    truncated, occluded, _, x1, y1, x2, y2, *_ = line.values
    if x2 < x1 or y2 < y1:
        raise DataError(
            f"{path}: line {line.number}: inverted box, {x1:g}, {y1:g} to {x2:g}, {y2:g}"
        )
    box = (x1, y1, x2 - x1, y2 - y1)
    if line.kind.lower() == _AREA:
        entry.areas.append(box)
        return
    flags = ["occluded"] if occluded in _OCCLUDED else []
    if truncated > 0:
        flags.append("truncated")
    entry.scores += line.has_score
    entry.add(line.kind, box, line.number, flags)


def _lines(path: Path, content: bytes, *, allow_scores: bool) -> list[_Line]:
    lines: list[_Line] = []
    for number, row in enumerate(as_text(content, path).splitlines(), start=1):
        cells = row.split()
        if not cells:
            continue
        of_tracking = len(cells) in (_COLUMNS + _OF_TRACKING, _COLUMNS + _OF_TRACKING + 1)
        own = cells[_OF_TRACKING:] if of_tracking else cells
        has_score = len(own) == _COLUMNS + 1
        if has_score:
            if not allow_scores:
                raise ScoredLabelsError(f"{path}: line {number}: has a score in the last column")
            own = own[:-1]
        if len(own) != _COLUMNS:
            raise DataError(
                f"{path}: line {number}: expected {_COLUMNS} columns (detection) or "
                f"{_COLUMNS + _OF_TRACKING} (tracking), found {len(cells)}: {row.strip()[:80]!r}"
            )
        try:
            values = list(map(float if "_" not in row else number_of, own[1:]))
            frame = int(cells[0]) if of_tracking else None
        except ValueError:
            values, frame = [math.nan], None
        if not math.isfinite(sum(values)) or (frame is not None and frame < 0):
            raise DataError(
                f"{path}: line {number}: expected a class and {_COLUMNS - 1} numbers"
                f"{' after frame and track' if of_tracking else ''}, found {row.strip()[:80]!r}"
            )
        if lines and (lines[0].frame is None) == of_tracking:
            raise DataError(
                f"{path}: line {number}: has {counted(len(cells), 'column')}, and lines above "
                "have others"
            )
        lines.append(_Line(number, own[0], values, frame, has_score))
    return lines
