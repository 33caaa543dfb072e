"""A second process that decodes blocks of annotations from the end of a large COCO file, while its
parent decodes from the beginning, until they meet.

For each block a process takes a byte from one pipe, which holds a byte for each: so both stop
when all blocks are taken. At its end the process sends a line with the runs of objects that it
decoded, and the columns of all of them one after the other.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.annotation_rows import (
    AnnotationRows,
    joined_rows,
    strict_annotations,
)
from pytest_detgate.dataset.coco.row_store import COLUMNS, RowStore, empty_column
from pytest_detgate.dataset.ids import Ids, joined_ids
from pytest_detgate.dataset.text.json_blocks import Blocks, NotPlainError, Run
from pytest_detgate.regular_file import FileState, open_regular, state_of

_PIPE_BYTES = 1 << 20
# An editable installation need not be in the module search path.
_PACKAGES = Path(__file__).resolve().parents[3]
_START = (
    "import sys; sys.path[:] = sys.argv[3:];"
    "from pytest_detgate.dataset.coco.block_process import main; main(*sys.argv[1:3])"
)


class _Span(msgspec.Struct, frozen=True):
    start: int
    end: int
    rows: int
    has_ids: bool
    has_scores: bool


class _Answer(msgspec.Struct, frozen=True):
    """What is sent before the columns; `left` are blocks that the parent has to decode."""

    spans: list[_Span]
    left: list[int]


@dataclass(frozen=True, slots=True)
class SentRows:
    """Rows that the other process sends: one column of all spans after the other."""

    span: _Span
    file: BufferedReader

    def __len__(self) -> int:
        return self.span.rows

    @property
    def has_scores(self) -> bool:
        """Whether each row has a score."""
        return self.span.has_scores

    def receive(self, column: NDArray[Any]) -> None:
        """Fill these rows of a column, which come next; `NotPlainError` where they do not."""
        if self.file.readinto(column.reshape(-1).view(np.uint8).data) != column.nbytes:
            raise NotPlainError

    def receive_ids(self, name: str) -> Ids:
        """The ids that come next."""
        column = np.empty(len(self), np.int64)
        self.receive(column)
        return [None] * len(self) if name == "id" and not self.span.has_ids else column


@dataclass(frozen=True, slots=True)
class Permits:
    """A pipe with a byte for each block of a file that nobody has taken."""

    read_end: int

    def take(self) -> bool:
        """Take a block; says whether one was left."""
        return bool(os.read(self.read_end, 1))


@contextlib.contextmanager
def permits(blocks: int) -> Iterator[Permits]:
    """Permits for so many blocks."""
    read_end, write_end = os.pipe()
    try:
        os.write(write_end, bytes(blocks))
        os.close(write_end)
        yield Permits(read_end)
    finally:
        os.close(read_end)


class BlockProcess:
    """The process, running until this context ends."""

    def __init__(self, path: Path, state: FileState, shared: Permits) -> None:
        search = [str(_PACKAGES), *(folder for folder in sys.path if folder)]
        self._process = subprocess.Popen(
            # Nothing from around it: neither the folder that it starts in nor its environment.
            [sys.executable, "-I", "-S", "-c", _START, path.absolute(), _as_text(state), *search],
            stdin=shared.read_end,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=_PIPE_BYTES,
        )

    def __enter__(self) -> BlockProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()

    def receive(self) -> tuple[list[Run[SentRows]], list[int]]:
        """Runs that it decoded, in the order of the file, and the blocks that it left. Call it when
        no permit is left; `NotPlainError` where the process has ended otherwise. The columns of all
        runs are received by `joined_with_sent`, before this context ends."""
        file = self._process.stdout
        assert isinstance(file, BufferedReader)
        try:
            answer = msgspec.json.decode(file.readline(), type=_Answer)
        except msgspec.DecodeError:
            raise NotPlainError from None
        runs = [
            Run("annotations", span.start, span.end, [SentRows(span, file)])
            for span in answer.spans
        ]
        return runs, answer.left


def joined_with_sent(parts: Sequence[AnnotationRows | SentRows], store: RowStore) -> AnnotationRows:
    """The rows of all parts, of which there are some, in the order of the file. Those that the
    other process has sent go straight to where they belong, mostly behind those of this one."""
    stored, ready = store.columns(parts, sum(map(len, parts)))
    columns: dict[str, Any] = {
        name: _joined_column(parts, name, stored.get(name), ready) for name in COLUMNS
    }
    return AnnotationRows(**columns, has_scores=all(part.has_scores for part in parts))


def main(path: str, state: str) -> None:
    """Decode blocks until no permit is left, and send what they hold."""
    runs, left = [], []
    with open_regular(path) as file:
        if _as_text(state_of(file)) != state:
            return
        size = state_of(file).size
        blocks = Blocks(file, size, {"annotations": strict_annotations()})
        number = len(blocks)
        mine = Permits(0)
        while mine.take():
            number -= 1
            run = _numbers(blocks, number)
            if run is None:
                left.append(number)
            else:
                runs.append(run)
    runs.reverse()
    rows = [run.rows[0] for run in runs]
    spans = [
        _Span(run.start, run.end, len(own), np.asarray(own.id).dtype != object, own.has_scores)
        for run, own in zip(runs, rows, strict=True)
    ]
    output = sys.stdout.buffer
    output.write(msgspec.json.encode(_Answer(spans, left)) + b"\n")
    for name in COLUMNS:
        for own in rows:
            output.write(_bytes_of(getattr(own, name)))
    output.flush()


def _bytes_of(column: Ids) -> memoryview:
    values: NDArray[Any] = np.asarray(column)
    if values.dtype == object:  # ids, None in each row
        values = np.zeros(len(values), np.int64)
    return np.ascontiguousarray(values).data


def _numbers(blocks: Blocks[AnnotationRows], number: int) -> Run[AnnotationRows] | None:
    """The annotations of a block whose columns are all of numbers."""
    try:
        run = blocks.inner_run(number)
    except NotPlainError:
        return None
    if run is None:
        return None
    rows = joined_rows(run.rows)
    ids = [np.asarray(rows.image_id), np.asarray(rows.category_id)]
    if any(own is not None for own in rows.id):
        ids.append(np.asarray(rows.id))
    has_numbers = all(own.dtype == np.int64 for own in ids)
    return Run(run.key, run.start, run.end, [rows]) if has_numbers else None


def _joined_column(
    parts: Sequence[AnnotationRows | SentRows], name: str, column: NDArray[Any] | None, ready: int
) -> NDArray[Any]:
    """One column of all parts, of which as many are `ready` in it."""
    if name.endswith("id") and not all(_has_numbers(part, name) for part in parts):
        return joined_ids(
            [
                part.receive_ids(name) if isinstance(part, SentRows) else getattr(part, name)
                for part in parts
            ]
        )
    if column is None:
        column = empty_column(name, sum(map(len, parts)))
    first = sum(map(len, parts[:ready]))
    for _, group in groupby(parts[ready:], type):
        own: list[NDArray[Any]] = []
        begin = first
        for part in group:
            rest = column[first : first + len(part)]
            first += len(part)
            if isinstance(part, SentRows):
                part.receive(rest)
            else:
                own.append(getattr(part, name))
        if own:
            np.concatenate(own, out=column[begin:first])
    return column


def _has_numbers(part: AnnotationRows | SentRows, name: str) -> bool:
    if isinstance(part, SentRows):
        return name != "id" or part.span.has_ids
    ids = getattr(part, name)
    return isinstance(ids, np.ndarray) and ids.dtype == np.int64


def _as_text(state: FileState) -> str:
    return " ".join(map(str, state))
