"""The project's own code that a module is made of, and the packages that it uses."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from pytest_detgate.detector.config_sources import of_project
from pytest_detgate.regular_file import read_regular


@dataclass(frozen=True, slots=True)
class Code:
    """`files` of the project, and the `packages` (distributions) that they import from."""

    files: tuple[Path, ...]
    packages: tuple[str, ...]


def code_of(module: str) -> Code:
    """What a module is made of, as its import statements say, wherever in it they stand.

    Of its own package all that is loaded counts too. Nothing is imported for it; what is imported
    by a name that is computed is not seen.
    """
    package = module.partition(".")[0]
    loaded = (name for name in sys.modules if name.partition(".")[0] == package)
    waiting = [*_with_parents(module), *loaded]
    seen: set[str] = set()
    files: set[Path] = set()
    others: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _file_of(name)
        if of_project([file]):
            files.add(Path(str(file)))
            waiting += _imported(Path(str(file)), name)
        elif file is not None or name in sys.modules:
            others.add(name.partition(".")[0])
    return Code(tuple(sorted(files)), _distributions(others))


def _file_of(module: str) -> str | None:
    """The file of a module that is loaded, or that would be."""
    if module in sys.modules:
        return getattr(sys.modules[module], "__file__", None)
    top, *inner = module.split(".")
    spec: ModuleSpec | None
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a module without a specification, such as __main__
        return None
    name = top
    for part in inner:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return None if spec is None else spec.origin


def _imported(file: Path, module: str) -> Iterator[str]:
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(read_regular(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                try:
                    name = importlib.util.resolve_name("." * node.level + name, package)
                except ImportError:  # where it stands it would fail, or is never reached
                    continue
            yield from _with_parents(name)
            # `from package import module` may name a module.
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _distributions(packages: set[str]) -> tuple[str, ...]:
    providers = importlib.metadata.packages_distributions()
    names = {
        name
        for package in packages - set(sys.stdlib_module_names)
        for name in providers.get(package, ())
    }
    return tuple(sorted(names))
