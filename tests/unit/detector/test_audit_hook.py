"""The one audit hook of the process."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.audit_hook import listening


class Heard:
    """A listener that notes the names of the files that are opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self.opened.append(Path(str(arguments[0])).name)


def test_events_are_reported_while_somebody_listens(tmp_path: Path) -> None:
    outer, inner = Heard(), Heard()
    with listening(outer):
        (tmp_path / "a").write_bytes(b"")
        with listening(inner):
            (tmp_path / "b").write_bytes(b"")
        (tmp_path / "c").write_bytes(b"")
    (tmp_path / "d").write_bytes(b"")

    assert outer.opened == ["a", "b", "c"]
    assert inner.opened == ["b"]


def test_what_a_listener_raises_stops_the_event(tmp_path: Path) -> None:
    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            raise PermissionError("not this")

    with listening(refuse), pytest.raises(PermissionError, match="not this"):
        (tmp_path / "a").write_bytes(b"x")

    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").write_bytes(b"x")


def test_a_listener_may_open_files_itself(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"")
    seen: list[str] = []

    def reads(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            (tmp_path / "own").read_bytes()
            seen.append(Path(str(arguments[0])).name)

    with listening(reads):
        (tmp_path / "a").write_bytes(b"")
        (tmp_path / "b").write_bytes(b"")

    assert seen == ["a", "b"]


@pytest.mark.parametrize(("all_threads", "heard"), [(True, ["here", "there"]), (False, ["here"])])
def test_other_threads_are_heard_unless_one_thread_is_asked_for(
    tmp_path: Path, all_threads: bool, heard: list[str]
) -> None:
    own = Heard()
    with listening(own, all_threads=all_threads):
        (tmp_path / "here").write_bytes(b"")
        thread = threading.Thread(target=(tmp_path / "there").write_bytes, args=(b"",))
        thread.start()
        thread.join()

    assert own.opened == heard


def test_leaving_in_another_order_leaves_the_others(tmp_path: Path) -> None:
    same = Heard()
    first, second = listening(same), listening(same, all_threads=False)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    (tmp_path / "a").write_bytes(b"")
    second.__exit__(None, None, None)
    (tmp_path / "b").write_bytes(b"")

    assert same.opened == ["a"]
