"""Installed packages: which a model uses, and what they hold."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.regular_file import sha256_of_file

# Their Python files name the device that they are built for: the same release on another device is
# the same.
_BUILT_FOR_A_DEVICE = ("torch", "torchvision", "torchaudio")
_OWN = "pytest_detgate"


@dataclass(frozen=True, slots=True)
class Distributions:
    """`names` of distributions; `unowned` are the names of modules that no distribution has."""

    names: tuple[str, ...]
    unowned: tuple[str, ...]


def distributions_of(modules: Iterable[str]) -> Distributions:
    """Return the distributions that have these modules, and all that those require in turn.

    A requirement counts if it is installed and not asked for by an extra.
    """
    providers = _providers(tuple(sys.path))
    wanted = set(modules) - set(sys.stdlib_module_names) - {_OWN}
    waiting = [name for module in wanted for name in providers.get(module, ())]
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += _requirements(name, tuple(sys.path))
    return Distributions(tuple(sorted(names)), tuple(sorted(wanted - providers.keys())))


def installed_contents(distributions: Iterable[str], unowned: Iterable[str]) -> dict[str, str]:
    """Return a digest of the Python files of each distribution, as its installer wrote them down,
    and of the files of each module without a distribution.

    A file that was edited since then is not noticed.
    """
    contents = {name: _recorded(name) for name in sorted(set(distributions))}
    for module in sorted(set(unowned)):
        contents[f"module {module}"] = _files_of(module)
    return {name: digest for name, digest in contents.items() if digest}


@functools.lru_cache(maxsize=4)
def _providers(search_path: tuple[str, ...]) -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@functools.lru_cache(maxsize=1000)
def _requirements(distribution: str, search_path: tuple[str, ...]) -> tuple[str, ...]:
    required = []
    try:
        lines = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return ()
    for line in lines:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        _, _, marker = line.partition(";")
        if name is None or "extra" in marker:
            continue
        try:
            required.append(importlib.metadata.metadata(name[0])["Name"])
        except importlib.metadata.PackageNotFoundError:
            continue
    return tuple(required)


def _recorded(distribution: str) -> str:
    if distribution in _BUILT_FOR_A_DEVICE:
        return ""
    try:
        record = importlib.metadata.distribution(distribution).read_text("RECORD") or ""
    except (importlib.metadata.PackageNotFoundError, OSError, UnicodeDecodeError):
        return ""
    files = sorted(line for line in record.splitlines() if line.partition(",")[0].endswith(".py"))
    return hashlib.sha256("\n".join(files).encode()).hexdigest()


def _files_of(module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = {path for folder in folders for path in folder.rglob("*.py") if path.is_file()}
    if spec.origin is not None and Path(spec.origin).is_file():
        files.add(Path(spec.origin))
    parts = [f"{path.name} {sha256_of_file(path)}" for path in sorted(files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest() if parts else ""
