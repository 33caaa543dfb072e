"""The direction of imports, read from the source."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.source
ROOT = Path(__file__).resolve().parents[2]

# Each layer may import itself and those before it.
LAYERS = (
    (
        *("_version", "counts", "errors", "plain", "printable", "progress", "locks"),
        *("regular_file", "git", "temporary"),
    ),
    ("atomic_file", "boxes", "detections", "evidence", "findings", "gaps"),
    ("charts", "config", "dataset"),
    ("scoring", "record", "drift", "expectations", "splitting"),
    ("cache",),
    ("image_hashes", "image_changes"),
    ("detector",),
    ("training",),
    ("inputs",),
    ("rules",),
    ("first_config",),
    ("rule_evidence",),
    ("checks", "run_record", "report", "planning"),
    ("publishing",),
    ("plugin",),
    ("fixtures", "commands", "testing"),
    ("__main__", "__init__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SOURCES = {
    ".".join(("pytest_detgate", *path.relative_to(root).with_suffix("").parts)): path
    for folder, root in {
        "pytest_detgate": ROOT / "pytest_detgate",
        "checks": ROOT,
        "fixtures": ROOT,
    }.items()
    for path in sorted((ROOT / folder).rglob("*.py"))
}
LONGEST = 300
"""Lines of a module at most: one with more has several subjects."""
LONGEST_LIST = 17
"""Modules of a folder at most, without its face: a longer list is not read but searched."""


def layer_of(module: str) -> str:
    """The layer of a module name such as `pytest_detgate.rules.rule`."""
    return (module + ".__init__").split(".")[1]


@cache
def imports(path: Path) -> set[str]:
    """Names that a file imports, modules of type checking and names in modules included."""
    collected: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            collected.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            collected.update(names if names <= SOURCES.keys() else {node.module})
    return collected


@pytest.mark.parametrize("name", SOURCES)
def test_imports_point_downwards(name: str) -> None:
    for module in imports(SOURCES[name]):
        if module.split(".")[0] == "pytest_detgate":
            assert RANK[layer_of(module)] <= RANK[layer_of(name)], f"{name} imports {module}"


def test_no_import_leads_back() -> None:
    graph = {
        name: {module for module in imports(path) if module in SOURCES}
        for name, path in SOURCES.items()
    }
    left = dict(graph)
    while leaves := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in leaves}

    assert {name: sorted(needed & left.keys()) for name, needed in left.items()} == {}


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_has_one_subject(name: str) -> None:
    assert len(SOURCES[name].read_text("utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in SOURCES.values()}), ids=lambda path: path.name
)
def test_a_folder_is_read_at_a_glance(folder: Path) -> None:
    """Rules are one in a file, and their folder is flat."""
    modules = [path for path in folder.glob("*.py") if path.stem not in ("__init__", "__main__")]

    assert len(modules) <= LONGEST_LIST or folder == ROOT / "checks"


@pytest.mark.parametrize("name", SOURCES)
def test_rules_templates_and_fixtures_are_reached_by_name_only(name: str) -> None:
    for module in imports(SOURCES[name]):
        reached = layer_of(module) if module.startswith("pytest_detgate.") else ""
        assert reached == layer_of(name) or reached not in ("checks", "fixtures", "templates")
        assert module.split(".")[0] not in ("checks", "fixtures", "templates")


def test_only_the_plugin_and_the_fixtures_know_pytest() -> None:
    assert users_of("pytest", "_pytest") == {"plugin", "fixtures"}


def test_only_one_package_knows_great_expectations() -> None:
    assert users_of("great_expectations", "pandas") == {"expectations"}


def users_of(*packages: str) -> set[str]:
    """The layers that import one of some packages."""
    return {
        layer_of(name)
        for name, path in SOURCES.items()
        if set(packages) & {module.split(".")[0] for module in imports(path)}
    }
