"""The direction of imports, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each layer may import itself and those before it. `checks` and `fixtures` stand on top.
LAYERS = (
    (
        *("errors", "plain", "printable", "progress", "boxes", "charts", "findings", "gaps"),
        *("locks", "regular_file"),
    ),
    ("config", "dataset"),
    ("scoring", "detector", "audit", "pictures", "drift", "expectations", "splitting"),
    ("gate",),
    ("checks",),
    ("plugin",),
    ("fixtures", "commands", "__main__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SOURCES = [
    path
    for folder in ("pytest_detgate", "checks", "fixtures")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def layer_of(module: str) -> str:
    """The layer of a module name such as `pytest_detgate.rules.rule`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def module_of(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    name = ".".join(relative.parts)
    return name if name.startswith("pytest_detgate") else f"pytest_detgate.{name}"


def imports(path: Path) -> set[str]:
    """Modules that a file imports from, type-checking imports included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=[module_of(path) for path in SOURCES])
def test_imports_point_downwards(path: Path) -> None:
    own = layer_of(module_of(path))
    if own in ("", "__init__"):
        return
    for module in imports(path):
        if not module.startswith("pytest_detgate."):
            continue
        assert RANK[layer_of(module)] <= RANK[own], f"{path.name} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=[module_of(path) for path in SOURCES])
def test_rules_templates_and_fixtures_are_reached_by_name_only(path: Path) -> None:
    own = layer_of(module_of(path))
    for module in imports(path):
        reached = layer_of(module) if module.startswith("pytest_detgate.") else ""
        assert reached == own or reached not in ("checks", "fixtures", "templates")
        assert module.split(".")[0] not in ("checks", "fixtures", "templates")


def test_only_the_plugin_and_the_fixtures_know_pytest() -> None:
    users = {
        layer_of(module_of(path))
        for path in SOURCES
        if {"pytest", "_pytest"} & {name.split(".")[0] for name in imports(path)}
    }

    assert users == {"plugin", "fixtures"}


def test_only_one_package_knows_great_expectations() -> None:
    users = {
        layer_of(module_of(path))
        for path in SOURCES
        if {"great_expectations", "pandas"} & {name.split(".")[0] for name in imports(path)}
    }

    assert users == {"expectations"}
