"""Assertions of the package: `python -O` leaves them out, so they must do nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder in ("pytest_detgate", "checks", "fixtures")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
HARMLESS = {"all", "any", "isinstance", "issubclass", "len", "startswith"}


def effects(path: Path) -> list[str]:
    """The assertions of a module that call more than harmless functions, or assign a name."""
    collected = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Assert):
            continue
        for part in ast.walk(node.test):
            name = ast.unparse(part.func).rpartition(".")[2] if isinstance(part, ast.Call) else ""
            if isinstance(part, ast.NamedExpr) or (name and name not in HARMLESS):
                collected.append(f"{path.name}:{node.lineno}: {ast.unparse(part)}")
    return collected


@pytest.mark.source
def test_assertions_have_no_effect() -> None:
    assert [effect for path in SOURCES for effect in effects(path)] == []


@pytest.mark.parametrize("level", ["1", "2"])
def test_gate_without_assertions_gives_the_same_verdicts(tmp_path: Path, level: str) -> None:
    (tmp_path / "a.json").write_text('{"images": [], "annotations": [], "categories": []}')
    (tmp_path / "detgate.toml").write_text(
        '[dataset.splits.a]\nannotations = "a.json"\nimages = "."\n[rules.duplicate-ids]\n'
    )
    command = [sys.executable, "-m", "pytest", "detgate.toml", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONOPTIMIZE": level}

    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert run.returncode == 1, run.stdout
    assert "a has no images" in run.stdout
    assert "INTERNALERROR" not in run.stdout
