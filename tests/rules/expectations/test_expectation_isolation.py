"""Great Expectations sends, writes and shows nothing, and is not imported for other rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.content import write_json
from tests.needs import import_or_skip
from tests.processes import unmeasured
from tests.rules.expecting import COCO, HEAD, expect

import_or_skip("great_expectations")

GUARD = """
import os, sys

def guard(event, arguments):
    # urllib3 binds a socket of its own host when it is imported, to learn whether IPv6 works.
    allowed = ("socket.__new__", "socket.bind", "socket.gethostname")
    if event.startswith("socket.") and event not in allowed:
        raise SystemExit(f"{event} {arguments}")
    # numpy.testing of NumPy 1 asks for the processor when it is imported.
    if event == "subprocess.Popen" and arguments[0] == "lscpu":
        return
    if event in ("subprocess.Popen", "os.mkdir", "os.rename", "os.remove", "os.system"):
        raise SystemExit(f"{event} {arguments}")
    if event == "open":
        path, mode, flags = arguments
        if flags is not None and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise SystemExit(f"{event} {arguments}")

sys.addaudithook(guard)
"""
EVALUATE = """
from pathlib import Path
from pytest_detgate.config.load import load_configuration
from pytest_detgate.inputs.detections.sources import NoDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rules.verdicts.verdict import judge
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.binding import bind_rules

project = Project(load_configuration(Path("detgate.toml")), Path())
(bound,) = bind_rules(project)
result = judge(bound, bound.targets[0], Inputs(project, NoDetections()))
print("MODULE", "great_expectations" in __import__("sys").modules)
print("VERDICT", result.verdict, result.message)
"""


def in_a_process(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a folder, without byte code being written."""
    return subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env=unmeasured(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_sent_written_or_shown(tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", COCO)
    rule = expect("images", "expect_column_values_to_be_between", column="width", min_value=300)
    (tmp_path / "detgate.toml").write_text(HEAD + "[rules.expectations]\n" + rule)

    done = in_a_process(tmp_path, GUARD + EVALUATE)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "MODULE True",
        "VERDICT failed 1 of 1 expectation on the images of train is not met",
    ]
    assert done.returncode == 0


@pytest.mark.parametrize(
    "act", ["open('x', 'w')", "import socket; socket.create_connection(('127.0.0.1', 9))"]
)
def test_the_guard_of_that_test_guards(tmp_path: Path, act: str) -> None:
    assert in_a_process(tmp_path, GUARD + act).returncode == 1


def test_missing_package_says_how_to_install_it(tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", COCO)
    rule = expect("images", "expect_column_to_exist", column="width")
    (tmp_path / "detgate.toml").write_text(HEAD + "[rules.expectations]\n" + rule)

    done = in_a_process(
        tmp_path, "import sys; sys.modules['great_expectations'] = None\n" + EVALUATE
    )

    assert "VERDICT not-evaluated Great Expectations cannot be imported" in done.stdout
    assert "pip install 'pytest-detgate[expectations]'" in done.stdout


def test_other_rules_do_not_import_it(tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", COCO)
    (tmp_path / "detgate.toml").write_text(HEAD + "[rules.empty-gt-share]\nmin = 0\n")

    done = in_a_process(tmp_path, EVALUATE)

    assert done.stdout.splitlines()[0] == "MODULE False"
    assert "VERDICT passed" in done.stdout
