"""Versions of installed packages, beside those that Python reads."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from pytest_detgate.run_record.versions import version_of


def test_all_packages_have_the_version_that_python_reads() -> None:
    names = {
        distribution.name
        for distribution in importlib.metadata.distributions()
        if distribution.name
    }
    assert {"numpy", "pytest", "pytest-detgate"} <= names
    for name in names:
        assert version_of(name) == importlib.metadata.version(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("METADATA", "Metadata-Version: 2.1\nName: odd\nVersion:1.5+cpu\n\nVersion: 7\n"),
        (
            "METADATA",
            "Metadata-Version: 2.1\r\nName: odd\r\nVersion: 1.5+cpu\r\n\r\nVersion: 7\r\n",
        ),
        ("METADATA", "Name: odd\nSummary: a\n Version: 3\nversion: 1.5+cpu\n\nbody\n"),
        ("PKG-INFO", "Metadata-Version: 1.0\nName: odd\nVersion: 1.5+cpu\n"),
    ],
)
def test_description_is_no_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    folder = tmp_path / ("odd.dist-info" if name == "METADATA" else "odd.egg-info")
    folder.mkdir()
    (folder / name).write_bytes(text.encode())
    monkeypatch.syspath_prepend(tmp_path)

    assert version_of("odd") == importlib.metadata.version("odd") == "1.5+cpu"


def test_package_that_is_not_installed() -> None:
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        version_of("no-such-package-here")
