"""`import pytest_detgate` costs nothing, and has what a project's own rules and tests need."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_detgate


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys, pytest_detgate;"
        "heavy = {'numpy', 'msgspec', 'pytest', 'PIL', 'hotcoco'} & set(sys.modules);"
        "ours = [name for name in sys.modules if name.startswith('pytest_detgate.')];"
        "assert not heavy and ours == ['pytest_detgate._version'], (heavy, ours)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", pytest_detgate.__all__)
def test_name_is_there_and_is_its_own(name: str) -> None:
    result = getattr(pytest_detgate, name)

    assert getattr(result, "__name__", name) == name
    assert name in dir(pytest_detgate)


def test_type_checkers_are_told_the_same_names() -> None:
    tree = ast.parse(Path(pytest_detgate.__file__).read_text(encoding="utf-8"))
    texts = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert texts == pytest_detgate._HOME
    assert sorted(texts) == sorted(pytest_detgate.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Ruel'"):
        _ = pytest_detgate.Ruel  # type: ignore[attr-defined]
