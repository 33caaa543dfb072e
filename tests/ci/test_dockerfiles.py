"""The Dockerfiles: linted, and copying what a wheel is built from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.ci.steps import ROOT
from tests.unit.test_editor_schema import tool

pytestmark = pytest.mark.source
FILES = sorted((ROOT / "docker").glob("Dockerfile*"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_dockerfile_has_no_finding(path: Path) -> None:
    run = subprocess.run([tool("hadolint"), str(path)], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_image_runs_without_rights(path: Path) -> None:
    last = path.read_text("utf-8").rpartition("\nFROM ")[2]

    user = re.search(r"^USER (.+)$", last, re.MULTILINE)
    assert user is not None
    assert user[1] not in ("0", "root")
    assert last.index("USER") < last.index("ENTRYPOINT")
    assert "org.opencontainers.image.licenses" in last


def test_the_context_holds_what_the_wheel_is_built_from() -> None:
    listed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    project = msgspec.toml.decode((ROOT / "pyproject.toml").read_bytes())

    needed = {"pyproject.toml", project["project"]["readme"], "pytest_detgate"}
    needed |= set(project["project"]["license-files"])
    needed |= set(project["tool"]["setuptools"]["package-dir"].values())
    assert needed <= listed
    assert all((ROOT / name).exists() for name in listed)
