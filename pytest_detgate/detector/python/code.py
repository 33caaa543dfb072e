"""Project files that a module imports, and the packages that it uses."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from pytest_detgate.detector.dependencies.project_code import of_project
from pytest_detgate.regular_file import read_regular

# torch.compile writes modules of torch into a cache while it runs.
_NOT_OF_PROJECT = ("torch", "pytest_detgate")


@dataclass(frozen=True, slots=True)
class Code:
    """`files` of the project, and the installed `modules` that they import from, without those
    inside of packages."""

    files: tuple[Path, ...]
    modules: tuple[str, ...]


def code_of(*modules: str, own: tuple[str, ...] = ()) -> Code:
    """Follow the import statements of modules, including those within functions.

    All loaded modules of their packages count too. Nothing is imported for it. Imports by a
    computed name are not seen. Files below the folders `own` are code of the project.
    """
    packages = {module.partition(".")[0] for module in modules}
    waiting = [name for name in list(sys.modules) if name.partition(".")[0] in packages]
    waiting += [name for module in modules for name in _with_parents(module)]
    seen: set[str] = set()
    files: set[Path] = set()
    others: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name.partition(".")[0] in _NOT_OF_PROJECT:
            continue
        file = _file_of(name)
        if of_project([file], own):
            files.add(Path(str(file)))
            waiting += _imported(Path(str(file)), name)
        elif file is not None or name in sys.modules:
            others.add(name.partition(".")[0])
    return Code(tuple(sorted(files)), tuple(sorted(others)))


def _file_of(module: str) -> str | None:
    """Return the file of a module, whether or not it is loaded."""
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
                except ImportError:  # it would fail there, or is never reached
                    continue
            yield from _with_parents(name)
            # `from package import module` may name a module.
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


@contextlib.contextmanager
def importable(folder: Path | None) -> Iterator[None]:
    """Let modules of a folder be imported within the block."""
    if folder is None:
        yield
        return
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the project's code may have changed the path
            sys.path.remove(str(folder))
