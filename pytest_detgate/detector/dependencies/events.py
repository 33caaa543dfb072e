"""Translation of Python's audit events into accesses to files, folders, modules and programs.

https://docs.python.org/3/library/audit_events.html lists all events.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from typing import Literal, NamedTuple

AccessKind = Literal["open", "list", "match", "extension", "make", "connect", "start"]

_COMPILED = (".so", ".pyd", ".dylib", ".dll")


class Access(NamedTuple):
    """An access: a file is opened for reading, a folder listed, paths matched with a pattern, a
    compiled module loaded, a file made, a connection opened or a program started.

    `name` is the absolute path or pattern, or the connection or program.
    """

    kind: AccessKind
    name: str


def _opened(path: object, mode: object, flags: object) -> Access | None:
    if (file := _path(path)) is None or not isinstance(flags, int):
        return None  # a number is a file that is open already
    if flags & os.O_TRUNC or flags & os.O_EXCL or flags & os.O_ACCMODE == os.O_WRONLY:
        return Access("make", file)
    if flags & os.O_CREAT and not os.path.exists(file):  # noqa: PTH110
        return Access("make", file)
    return Access("open", file)


def _listed(folder: object = None, *_: object) -> Access | None:
    path = _path("." if folder is None else folder)
    return None if path is None else Access("list", path)


def _matched(pattern: object, recursive: object, root: object, *_: object) -> Access | None:
    if not isinstance(pattern, (str, bytes)):
        return None
    folder = glob.escape(os.fsdecode(root)) if isinstance(root, (str, bytes, os.PathLike)) else ""
    return _pattern(folder, os.fsdecode(pattern))


def _pattern(*parts: str) -> Access:
    return Access("match", os.path.abspath(os.path.join(*parts)))  # noqa: PTH100, PTH118


def _imported(module: object, file: object = None, *_: object) -> Access | None:
    """Read a compiled module; Python code is opened like any other file."""
    path = _path(file)
    is_compiled = path is not None and path.endswith(_COMPILED)
    return Access("extension", path) if is_compiled and path is not None else None


def _loaded(name: object) -> Access | None:
    path = _path(name)
    is_file = path is not None and os.path.isfile(path)  # noqa: PTH113
    return Access("extension", path) if is_file and path is not None else None


def _made(path: object, *_: object) -> Access | None:
    made = _path(path)
    return None if made is None else Access("make", made)


def _database(path: object, *_: object) -> Access | None:
    file = _path(path)
    is_file = file is not None and os.path.isfile(file)  # noqa: PTH113
    return Access("open", file) if is_file and file is not None else None


def _connected(_: object, address: object) -> Access | None:
    # Any other address is that of a process of this machine, such as a worker of the gate.
    if not isinstance(address, tuple):
        return None
    return Access("connect", f"a connection to {address[0]}:{address[1]}")


def _started(program: object, *_: object) -> Access:
    name = program if isinstance(program, (str, bytes, os.PathLike)) else "?"
    return Access("start", f"the program {os.fsdecode(name).split(' ')[0]}")


def _path(path: object) -> str | None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100


ACCESSES: dict[str, Callable[..., Access | None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "glob.glob/2": _matched,
    "pathlib.Path.glob": lambda folder, pattern: _pattern(glob.escape(str(folder)), str(pattern)),
    "pathlib.Path.rglob": lambda folder, pattern: _pattern(
        glob.escape(str(folder)), "**", str(pattern)
    ),
    "import": _imported,
    "os.mkdir": _made,
    "os.rename": lambda _, path, *__: _made(path),
    "os.link": lambda _, path, *__: _made(path),
    "os.symlink": lambda _, path, *__: _made(path),
    "sqlite3.connect": _database,
    "ctypes.dlopen": _loaded,
    "socket.connect": _connected,
    "subprocess.Popen": _started,
    "os.system": _started,
    "os.posix_spawn": _started,
    "os.spawn": lambda _, program, *__: _started(program),
}
"""By the name of an event, a function from its arguments to the access, if it is one."""
