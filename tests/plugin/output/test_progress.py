"""Progress on a real terminal: seen while the work runs, and nothing of it left behind."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from tests.plugin.conftest import GateProject


def on_a_terminal(project: GateProject, *arguments: str) -> str:
    """What a run writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *project.arguments, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=project.pytester.path,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
    )
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 65536):
            pieces.append(piece)
    except OSError:  # Linux's way to say that the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait() == 0
    return b"".join(pieces).decode()


def screen(written: str) -> list[str]:
    """The lines that a terminal shows in the end, by the sequences of ECMA-48 that are used."""
    rows, row, column = [""], 0, 0
    for sequence, sign in re.findall(r"(\x1b\[[\d;]*[A-Za-z])|(.)", written, re.DOTALL):
        if sequence:
            count = int(re.sub(r"\D", "", sequence) or 1)
            row -= count if sequence.endswith("A") else 0
            column += count if sequence.endswith("C") else 0
            if sequence.endswith("K"):
                rows[row] = ""
        elif sign == "\r":
            column = 0
        elif sign == "\n":
            row += 1
            rows += [""] if row == len(rows) else []
        else:
            line = rows[row].ljust(column)
            rows[row] = line[:column] + sign + line[column + 1 :]
            column += 1
    return [line.rstrip() for line in rows]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ((), ["detgate.toml ..... [100%]"]),
        (("-q",), ["..... [100%]"]),
        (
            ("-v",),
            [
                "detgate.toml::mean-ap PASSED [ 80%]",
                "detgate.toml::class-ap[helmet_off] PASSED [100%]",
            ],
        ),
        (("-v", "-s"), ["detgate.toml::mean-ap PASSED"]),
    ],
    ids=" ".join,
)
def test_the_lines_of_pytest_are_left_as_they_were(
    project: GateProject, options: tuple[str, ...], lines: list[str]
) -> None:
    written = on_a_terminal(project, *options)

    assert "bootstrap: 0/1000 replicates" in written
    shown = [" ".join(line.split()) for line in screen(written)]
    assert set(lines) <= set(shown)
    assert not [line for line in shown if "replicates" in line]


SLOW = """
import time
from pytest_detgate.plugin.session import SESSION

def pytest_runtest_call(item):
    with item.config.stash[SESSION].progress.task("working", 4, "steps") as advance:
        advance(1)
        time.sleep(1.5)
"""


def test_workers_report_to_the_controller(project: GateProject) -> None:
    """Takes ten seconds: the controller looks twice a second."""
    project.pytester.makeconftest(SLOW)

    written = on_a_terminal(project, "-n", "2")

    assert re.search(r"gw[01]: working: [01]/4 steps", written)
    shown = screen(written)
    assert not [line for line in shown if "working" in line]
    assert [line for line in shown if re.fullmatch(r"\.{5} +\[100%\]", line)]


def test_workers_of_a_log_write_no_lines(project: GateProject) -> None:
    project.pytester.makeconftest(
        SLOW.replace("time.sleep(1.5)", "folder = item.config.stash[SESSION].folders.run")
        + "        assert not list(folder.glob('*.progress'))\n"
    )

    result = project.gate("-n", "1")

    assert result.ret == 0
    assert "working" not in result.stdout.str() + result.stderr.str()


def test_a_log_stays_quiet(project: GateProject) -> None:
    result = project.gate()

    assert "replicates" not in result.stdout.str() + result.stderr.str()
    assert "\r" not in result.stdout.str() + result.stderr.str()
