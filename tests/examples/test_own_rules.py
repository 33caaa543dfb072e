"""The files and commands of docs/own_rules.md give the output that the page shows."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.testing import coco_content
from tests.content import result_rows
from tests.forked import run_forked

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/own_rules.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^```console\n\$ ([^\n]+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
BOX = ("helmet_off", 10, 10, 40, 40)
SPLITS: dict[str, dict[str, Any]] = {
    "train": {"yard_1.jpg": [BOX], "yard_2.jpg": [], "yard_3.jpg": [BOX, BOX, BOX]},
    "val": {"roof_1.jpg": [BOX], "roof_2.jpg": [("helmet_off", 60, 60, 7, 9)]},
    "compliant": {"gate_1.jpg": [], "gate_2.jpg": []},
}
DETECTIONS = {
    "found": ("val", {"roof_1.jpg": [("helmet_off", 0.9, 10, 10, 40, 40)]}),
    "found_compliant": ("compliant", {"gate_2.jpg": [("helmet_off", 0.4, 1, 1, 20, 20)]}),
}


def _require(module: str) -> None:
    """Skip without a module; it is not imported, because pytester would make it so again."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the files of the document and a few frames."""
    monkeypatch.setenv("CI", "true")  # elsewhere pytest cuts its summary at 80 columns
    pytester.makeini("[pytest]\n")
    for name, text in FILES.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    for name, images in SPLITS.items():
        (pytester.path / f"{name}.json").write_text(json.dumps(coco_content(images)))
    for name, (split, match) in DETECTIONS.items():
        content = result_rows(SPLITS[split], match)
        (pytester.path / f"{name}.json").write_text(json.dumps(content))
    return pytester


def test_document_has_the_files_and_commands() -> None:
    assert list(FILES) == [
        "site_rules.py",
        "detgate.toml",
        "test_site_rules.py",
        "test_site.py",
        "site_expectations.py",
        "cameras.toml",
    ]
    assert len(COMMANDS) == 3


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=["rule", "test", "expectation"])
def test_command_gives_the_output_that_is_shown(
    project: pytest.Pytester, command: str, output: str, workers: tuple[str, ...]
) -> None:
    pytest_word, *arguments = shlex.split(command)
    if "cameras.toml" in arguments:
        _require("great_expectations")

    result = run_forked(project, *arguments, *workers)

    assert pytest_word == "pytest"
    assert result.ret == 1
    shown = iter(result.outlines)
    for line in output.splitlines():
        assert line in shown, f"not in the output, or not in this order: {line!r}"


def test_tests_hold_without_a_gate(project: pytest.Pytester) -> None:
    result = run_forked(project, "test_site.py", "-k", "small")

    result.assert_outcomes(passed=1, deselected=2)
    assert not (project.path / "detgate-report").exists()


def test_the_rule_has_tests(project: pytest.Pytester) -> None:
    run_forked(project, "test_site_rules.py").assert_outcomes(passed=2)


def test_files_pass_a_strict_type_checker(project: pytest.Pytester) -> None:
    _require("mypy")
    sources = ["site_rules.py", "test_site_rules.py", "test_site.py"]
    # As for any installed package, what is wrong inside of ours is none of the project's business.
    options = ["--strict", "--follow-imports=silent", "--cache-dir", str(project.path / "cache")]

    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *sources],
        cwd=project.path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "Success: no issues found in 3 source files\n"


def test_rule_has_its_place_in_the_list(project: pytest.Pytester) -> None:
    result = run_forked(project, "--detgate-rules")

    result.stdout.fnmatch_lines(
        [
            "crowded-frames  (data)",
            "  Few frames may contain more boxes than a person can check.",
            "    boxes = a whole number ≥ 1 (default: 50): Boxes that a frame may contain.",
        ]
    )
