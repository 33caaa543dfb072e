"""Large COCO files, decoded by two processes and never whole in memory.

Only what needs no second look is read this way: for a file with anything else in it, the reader of
whole files (`reader`) says what that is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import cast

from msgspec import UNSET

from pytest_detgate.dataset.coco.annotation_rows import (
    AnnotationRows,
    strict_annotations,
)
from pytest_detgate.dataset.coco.block_process import (
    BlockProcess,
    Permits,
    SentRows,
    joined_with_sent,
    permits,
)
from pytest_detgate.dataset.coco.content import CocoFile, long_arrays
from pytest_detgate.dataset.coco.image_rows import ImageColumns, image_table, strict_images
from pytest_detgate.dataset.coco.row_store import RowStore
from pytest_detgate.dataset.tables import ImageTable
from pytest_detgate.dataset.text.json_blocks import (
    Blocks,
    NotPlainError,
    Outline,
    Run,
    outline_of,
)
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError
from pytest_detgate.regular_file import FileState, open_regular, state_of

_HASHED_AT_ONCE = 1 << 24
# A second process takes as long to start as it takes to decode a tenth of such a file.
_SHARED = 1 << 28

_Rows = ImageColumns | AnnotationRows | SentRows


@dataclass(frozen=True, slots=True)
class LargeFile:
    """What is in a file: its long arrays as columns, and `outline`, which has them empty."""

    outline: CocoFile
    images: ImageTable
    annotations: AnnotationRows
    sha256: str


def read_large(
    path: Path, fields: tuple[str, ...], on_read: Callable[[int], None]
) -> LargeFile | None:
    """Read a COCO file with those further fields of its images; None where it needs the reader of
    whole files. `on_read` is called with the bytes of each part."""
    try:
        with open_regular(path) as file:
            return _read(path, file, fields, on_read)
    except (NotPlainError, DataError, OSError):
        return None


def _read(
    path: Path, file: BufferedReader, fields: tuple[str, ...], on_read: Callable[[int], None]
) -> LargeFile:
    state = state_of(file)
    is_shared = state.size >= _SHARED and _cpus() > 1 and bool(sys.executable)
    seen = 0

    def shown(decode: Callable[[bytes], _Rows]) -> Callable[[bytes], _Rows]:
        def decode_and_show(piece: bytes) -> _Rows:
            nonlocal seen
            rows = decode(piece)
            # The other process reads as much meanwhile.
            part = min(len(piece) * (1 + is_shared), state.size - seen)
            seen += part
            on_read(part)
            return rows

        return decode_and_show

    store = RowStore(state.size)
    annotations_of = strict_annotations()
    decode: dict[str, Callable[[bytes], _Rows]] = {
        "images": strict_images(fields),
        "annotations": lambda piece: store.add(annotations_of(piece), len(piece)),
    }
    blocks: Blocks[_Rows] = Blocks(
        file, state.size, {key: shown(read) for key, read in decode.items()}
    )
    with (
        _digest(path, state) as digest,
        permits(len(blocks)) as shared,
        BlockProcess(path, state, shared) if is_shared else contextlib.nullcontext() as other,
    ):
        runs = _decoded(blocks, shared, other)
        outline = outline_of(file, state.size, runs)
        top = decode_json(outline.text, CocoFile, path, long_arrays)
        images, annotations = _joined(outline, top, fields, store)
        sha256 = digest()
    if state_of(file) != state:
        raise NotPlainError  # somebody has written to it meanwhile
    on_read(state.size - seen)
    return LargeFile(top, images, annotations, sha256)


def _decoded(
    blocks: Blocks[_Rows], shared: Permits, other: BlockProcess | None
) -> list[Run[_Rows]]:
    """The runs of all blocks, in the order of the file."""
    runs: list[Run[_Rows]] = []
    number = 0
    while shared.take():
        runs += blocks.runs(number)
        number += 1
    if other is not None:
        others, left = other.receive()
        runs += cast("list[Run[_Rows]]", others)
        for number in left:
            runs += blocks.runs(number)
    return sorted(runs, key=lambda run: run.start)


def _joined(
    outline: Outline[_Rows], top: CocoFile, fields: tuple[str, ...], store: RowStore
) -> tuple[ImageTable, AnnotationRows]:
    """The columns of both arrays, if the outline proves them."""
    raw = {"images": top.images} | (
        {} if top.annotations is UNSET else {"annotations": top.annotations}
    )
    if not outline.proves({key: memoryview(array) for key, array in raw.items()}):
        raise NotPlainError
    parts = {key: rows for key, _, rows in outline.runs}
    images = cast("Sequence[ImageColumns]", parts.get("images") or [strict_images(fields)(b"[]")])
    annotations = cast(
        "Sequence[AnnotationRows | SentRows]",
        parts.get("annotations") or [strict_annotations()(b"[]")],
    )
    return image_table(images, fields), joined_with_sent(annotations, store)


@contextlib.contextmanager
def _digest(path: Path, state: FileState) -> Iterator[Callable[[], str]]:
    """A function that waits for the SHA-256 of a file in that state, computed beside."""
    ended = threading.Event()

    def sha256() -> str:
        digest, buffer = hashlib.sha256(), memoryview(bytearray(_HASHED_AT_ONCE))
        with open_regular(path) as file:
            if state_of(file) != state:
                raise NotPlainError
            while not ended.is_set() and (length := file.readinto(buffer)):
                digest.update(buffer[:length])
        return digest.hexdigest()

    with ThreadPoolExecutor(1) as beside:
        try:
            yield beside.submit(sha256).result
        finally:
            ended.set()


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
