"""What README.md claims is true of this repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_detgate.rules.registry import rule_classes
from tests.examples.readme_run import (
    README,
    ROOT,
    run_again,
    run_quick_again,
    shown_quick_run,
    shown_run,
    without_times,
)

NUMBER = re.compile(r"\d+(?:\.\d+)?")
TEXT = README.read_text(encoding="utf-8")


def test_the_run_gives_the_output_that_is_shown(tmp_path: Path) -> None:
    """Draws 600 images, which takes some seconds: it is the data of `make demo`.

    `python -m tests.examples.readme_run` writes a new output into README.md.
    """
    assert without_times(run_again(tmp_path)) == without_times(shown_run()[1])


def test_make_quick_says_what_is_shown(tmp_path: Path) -> None:
    """Takes twenty seconds: it is the first command of README.md. ONNX Runtime may compute another
    last digit on another processor, so counts and shares may differ a little."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")

    output, shown = without_times(run_quick_again(tmp_path)), without_times(shown_quick_run())

    assert NUMBER.sub("0", output) == NUMBER.sub("0", shown)
    for number, expected in zip(NUMBER.findall(output), NUMBER.findall(shown), strict=True):
        assert float(number) == pytest.approx(float(expected), rel=0.05, abs=3)


def test_there_are_as_many_rules_as_it_says() -> None:
    (number,) = re.findall(r"\[more than (\d+) rules\]", TEXT)

    assert int(number) < len(rule_classes())


def test_the_commands_for_a_fresh_machine_exist() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)

    commands = re.findall(r"^\$ make ([\w-]+)", TEXT, re.MULTILINE)

    assert commands == ["quick", "quick", "demo", "demo-mmdet", "test"]
    assert set(commands) <= set(targets)


def test_the_extras_exist() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    for extra in re.findall(r"pytest-detgate\[(\w+)\]", TEXT):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra
