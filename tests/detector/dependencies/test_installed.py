"""What installed packages say about themselves is read as the standard library reads it."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from pytest_detgate.detector.dependencies.installed import distribution_names, package_states

DESCRIPTION = "\n\nName: other_name\nVersion: 9\nRequires-Dist: pytest\n"


def install(folder: Path, metadata: str, record: str = "", *, top_level: str | None = None) -> None:
    dist = folder / "site-packages" / "sample_pack-1.5.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\n" + metadata, encoding="utf-8")
    (dist / "RECORD").write_text(record, encoding="utf-8")
    if top_level is not None:
        (dist / "top_level.txt").write_text(top_level, encoding="utf-8")


def test_modules_lead_to_their_distributions() -> None:
    """All that are installed here, with what each of them requires in turn."""
    providers = importlib.metadata.packages_distributions()
    importable = {name for name in providers if name.isidentifier()} - {"pytest_detgate"}
    assert len(importable) > 20

    for module in importable:
        assert set(providers[module]) <= set(distribution_names(package_states([module])))


def test_versions_are_those_of_the_library() -> None:
    names = {distribution.name for distribution in importlib.metadata.distributions()}

    states = package_states((), names)

    for name in names:
        version = importlib.metadata.version(name).partition("+")[0]
        assert states[name].split(" ")[0] == version


@pytest.mark.parametrize(
    "requires",
    [
        "Requires-Dist: numpy>=1\n",
        "requires-dist: numpy (>=1)\n",
        "Requires-Dist: numpy\n  >=1\n",
        "Requires-Dist: absent_pack\nRequires-Dist:numpy; python_version > '3'\n",
    ],
)
@pytest.mark.parametrize("description", ["", DESCRIPTION])
def test_fields_are_read_and_descriptions_are_not(
    requires: str, description: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"Name: sample_pack\nVersion: 1.5+cpu\n{requires}Summary: Name: x\n{description}"
    install(tmp_path, text, "sample_pack/__init__.py,sha256=1,9\n")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")

    states = package_states(["sample_pack"])

    assert set(states) == {"sample_pack", "numpy"}
    assert states["sample_pack"].startswith("1.5 ")


@pytest.mark.parametrize(
    ("record", "top_level", "modules"),
    [
        (
            "sample_first/__init__.py,,\nsample_second.py,,\n",
            None,
            {"sample_first", "sample_second"},
        ),
        ("sample_first/__init__.py,,\n", "sample_second\n", {"sample_second"}),
        ("sample_first/data.txt,,\nREADME.md,,\n../../bin/sample_first,,\n", None, set()),
    ],
)
def test_modules_of_a_distribution(
    record: str,
    top_level: str | None,
    modules: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(tmp_path, "Name: sample_pack\nVersion: 1.5\n", record, top_level=top_level)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")

    for module in ("sample_first", "sample_second"):
        expected = "sample_pack" if module in modules else f"module {module}"
        assert set(package_states([module])) == {expected}
