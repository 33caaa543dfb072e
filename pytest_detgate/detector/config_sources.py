"""Configuration files of the project, and every file that such a configuration was made of."""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_detgate
from pytest_detgate.detector.audit_hook import listening
from pytest_detgate.detector.packages import import_yapf, quiet
from pytest_detgate.errors import DetectorError


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A resolved configuration and what it was made of.

    `config` is an MMEngine `Config`. `files` are the project's own files that were read for it,
    `environment` the environment variables it asked for and what they held.
    """

    config: Any
    files: tuple[Path, ...]
    environment: dict[str, str | None]


def load_config(path: Path) -> LoadedConfig:
    """Load a configuration file as MMEngine does: it is the project's own code and is run."""
    if not path.is_file():
        raise DetectorError(f"{path}: there is no such configuration file")
    import_yapf()
    from mmengine.config import Config

    loaded_before = set(sys.modules)
    with quiet(), recorded_reads() as reads:
        try:
            config = Config.fromfile(str(path))
        except Exception as error:
            raise DetectorError(
                f"{path}: the configuration cannot be loaded: {type(error).__name__}: {error}"
            ) from error
    imported = (name for name in sys.modules if name not in loaded_before)
    files = {path.absolute(), *reads.files(), *_module_files(imported)}
    names = getattr(config, "env_variables", None) or {}
    return LoadedConfig(
        config, tuple(sorted(files)), {name: os.environ.get(name) for name in names}
    )


def project_files(modules: Iterable[str]) -> set[Path]:
    """The project's own files among the packages that the given modules belong to."""
    packages = {name.partition(".")[0] for name in modules}
    return _module_files(name for name in list(sys.modules) if name.partition(".")[0] in packages)


def _module_files(names: Iterable[str]) -> set[Path]:
    # torch.compile writes modules of torch into a cache of its own as it goes.
    not_theirs = (pytest_detgate.__name__, "torch")
    return of_project(
        getattr(sys.modules.get(name), "__file__", None)
        for name in names
        if name.partition(".")[0] not in not_theirs
    )


def of_project(files: Iterable[object]) -> set[Path]:
    """Those that are Python files of the project's own, and not of an installed package."""
    places = _not_of_project()
    return {
        Path(file)
        for file in files
        if isinstance(file, str)
        and file.endswith(".py")
        and os.path.isabs(file)  # noqa: PTH117 (torch makes up relative names for itself)
        and not file.startswith(places)
        and Path(file).is_file()
    }


def _not_of_project() -> tuple[str, ...]:
    """Where files lie that are not the project's: Python, packages, devices, ourselves."""
    paths = sysconfig.get_paths()
    places = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {entry for entry in sys.path if "site-packages" in entry or "dist-packages" in entry}
    places |= {"/proc", "/sys", "/dev", str(Path(pytest_detgate.__file__).parent)}
    return tuple(place + os.sep for place in places)


class Reads:
    """Notes every file of the project that is opened for reading."""

    def __init__(self) -> None:
        self._places = _not_of_project()
        self._files: set[str] = set()

    def note(self, file: str) -> None:
        if not file.startswith(self._places) and not file.endswith((".pyc", ".so")):
            self._files.add(file)

    def files(self) -> set[Path]:
        """Those that are still there: MMEngine also reads copies that it deletes again."""
        return {Path(file) for file in self._files if Path(file).is_file()}


# A configuration is Python: it may read any file, by `_base_`, by `read_base` or on its own, and
# only the interpreter sees them all.
@contextlib.contextmanager
def recorded_reads() -> Iterator[Reads]:
    """Note every file of the project that is opened for reading meanwhile."""
    reads = Reads()

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open":
            return
        path, mode, flags = arguments
        if not isinstance(path, (str, bytes)) or not isinstance(flags, int):
            return
        if flags & (os.O_WRONLY | os.O_RDWR) or (isinstance(mode, str) and "r" not in mode):
            return
        reads.note(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100

    with listening(on_event):
        yield reads
