"""Nothing about a model changes, but the process: its cached detections are used."""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_detgate.detector.dependencies.installed import distribution_names, package_states
from tests.detector.dependencies.test_dependencies import Site, forget_modules

FIRST, SECOND = "stable_first", "stable_second"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A project with two installed packages, of which the first requires and imports the second."""
    monkeypatch.chdir(tmp_path)
    site = Site(tmp_path)
    for name, requires in ((FIRST, f"Requires-Dist: {SECOND}\n"), (SECOND, "")):
        dist = f"lib/site-packages/{name}-1.0.dist-info"
        site.write(
            f"{dist}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}"
        )
        site.write(f"{dist}/RECORD", f"{name}/__init__.py,sha256=1,9\n")
        site.write(f"{dist}/top_level.txt", f"{name}\n")
    site.write(f"lib/site-packages/{SECOND}/__init__.py", "SCORE = 0.25\n")
    site.write(f"lib/site-packages/{FIRST}/__init__.py", f"from {SECOND} import SCORE\n")
    monkeypatch.syspath_prepend(site.folder / "lib" / "site-packages")
    yield site
    forget_modules()
    forget_packages()


def forget_packages() -> None:
    for name in (FIRST, SECOND, "stable_third"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "use",
    [
        f"import {FIRST}\nreturn {FIRST}.SCORE",
        f"return importlib.import_module({FIRST!r}).SCORE",
        f"import pkgutil\nreturn pkgutil.resolve_name('{FIRST}:SCORE')",
        f"return __import__({FIRST!r}).SCORE",
        "return 0.25",
    ],
)
@pytest.mark.parametrize("is_loaded_first", [True, False])
def test_what_is_loaded_already_makes_no_difference(
    site: Site, use: str, is_loaded_first: bool
) -> None:
    site.detector(use)
    runs = []
    for is_loaded in (is_loaded_first, not is_loaded_first):
        forget_packages()
        if is_loaded:
            importlib.import_module(FIRST)
        runs.append(site.score())

    assert runs == [(0.25, 1), (0.25, 0)]


def test_what_the_garbage_collector_removes_makes_no_difference(site: Site) -> None:
    """When it runs depends on what the process did before."""
    site.detector("import gc\ngc.collect()\nreturn 0.25", detect="import gc\ngc.collect()")
    notes = site.write("notes/of-another-model.txt", "")

    class Removed:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            for path in notes.parent.iterdir():
                path.read_text()
            os.environ.get("SITE_NOTES")

    runs = [site.score()]
    gc.disable()
    try:
        for _ in range(2):
            Removed()
            runs.append(site.score())
            notes.write_text(f"{len(runs)}")
    finally:
        gc.enable()

    assert runs == [(0.25, 1), (0.25, 0), (0.25, 0)]


def test_states_of_packages(site: Site) -> None:
    states = package_states([FIRST, "os", "stable_missing"], ["stable-none"])
    files = hashlib.sha256(f"{SECOND}/__init__.py,sha256=1,9".encode()).hexdigest()

    assert states[SECOND] == f"1.0 {files}"
    assert states["module stable_missing"] == states["stable-none"] == "not installed"
    assert set(states) == {FIRST, SECOND, "module stable_missing", "stable-none"}
    assert distribution_names(states) == ("stable-none", FIRST, SECOND)


def test_copies_within_a_package_make_no_difference(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """setuptools adds such a folder to the search path when it is imported."""
    packages = "lib/site-packages"
    site.write(
        f"{packages}/{FIRST}-1.0.dist-info/METADATA",
        f"Metadata-Version: 2.1\nName: {FIRST}\nVersion: 1.0\nRequires-Dist: {SECOND}\n"
        "Requires-Dist: stable-third\nRequires-Dist: stable-fourth\n",
    )
    copies = f"{packages}/{FIRST}/_vendor"
    site.write(
        f"{copies}/stable_third-2.0.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: stable-third\nVersion: 2.0\n",
    )
    site.write(f"{copies}/stable_third-2.0.dist-info/top_level.txt", "stable_third\n")
    site.write(f"{copies}/stable_third/__init__.py", "")
    site.write(f"{copies}/stable_fourth.py", "")
    states = package_states([FIRST, "stable_third"])
    assert set(states) == {FIRST, SECOND, "module stable_third"}

    monkeypatch.syspath_prepend(site.folder / copies)
    importlib.import_module("stable_third")

    assert package_states([FIRST, "stable_third"]) == states
    assert package_states([], ["stable-third"]) == {"stable-third": "not installed"}
