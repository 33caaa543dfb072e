"""What CONTRIBUTING.md and the workflows say is there."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_detgate.rules
from pytest_detgate.rules.rule import Rule

pytestmark = pytest.mark.source
ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# What other repositories call; it runs none of this repository's commands.
FOR_OTHERS = [ROOT / ".github" / "workflows" / "gate.yml"]
OWN_ACTION = "pytest-detgate/pytest-detgate@v1"
CALLERS = [
    *(path for path in WORKFLOWS if path not in FOR_OTHERS),
    *(ROOT / name for name in ("CONTRIBUTING.md", ".pre-commit-config.yaml", ".ci/run")),
    *(ROOT / name for name in ("docs/releasing.md", ".github/PULL_REQUEST_TEMPLATE.md")),
]
FRAGMENTS = sorted((ROOT / "changelog.d").glob("*"))
LONGEST_NAME = 60
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CALLERS, ids=name_of)
def test_every_make_target_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = path.read_text("utf-8").replace("${{ matrix.target }}", "")
    called = re.findall(r"(?:^|\$ |`|run: |entry: )make((?: [a-z-]+)+)", text, re.MULTILINE)
    called += re.findall(r"target: ([a-z-]+)", text)

    assert called
    assert {target for line in called for target in line.split()} <= targets


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=name_of)
def test_workflows_trust_nothing(path: Path) -> None:
    """Actions are pinned by hash, and a job gets the permissions that it names."""
    text = path.read_text("utf-8")

    assert "\npermissions: {}\n" in text or path not in WORKFLOWS
    for action in re.findall(r"uses: (.*)", text):
        if path in FOR_OTHERS and action == OWN_ACTION:
            continue
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+|\./", action)


@pytest.mark.parametrize("path", FRAGMENTS, ids=name_of)
def test_changelog_fragment_is_well_formed(path: Path) -> None:
    assert re.fullmatch(r"[a-z0-9-]+(\.architecture)?\.md|README\.md", path.name)
    if path.name == "README.md":
        return
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    for item in re.split(r"^- ", text, flags=re.MULTILINE)[1:]:
        assert re.fullmatch(r"\S.*(\n  \S.*)*[.)]\n", item), item
    assert text.startswith("- ")


def base_classes() -> Iterator[str]:
    package = pytest_detgate.rules
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, kind in inspect.getmembers(importlib.import_module(module.name)):
            if inspect.isclass(kind) and issubclass(kind, Rule) and kind.__module__ == module.name:
                yield name


def test_every_base_class_of_rules_is_explained() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")

    assert set(base_classes()) == set(re.findall(r"^ *\| `(\w+)` \|", text, re.MULTILINE))


def test_examples_to_look_at_are_of_their_base_class() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^ *\| `(\w+)` \|.*\| `(\w+)` \|$", text, re.MULTILINE)

    assert len(rows) == len(set(base_classes()))
    for base, example in rows:
        module = importlib.import_module(f"pytest_detgate.checks.{example}")
        kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
        rules = [
            kind for kind in kinds if issubclass(kind, Rule) and kind.__module__ == module.__name__
        ]
        assert base in [parent.__name__ for rule in rules for parent in rule.__mro__]


def test_names_of_tests_are_short() -> None:
    long = [
        f"{name_of(path)}: {node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and len(node.name) > LONGEST_NAME
    ]

    assert long == []
