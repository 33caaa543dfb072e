"""The files and commands of docs/own_detectors.md and docs/gate_onnx.md give the output shown."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_detgate.config.tables.onnx_table import OnnxTable
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.forked import run_forked

# Pytester forgets what is imported while it is there, and onnx cannot be imported twice.
with contextlib.suppress(ModuleNotFoundError):
    import onnx  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("own_detectors.md", "gate_onnx.md")
)
FILES = dict(re.findall(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(
    r"^```console\n\$ (pytest [^\n]+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL
)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the files of the document, two pictures to find, and a probe."""
    pytester.makeini("[pytest]\n")
    for name, text in FILES.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    draw(pytester.path / "images" / "a.png", (128, 64), (RED, (20, 10, 40, 30)))
    draw(pytester.path / "images" / "b.png", (128, 64), (BLUE, (2, 2, 60, 50)))
    draw(pytester.path / "probe" / "calm_1.png", (128, 64))
    draw(pytester.path / "probe" / "calm_2.png", (128, 64), (BLUE, (40, 40, 20, 10)))
    content = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 128, "height": 64},
            {"id": 2, "file_name": "b.png", "width": 128, "height": 64},
        ],
        "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "blue"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 10, 40, 30], "area": 1200},
            {"id": 2, "image_id": 2, "category_id": 2, "bbox": [2, 2, 60, 50], "area": 3000},
        ],
    }
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 0
    (pytester.path / "val.json").write_text(json.dumps(content))
    (pytester.path / "weights.txt").write_text("1 2 30 40")
    info = pytester.path / "coloured-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coloured\nVersion: 1.0\n")
    pattern = r'^\[project\.entry-points\."([^"]+)"\]\n(.*?)^```'
    (points,) = re.findall(pattern, DOCUMENT, re.M | re.S)
    (info / "entry_points.txt").write_text(f"[{points[0]}]\n{points[1].replace(chr(34), '')}")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return pytester


def test_document_has_the_files_and_commands() -> None:
    assert list(FILES) == [
        *("site_detector.py", "detgate.toml", "coloured.py", "coloured.toml", "deployed.toml")
    ]
    assert len(COMMANDS) == 3


@pytest.mark.parametrize(
    ("command", "output", "code"),
    [(*COMMANDS[0], 1), (*COMMANDS[1], 0), (*COMMANDS[2], 0)],
    ids=["function", "registered", "onnx"],
)
def test_command_gives_the_output_that_is_shown(
    project: pytest.Pytester, command: str, output: str, code: int
) -> None:
    pytest_word, *arguments = shlex.split(command)
    if "deployed.toml" in arguments:
        for name in ("onnx", "onnxruntime", "cv2"):
            if importlib.util.find_spec(name) is None:
                pytest.skip(f"{name} is not installed")
        write_model(project.path / "colours.onnx")

    result = run_forked(project, *arguments)

    assert pytest_word == "pytest"
    assert result.ret == code
    shown = iter(result.outlines)
    for line in output.splitlines():
        assert line in shown, f"not in the output, or not in this order: {line!r}"


def test_files_pass_a_strict_type_checker(project: pytest.Pytester) -> None:
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    options = ["--strict", "--follow-imports=silent", "--cache-dir", str(project.path / "cache")]

    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "site_detector.py", "coloured.py"],
        cwd=project.path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "Success: no issues found in 2 source files\n"


def test_every_key_of_an_onnx_file_is_in_the_table() -> None:
    table = DOCUMENT[DOCUMENT.index("| key |") : DOCUMENT.index("| `layout` | outputs")]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    named = [key.strip("` ") for cell in cells for key in cell.split(",")]

    assert sorted(named) == sorted(field.encode_name for field in msgspec.structs.fields(OnnxTable))
