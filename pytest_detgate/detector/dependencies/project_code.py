"""Code of the project, and the code that causes an access."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Literal, NamedTuple

from pytest_detgate.detector.dependencies import import_notes
from pytest_detgate.detector.project_call import call_project

# File names of the import system, which never change.
_IMPORT_SYSTEM = (
    "<frozen importlib._bootstrap>",
    "<frozen importlib._bootstrap_external>",
    "<frozen zipimport>",
)
# A query for installed packages makes these modules read all folders.
_PACKAGE_LISTS = tuple(
    f"{os.sep}{part}{os.sep}"
    for part in (f"importlib{os.sep}metadata", "importlib_metadata", "pkg_resources")
)
_GATE = str(Path(__file__).parents[2]) + os.sep
_HERE = str(Path(__file__).parent) + os.sep
_AUDIT_HOOK = str(Path(__file__).parents[1] / "audit_hook.py")

# Functions of the standard library that give the status of a file, or parts of it.
_VALUES = frozenset(("getsize", "stat", "lstat"))
_TIMES = frozenset(("getmtime", "getctime"))
_GLOB = frozenset(("glob", "iglob", "_iglob"))
# Start programs to learn about the machine, the compiler or their own version, or to compile.
_HARMLESS_STARTS = tuple(
    part.replace("/", os.sep)
    for part in (
        *("/platform.py", "/uuid.py", "/ctypes/util.py", "/sysconfig.py", "/_osx_support.py"),
        *("/cpuinfo/", "/psutil/", "/GPUtil/", "/distutils/", "/setuptools/"),
        *("/mmengine/utils/", "/torch/_inductor/", "/torch/_dynamo/", "/torch/utils/"),
        *("/torch/cuda/", "/triton/", "/numba/", "/llvmlite/", "/loky/", "/matplotlib/"),
    )
)

CodeKind = Literal["recorder", "gate", "import", "stdlib", "installed", "own"]


class Caller(NamedTuple):
    """The code that causes an access.

    `by` is `own` for code of the project, code that it calls, or a thread of unknown origin;
    `import` if an installed package is being imported; else `other`. `is_direct` says that the
    project calls only the standard library for it. `file` is the nearest file of the project,
    `modules` are those of its files that are being imported.
    """

    by: Literal["own", "import", "other"]
    is_direct: bool = False
    file: str | None = None
    modules: tuple[str, ...] = ()


def of_project(files: Iterable[object], own: tuple[str, ...] = ()) -> set[Path]:
    """Return the Python files among these that belong to the project, not to a package.

    Files below the folders `own` do, too.
    """
    installed = installed_paths()
    return {
        Path(file)
        for file in files
        if isinstance(file, str)
        and file.endswith(".py")
        and os.path.isabs(file)  # noqa: PTH117 (torch invents relative names)
        and (file.startswith(own) or not file.startswith(installed))
        and Path(file).is_file()
    }


def package_of(file: str) -> str | None:
    """Return the name of the module or package that an installed file belongs to."""
    for path in _package_paths(tuple(sys.path)):
        if _holds_packages(path) and file.startswith(path):
            return file[len(path) :].partition(os.sep)[0].partition(".")[0]
    return None


def installed_paths() -> tuple[str, ...]:
    """Return prefixes of paths that are not of the project: Python, packages, devices, the gate."""
    return (*_package_paths(tuple(sys.path)), "/proc/", "/sys/", "/dev/", _GATE)


@functools.lru_cache(maxsize=8)
def _package_paths(search_path: tuple[str, ...]) -> tuple[str, ...]:
    packages = {entry for entry in search_path if _holds_packages(entry)}
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    packages |= {entry for entry in search_path if entry.endswith(zipped)}
    return (*_standard_library(), *(path.rstrip(os.sep) + os.sep for path in sorted(packages)))


@functools.lru_cache(maxsize=1)
def _standard_library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {os.path.realpath(paths[name]) for name in names} | {paths[name] for name in names}
    return tuple(folder + os.sep for folder in sorted(folders))


def _holds_packages(entry: str) -> bool:
    return "site-packages" in entry or "dist-packages" in entry


class CallStack:
    """Determines the code that causes an event.

    `own` are folders of installed packages that count as code of the project, because they make the
    model.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own = tuple(own)
        self._kinds: dict[str, CodeKind] = {}
        _standard_library()  # its links are followed now: nothing below checks for files

    def caller(self, *, is_import: bool = False) -> Caller:
        """Return the cause of the current event, from the innermost frame outwards to the gate.

        `is_import` says that the import system causes it; then the code that imports is returned.
        """
        frame = self._cause()
        while is_import and frame is not None and self._kind(frame) == "import":
            frame = frame.f_back
        by: Literal["own", "import", "other"] = "other"
        is_direct, file, modules = True, None, []
        is_project, is_plain = False, frame is not None
        while frame is not None:
            kind = self._kind(frame)
            if kind == "gate":
                is_project = frame.f_code is call_project.__code__
                break
            is_plain = is_plain and kind == "stdlib"
            if kind == "own":
                name = frame.f_code.co_filename
                file = file or name
                if by == "other":
                    by = "own"
                if frame.f_code.co_name == "<module>":
                    modules.append(name)
            elif by == "other":
                if kind == "import":
                    by = "import"
                is_direct = is_direct and kind == "stdlib"
            frame = frame.f_back
        else:  # no frame of the gate: a thread, which may belong to a pool
            is_project = is_plain
        if by == "other" and is_project:
            by = "own"
        return Caller(by, is_direct and by == "own", file, tuple(modules))

    def is_within_module(self) -> bool:
        """Return whether a module of the project runs for which notes are taken, as it does while
        it is imported. The script that started Python, such as `pytest`, is none of them.

        This only looks at names, so it is much cheaper than `caller`: pytest asks for the status of
        every file below the folder that it collects.
        """
        if not import_notes.has_any():
            return False
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if (
                code.co_name == "<module>"
                and import_notes.are_taken(code.co_filename)
                and self._kind(frame) == "own"
            ):
                return True
            frame = frame.f_back
        return False

    def value_asked(self) -> Literal["size", "time"] | None:
        """Return which value in the status of a file the caller may use, if it may use one."""
        frame = self._cause()
        value: Literal["size", "time"] | None = "size"
        while frame is not None and self._kind(frame) == "stdlib":
            function = frame.f_code.co_name
            if function in _TIMES:
                value = "time"
            elif function not in _VALUES:
                return None
            frame = frame.f_back
        return value if frame is not None and self._kind(frame) == "own" else None

    def is_harmless_start(self) -> bool:
        """Return whether known code starts a process, of which detections do not depend."""
        frame = self._cause()
        while frame is not None and self._kind(frame) not in ("own", "gate"):
            if any(part in frame.f_code.co_filename for part in _HARMLESS_STARTS):
                return True
            frame = frame.f_back
        return False

    def is_import_system(self) -> bool:
        """Return whether the import system itself is running, not code that is imported."""
        frame = self._cause()
        return frame is not None and self._kind(frame) == "import"

    def is_within_glob(self) -> bool:
        """Return whether a folder is listed to match a pattern, which has its own event."""
        frame = self._cause()
        is_pattern = False
        while frame is not None and self._kind(frame) == "stdlib":
            file, function = frame.f_code.co_filename, frame.f_code.co_name
            if function in ("iterdir", "walk"):
                return False
            is_glob = os.path.basename(file) == "glob.py" and function in _GLOB  # noqa: PTH119
            is_pattern = is_pattern or is_glob or "pathlib" in file
            frame = frame.f_back
        return is_pattern

    def _cause(self) -> FrameType | None:
        """Return the innermost frame outside the code that records events."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and self._kind(frame) == "recorder":
            frame = frame.f_back
        return frame

    def _kind(self, frame: FrameType) -> CodeKind:
        name = frame.f_code.co_filename
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = self._kind_of(name)
        return kind

    def _kind_of(self, name: str) -> CodeKind:
        if name in _IMPORT_SYSTEM or any(part in name for part in _PACKAGE_LISTS):
            return "import"
        if name.startswith(_HERE) or name == _AUDIT_HOOK:
            return "recorder"
        if name.startswith(_GATE):
            return "gate"
        if name.startswith(self._own):
            return "own"
        # Code without a file was generated: its caller counts.
        if name.startswith("<") or not os.path.isabs(name):  # noqa: PTH117
            return "stdlib"
        if name.startswith(_package_paths(tuple(sys.path))):
            is_package = _holds_packages(name)
            return "installed" if is_package else "stdlib"
        return "own"
