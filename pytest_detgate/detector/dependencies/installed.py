"""Installed packages: which a model uses, and their state.

Nothing here depends on which modules this process has imported: another order of imports must not
give another key of a model.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution
from pathlib import Path

from pytest_detgate.cache.digests import Signature
from pytest_detgate.regular_file import sha256_of_file

# Their Python files name the device that they are built for: the same release on another device is
# the same.
_BUILT_FOR_A_DEVICE = ("torch", "torchvision", "torchaudio")
_OWN = "pytest_detgate"
_FOLDERS_OF_PACKAGES = ("site-packages", "dist-packages")
_NOT_INSTALLED = "not installed"
_MODULE = "module "
_TELLING = ("METADATA", "RECORD")


def package_states(modules: Iterable[str], distributions: Iterable[str] = ()) -> dict[str, str]:
    """Return the state of distributions, of those that have `modules`, and of all that those
    require in turn.

    A requirement counts if it is installed and not requested by an extra. A module that no
    distribution has is included as `module NAME`, also a required one.
    """
    providers = _providers(tuple(sys.path))
    wanted = set(modules) - set(sys.stdlib_module_names) - {_OWN}
    names = set(distributions)
    installed = {
        module: [name for name in providers.get(module, ()) if _distribution(name) is not None]
        for module in wanted
    }
    names |= _with_requirements(name for having in installed.values() for name in having)
    names |= {f"{_MODULE}{module}" for module, having in installed.items() if not having}
    return {name: package_state(name) for name in sorted(names)}


def package_state(name: str) -> str:
    """Return version and digest of a distribution: of its Python files, as its installer wrote them
    down. A file that was edited since then is not noticed.

    For `module NAME`: a digest of its files.
    """
    if name.startswith(_MODULE):
        return _state_of_files(name.removeprefix(_MODULE))
    distribution = _distribution(name)
    if distribution is None:
        return _NOT_INSTALLED
    try:
        written = _written(distribution)
        if written is None:
            return _state_of_distribution(name, distribution)
        key = (name, *written)
        if key not in _states:
            _states[key] = _state_of_distribution(name, distribution)
        return _states[key]
    except (importlib.metadata.PackageNotFoundError, OSError, UnicodeDecodeError):
        return _NOT_INSTALLED


_states: dict[tuple[object, ...], str] = {}
"""States by distribution and by the files that tell it: a sweep asks for each checkpoint again."""


def _written(distribution: Distribution) -> tuple[object, ...] | None:
    """Return place, size and time of the files that tell the state of a distribution; None if it
    has no such files."""
    folder = getattr(distribution, "_path", None)  # the only way to learn its place
    if not isinstance(folder, Path):
        return None
    with contextlib.suppress(OSError):
        return (folder, *(Signature.of((folder / name).stat()) for name in _TELLING))
    return None


def _state_of_distribution(name: str, distribution: Distribution) -> str:
    version = "".join(_stated(distribution, "Version")).partition("+")[0]
    if name in _BUILT_FOR_A_DEVICE:
        return version
    record = distribution.read_text("RECORD") or ""
    files = sorted(line for line in record.splitlines() if line.partition(",")[0].endswith(".py"))
    return f"{version} {_digest(files)}"


def distribution_names(states: Iterable[str]) -> tuple[str, ...]:
    """Return the names of distributions among those of states."""
    return tuple(sorted(name for name in states if not name.startswith(_MODULE)))


def _distribution(name: str) -> Distribution | None:
    """Return the installed distribution of a name; None without one."""
    path = _path_of_distributions(tuple(sys.path))
    return next(iter(importlib.metadata.distributions(name=name, path=path)), None)


@functools.lru_cache(maxsize=4)
def _path_of_distributions(search_path: tuple[str, ...]) -> list[str]:
    return [entry for entry in search_path if not _is_of_a_package(entry)]


def _is_of_a_package(path: str) -> bool:
    """Return whether a path is within an installed package.

    Some packages, such as setuptools, add copies of others to the search path when they are
    imported.
    """
    return any(folder in _FOLDERS_OF_PACKAGES for folder in Path(path).parts[:-1])


@functools.lru_cache(maxsize=4)
def _providers(search_path: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the names of the distributions that have a module, by its name: the same as
    `importlib.metadata.packages_distributions`, which reads whole descriptions and takes longer
    than all else that is looked up here."""
    providers: dict[str, list[str]] = {}
    for distribution in importlib.metadata.distributions():
        names = _stated(distribution, "Name")
        for module in _modules(distribution):
            providers.setdefault(module, []).extend(names)
    return providers


def _stated(distribution: Distribution, field: str) -> list[str]:
    """Return what the metadata of a distribution say under a field. The standard library parses
    all of them for that, and the description, which may be long."""
    text = distribution.read_text("METADATA")
    if text is None:  # an older format
        return distribution.metadata.get_all(field) or []
    headers = text.partition("\n\n")[0]
    return re.findall(rf"^{field}:[ \t]*(.*(?:\n[ \t].*)*)", headers, re.MULTILINE | re.IGNORECASE)


def _modules(distribution: Distribution) -> set[str]:
    """Return the names of the modules and packages of a distribution: as it says, else those of
    its files."""
    declared = (distribution.read_text("top_level.txt") or "").split()
    if declared:
        return set(declared)
    record = distribution.read_text("RECORD")
    if record is None:
        files = [str(file) for file in distribution.files or ()]
    else:
        files = [line.partition(",")[0].strip('"') for line in record.splitlines()]
    names = set()
    for file in files:
        folder, separator, _ = file.partition("/")
        if separator and file.endswith(".py"):
            names.add(folder)
        elif not separator and (module := inspect.getmodulename(file)):
            names.add(module)
    return names


def _with_requirements(distributions: Iterable[str]) -> set[str]:
    waiting = list(distributions)
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.add(name)
        if not name.startswith(_MODULE):
            waiting += _requirements(name, tuple(sys.path))
    return names


@functools.lru_cache(maxsize=1000)
def _requirements(distribution: str, search_path: tuple[str, ...]) -> tuple[str, ...]:
    required = []
    installed = _distribution(distribution)
    if installed is None:
        return ()
    of_older_format = installed.read_text("METADATA") is None
    stated = installed.requires or [] if of_older_format else _stated(installed, "Requires-Dist")
    for line in stated:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        _, _, marker = line.partition(";")
        if name is None or "extra" in marker:
            continue
        needed = _distribution(name[0])
        module = name[0].replace("-", "_")
        if needed is not None:
            required += _stated(needed, "Name")
        elif _spec(module) is not None:
            required.append(f"{_MODULE}{module}")
    return tuple(required)


def _state_of_files(module: str) -> str:
    spec = _spec(module)
    if spec is None:
        return _NOT_INSTALLED
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = {path for folder in folders for path in folder.rglob("*.py") if path.is_file()}
    if spec.origin is not None and Path(spec.origin).is_file():
        files.add(Path(spec.origin))
    return _digest(f"{path.name} {sha256_of_file(path)}" for path in sorted(files))


def _spec(module: str) -> ModuleSpec | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    entries = [f"{entry}{os.sep}" for entry in sys.path if _is_of_a_package(entry)]
    if spec is not None and spec.origin is not None and spec.origin.startswith(tuple(entries)):
        return None
    return spec


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
