"""Files with the intervals of events."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.dataset.clips.event_intervals import EventIntervals, read_event_intervals
from pytest_detgate.errors import DataError


def read(folder: Path, text: str) -> EventIntervals:
    path = folder / "events.csv"
    path.write_text(text, encoding="utf-8")
    return read_event_intervals(path)


def test_columns_may_come_in_any_order_beside_others(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        "note,Class,clip, start_s,end_s\nx,no_vest,yard_1,1.5,3\n\ny,helmet_off, 007 ,0,0\n",
    )

    assert events.clip == ("yard_1", "007")
    assert events.class_name == ("no_vest", "helmet_off")
    assert events.start_s.tolist() == [1.5, 0]
    assert events.end_s.tolist() == [3, 0]
    assert events.line == (2, 4)


def test_dates_are_seconds(tmp_path: Path) -> None:
    row = "a,b,1970-01-01T00:00:01Z,1970-01-01T00:00:02.5Z"

    assert read(tmp_path, f"clip,class,start_s,end_s\n{row}\n").end_s.tolist() == [2.5]


def test_a_file_may_have_no_events(tmp_path: Path) -> None:
    assert read(tmp_path, "clip,class,start_s,end_s\n").clip == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column clip, class, start_s, end_s"),
        ("clip,class,start,end\n", "no column start_s, end_s"),
        ("clip,class,start_s,end_s\na,b,1\n", "line 2: expected 4 columns, found 3"),
        ("clip,class,start_s,end_s\na,b,soon,2\n", "line 2: expected seconds, or a date .*'soon'"),
        ("clip,class,start_s,end_s\na,b,nan,2\n", "line 2: expected seconds, or a date .*'nan'"),
        ("clip,class,start_s,end_s\na,b,3,2\n", "line 2: the event ends at 2, before it starts"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"events\.csv: no such file"):
        read_event_intervals(tmp_path / "events.csv")
