"""Lines of progress where pytest has no terminal, and what of them is written."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from pytest_detgate.plugin.output.github import print_commands
from pytest_detgate.plugin.output.progress import (
    LineProgress,
    TerminalProgress,
    duration,
    progress_line,
)
from pytest_detgate.plugin.output.rule_list import print_rules
from pytest_detgate.plugin.output.worker_progress import ControllerLine, WorkersProgress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599, "59 min 59 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_says_how_fast_it_goes_once_it_goes() -> None:
    assert progress_line("detecting", 0, 400, "images", 0.0) == "detecting: 0/400 images"
    assert progress_line("detecting", 100, 400, "images", 20.0) == (
        "detecting: 100/400 images, 5.0/s, 1 min 0 s left"
    )


def test_steps_at_once_are_drawn_first_and_last(capfd: pytest.CaptureFixture[str]) -> None:
    with LineProgress().task("reading", 50, "files") as advance:
        for _ in range(50):
            advance(1)

    written = capfd.readouterr().err
    assert "reading: 0/50 files" in written
    assert "reading: 50/50 files" in written
    assert "reading: 2/50 files" not in written
    assert written.endswith("\r\x1b[2K")


def test_progress_without_a_terminal_of_pytest(
    pytester: pytest.Pytester, capfd: pytest.CaptureFixture[str]
) -> None:
    config = pytester.parseconfig("-p", "no:terminal", "-p", "no:capture")
    progress = TerminalProgress(config)

    progress.show("detecting: 3/4 images")
    progress.hide()

    assert capfd.readouterr().err == "\r\x1b[2Kdetecting: 3/4 images\r\x1b[2K"


def test_the_lines_of_workers_are_not_drawn_where_nobody_looks(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    line = ControllerLine(pytester.parseconfig("-p", "no:terminal"))
    progress = WorkersProgress(tmp_path, line)

    progress.pytest_sessionstart()
    ending = progress.pytest_sessionfinish()
    next(ending)

    with pytest.raises(StopIteration) as ended:
        ending.send("done")
    assert ended.value.value == "done"
    assert progress.lines() == []


def test_commands_for_a_code_host_go_to_any_output(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    config = pytester.parseconfig("-p", "no:capture")

    print_commands(config, [])
    assert output.getvalue() == ""
    print_commands(config, ["::error::é", "::warning::b"])

    assert output.getvalue() == "::error::é\n::warning::b\n"


def test_rules_are_listed_without_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_rules(tmp_path / "detgate.toml") == 0

    listed = capsys.readouterr().out
    assert "probe-fp  (" in listed
    assert max(map(len, listed.splitlines())) < 80
