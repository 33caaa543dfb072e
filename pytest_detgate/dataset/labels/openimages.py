"""Open Images labels to tables: a CSV file with a box, in shares of its image, on each line."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.names import name_of_missing
from pytest_detgate.dataset.labels.side_files import is_side_file
from pytest_detgate.dataset.labels.split_images import image_sizes, split_images, with_labels
from pytest_detgate.dataset.labels.tables import Labels, SplitFiles, digest_of, labelled_dataset
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import as_text, read_bytes, read_text
from pytest_detgate.dataset.text.numbers import number_of
from pytest_detgate.errors import DataError

_IMAGE, _CLASS, _GROUP, _SCORE = "ImageID", "LabelName", "IsGroupOf", "Confidence"
_EDGES = ("XMin", "XMax", "YMin", "YMax")


@dataclass(slots=True)
class _Rows:
    """Columns of the file: `image` is the number of an image in `images`; `n_scored` is the number
    of rows whose confidence is that of a model. That of a person is 1."""

    images: dict[str, int] = field(default_factory=dict)
    image: list[int] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    edges: list[list[float]] = field(default_factory=list)
    group: list[bool] = field(default_factory=list)
    n_scored: int = 0


def read_openimages(files: SplitFiles) -> Dataset:
    """Read a CSV file of Open Images. It cannot say that an image is empty: one that it does not
    name is `unlabelled`."""
    if not files.labels.exists():
        raise DataError(f"{files.labels}: no such file or folder")
    content = read_bytes(files.labels)
    read = _read_rows(content, files.labels)
    names = _names(files.classes, read.code)
    folder = split_images(files, lambda name: is_side_file(name, "openimages"))
    labels = list(read.images)
    means = [folder.find(image) or name_of_missing(image) for image in labels]
    images = with_labels(folder, labels, means)
    size, unreadable = image_sizes(files, images)
    row_of = np.full(len(labels) + 1, -1, dtype=np.int64)
    labelled = np.flatnonzero(~images.unlabelled)
    row_of[images.label[labelled]] = labelled
    image = row_of[np.array(read.image, dtype=np.int64)]
    listed = np.flatnonzero(image >= 0)
    classes = sorted({names.get(code, code) for code in read.code})
    of_box = [names.get(read.code[row], read.code[row]) for row in listed]
    left, right, top, bottom = np.array(read.edges, dtype=np.float64).reshape(-1, 4)[listed].T
    count: Counter[int] = Counter()
    ids = []
    for row in image[listed].tolist():
        count[row] += 1
        ids.append(f"{images.names[row]}:{count[row]}")
    return labelled_dataset(
        files,
        Labels(
            file_name=images.names,
            size=size,
            unlabelled=images.unlabelled,
            is_there=images.is_there,
            classes=tuple(classes),
            category_id=tuple(classes),
            box_id=ids,
            box_category_id=of_box,
            image=image[listed],
            shares=np.stack([left, top, right - left, bottom - top], axis=1),
            crowd=np.array([read.group[row] for row in listed], dtype=np.bool_),
            sha256=digest_of([("", content)]),
            notes=images.notes,
            gaps=(*images.gaps, *unreadable),
            has_class_list=False,
            has_scores=0 < len(read.code) == read.n_scored,
        ),
    )


def _read_rows(content: bytes, path: Path) -> _Rows:
    lines = csv.reader(io.StringIO(as_text(content, path), newline=""))
    head = next(lines, [])
    column_of = {name.strip().lower(): column for column, name in reversed([*enumerate(head)])}
    missing = [name for name in (_IMAGE, _CLASS, *_EDGES) if name.lower() not in column_of]
    if missing:
        raise DataError(
            f"{path}: not a CSV file of Open Images: no column {', '.join(missing)} (its first "
            f"line: {','.join(head)[:100]})"
        )
    at_image, at_class = column_of[_IMAGE.lower()], column_of[_CLASS.lower()]
    at_edges = [column_of[name.lower()] for name in _EDGES]
    at_group, at_score = column_of.get(_GROUP.lower()), column_of.get(_SCORE.lower())
    rows = _Rows()
    try:
        for line in lines:
            if not line:
                continue
            # Some programs write decimals as their country does.
            edges = [number_of(line[column].replace(",", ".")) for column in at_edges]
            rows.image.append(rows.images.setdefault(line[at_image].strip(), len(rows.images)))
            rows.code.append(line[at_class].strip())
            rows.edges.append(edges)
            rows.group.append(at_group is not None and line[at_group].strip() == "1")
            rows.n_scored += at_score is not None and _is_score(line[at_score])
    except (ValueError, IndexError):
        raise DataError(
            f"{path}: line {lines.line_num}: expected {counted(len(head), 'column')} with numbers "
            f"for {', '.join(_EDGES)}, found {','.join(line)[:80]!r}"
        ) from None
    except csv.Error as error:
        raise DataError(f"{path}: line {lines.line_num}: {error}") from None
    return rows


def _is_score(text: str) -> bool:
    return bool(text.strip()) and 0 < number_of(text.replace(",", ".")) < 1


def _names(path: Path | None, codes: Iterable[str]) -> dict[str, str]:
    """The names of class codes; `DataError` where the file does not name one that is used."""
    if path is None:
        return {}
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}") from None
    names = {row[0].strip(): row[1].strip() for _, row in rows if len(row) == 2}
    nameless = sorted(set(codes) - set(names))
    if nameless:
        raise DataError(
            f"{path}: names {counted(len(names), 'class')} by lines of code and name, and not "
            f"{', '.join(nameless[:3])}, which the labels use"
        )
    wrong = next((line for line, row in rows if len(row) != 2), None)
    if wrong is not None:
        raise DataError(f"{path}: line {wrong}: expected a code and a name")
    return names
