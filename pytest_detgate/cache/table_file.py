"""A file format for the tables of a split, mapped into memory instead of being read.

A header in JSON gives the position and check sum of each column. Columns of numbers are stored as
bytes, columns of Python objects as JSON. A damaged file counts as missing.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.cache.table_check import is_possible
from pytest_detgate.dataset.tables import BoxTable, Dataset, ImageTable
from pytest_detgate.gaps import Gap
from pytest_detgate.regular_file import open_regular

# Raised when the layout changes, and when the reader of COCO files makes other tables.
_MAGIC = b"detgate tables 5\n"
_ALIGNED = 64
_SUMMED_AT_ONCE = 1 << 24
_IMAGE = ("id", "file_name", "width", "height", "unlabelled")
_BOX = ("id", "image_id", "category_id", "image", "category", "xywh", "area", "crowd")

Column = NDArray[Any]


class _ColumnSpan(msgspec.Struct, frozen=True):
    """Position of a column in the file; `dtype` is empty for JSON."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int
    sums: tuple[int, ...]


class _Header(msgspec.Struct, frozen=True):
    classes: tuple[str, ...]
    category_id: tuple[int | str, ...]
    supercategories: tuple[str | None, ...]
    notes: tuple[str, ...]
    gaps: tuple[Gap, ...]
    sha256: str
    has_scores: bool
    columns: dict[str, _ColumnSpan]


def write_tables(dataset: Dataset, path: Path) -> None:
    """Write the tables to a second file and rename it, so that nobody reads half a file.

    Raises OSError if it cannot be written, and ValueError, TypeError or OverflowError if a column
    holds a value that JSON cannot.
    """
    columns = {name: _bytes_of(column) for name, column in _columns(dataset).items()}
    spans, offset = {}, 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, (dtype, shape, content) in columns.items():
            sums = tuple(pool.map(zlib.crc32, _cut(content)))
            spans[name] = _ColumnSpan(dtype, shape, offset, len(content), sums)
            offset += -(-len(content) // _ALIGNED) * _ALIGNED
    header = msgspec.json.encode(
        _Header(
            dataset.classes,
            dataset.category_id,
            dataset.supercategories,
            dataset.notes,
            dataset.gaps,
            dataset.sha256 or "",
            dataset.has_scores,
            spans,
        )
    )
    head = _MAGIC + b"%020d%010d" % (len(header), zlib.crc32(header)) + header
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            file.write(head)
            file.write(bytes(-len(head) % _ALIGNED))
            for _, _, content in columns.values():
                file.write(content)
                file.write(bytes(-len(content) % _ALIGNED))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_tables(path: Path) -> Dataset | None:
    """Map the tables of a file into memory, without name and folder; None if the file is missing
    or damaged, or no annotation file could have these tables."""
    with contextlib.suppress(OSError, ValueError, KeyError, msgspec.MsgspecError):
        with open_regular(path) as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header, start = _header(content)
        _check(memoryview(content)[start:], header.columns.values())
        dataset = _dataset(content, header, start)
        return dataset if is_possible(dataset) else None
    return None


def read_classes(path: Path) -> tuple[tuple[str, ...], tuple[str | None, ...]] | None:
    """Return the class names alone, with their supercategories; None if the file cannot be read."""
    with (
        contextlib.suppress(OSError, ValueError, msgspec.MsgspecError),
        open_regular(path) as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        header = _header(content)[0]
        lengths = {len(header.classes), len(header.category_id), len(header.supercategories)}
        return (header.classes, header.supercategories) if len(lengths) == 1 else None
    return None


def _columns(dataset: Dataset) -> dict[str, Column]:
    named = {f"image {name}": getattr(dataset.images, name) for name in _IMAGE}
    named |= {f"field {name}": column for name, column in dataset.images.fields.items()}
    named |= {f"box {name}": getattr(dataset.boxes, name) for name in _BOX}
    return {name: column for name, column in named.items() if column is not None}


def _bytes_of(column: Column) -> tuple[str, tuple[int, ...], memoryview]:
    if column.dtype == object:
        return "", column.shape, memoryview(msgspec.json.encode(column.tolist()))
    plain = np.ascontiguousarray(column)
    return plain.dtype.str, plain.shape, plain.reshape(-1).view(np.uint8).data


def _cut(content: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(content), _SUMMED_AT_ONCE):
        yield content[start : start + _SUMMED_AT_ONCE]


def _header(content: mmap.mmap) -> tuple[_Header, int]:
    fixed = len(_MAGIC) + 30
    if content[: len(_MAGIC)] != _MAGIC:
        raise ValueError("not a file of tables")
    length = int(content[len(_MAGIC) : len(_MAGIC) + 20])
    header = content[fixed : fixed + length]
    if zlib.crc32(header) != int(content[len(_MAGIC) + 20 : fixed]):
        raise ValueError("damaged header")
    return msgspec.json.decode(header, type=_Header), -(-(fixed + length) // _ALIGNED) * _ALIGNED


def _check(content: memoryview, spans: Iterable[_ColumnSpan]) -> None:
    """Raise ValueError unless every column has its check sum."""
    parts: list[memoryview] = []
    expected: list[int] = []
    for span in spans:
        column = content[span.offset : span.offset + span.size]
        if len(column) != span.size:
            raise ValueError("cut off")
        parts += _cut(column)
        expected += span.sums
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        if list(pool.map(zlib.crc32, parts)) != expected:
            raise ValueError("damaged column")


def _dataset(content: mmap.mmap, header: _Header, start: int) -> Dataset:
    columns = {
        name: _column(content, span, start + span.offset) for name, span in header.columns.items()
    }

    def of(table: str, names: tuple[str, ...]) -> Mapping[str, Any]:
        return {name: columns.get(f"{table} {name}") for name in names}

    prefix = "field "
    fields = {
        name.removeprefix(prefix): column
        for name, column in columns.items()
        if name.startswith(prefix)
    }
    return Dataset(
        name="",
        images_dir=Path(),
        images=ImageTable(**of("image", _IMAGE), fields=fields),
        boxes=BoxTable(**of("box", _BOX)),
        classes=header.classes,
        category_id=header.category_id,
        supercategories=header.supercategories,
        sha256=header.sha256,
        has_scores=header.has_scores,
        notes=header.notes,
        gaps=header.gaps,
    )


def _column(content: mmap.mmap, span: _ColumnSpan, offset: int) -> Column:
    if span.dtype:
        count = int(np.prod(span.shape))
        flat: Column = np.frombuffer(content, np.dtype(span.dtype), count, offset)
        return flat.reshape(span.shape)
    column = np.empty(span.shape, dtype=object)
    column[:] = msgspec.json.decode(memoryview(content)[offset : offset + span.size])
    return column
