"""Intervals of events from a CSV file: when there is something to alarm on."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.clips.time_stamps import seconds_of
from pytest_detgate.dataset.keys import composed, key
from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.errors import DataError

COLUMNS = ("clip", "class", "start_s", "end_s")


@dataclass(frozen=True, slots=True, eq=False)
class EventIntervals:
    """E events: the key of the clip and the name of the class of each, (E,) `start_s` and `end_s`
    on the clock of the clip, and the line of the file."""

    path: Path
    clip: tuple[str, ...]
    class_name: tuple[str, ...]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    line: tuple[int, ...]

    def some(self, rows: NDArray[np.int64]) -> EventIntervals:
        """Some of the events."""
        return EventIntervals(
            path=self.path,
            clip=tuple(self.clip[row] for row in rows.tolist()),
            class_name=tuple(self.class_name[row] for row in rows.tolist()),
            start_s=self.start_s[rows],
            end_s=self.end_s[rows],
            line=tuple(self.line[row] for row in rows.tolist()),
        )


def read_event_intervals(path: Path) -> EventIntervals:
    """Read a file with the `COLUMNS`; others are left out. Times are seconds, or dates as
    `seconds_of` reads them. `DataError` says which line is wrong.
    """
    lines = csv.reader(io.StringIO(read_text(path), newline=""))
    clips: list[str] = []
    names: list[str] = []
    times: list[tuple[float, float]] = []
    numbers: list[int] = []
    try:
        head = [name.strip().lower() for name in next(lines, [])]
        missing = [name for name in COLUMNS if name not in head]
        if missing:
            raise DataError(
                f"{path}: no column {', '.join(missing)} (its first line: {','.join(head)[:100]!r})"
            )
        columns = [head.index(name) for name in COLUMNS]
        for line in lines:
            if not any(cell.strip() for cell in line):
                continue
            if len(line) < len(head):
                raise DataError(
                    f"{path}: line {lines.line_num}: expected {counted(len(head), 'column')}, "
                    f"found {len(line)}"
                )
            clip, name, start, end = (line[column].strip() for column in columns)
            times.append(_interval(start, end, f"{path}: line {lines.line_num}"))
            clips.append(key(clip) or "")
            names.append(name)
            numbers.append(lines.line_num)
    except csv.Error as error:
        raise DataError(f"{path}: line {lines.line_num}: {error}") from None
    both = np.array(times, dtype=np.float64).reshape(-1, 2)
    return EventIntervals(
        path=path,
        clip=tuple(clips),
        class_name=composed(names),
        start_s=both[:, 0],
        end_s=both[:, 1],
        line=tuple(numbers),
    )


def _interval(start: str, end: str, where: str) -> tuple[float, float]:
    first, last = seconds_of(start), seconds_of(end)
    for text, seconds in ((start, first), (end, last)):
        if seconds is None:
            raise DataError(
                f"{where}: expected seconds, or a date such as 2026-03-01T12:00:00Z, found {text!r}"
            )
    assert first is not None
    assert last is not None
    if last < first:
        raise DataError(f"{where}: the event ends at {end}, before it starts at {start}")
    return first, last
