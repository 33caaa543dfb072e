"""Translation of Python's audit events into accesses to files, folders, modules and programs.

https://docs.python.org/3/library/audit_events.html lists all events.
"""

from __future__ import annotations

import glob
import os
import urllib.parse
from collections.abc import Callable
from typing import Literal, NamedTuple

AccessKind = Literal[
    "open", "database", "list", "match", "extension", "make", "move", "connect", "start", "fork"
]

_COMPILED = (".so", ".pyd", ".dylib", ".dll")
_UNNAMED = getattr(os, "O_TMPFILE", 0)


class Access(NamedTuple):
    """An access: a file or database is opened for reading, a folder listed, paths matched with a
    pattern, a compiled module loaded, a file made or moved, a connection opened, a program started
    or this process forked.

    `name` is the absolute path or pattern, or the connection or program. `source` is the former
    path of a moved file.
    """

    kind: AccessKind
    name: str
    source: str = ""


def _opened(path: object, mode: object, flags: object) -> Access | None:
    if (file := _path(path)) is None or not isinstance(flags, int):
        return None  # a number is a file that is open already
    if _UNNAMED and flags & _UNNAMED == _UNNAMED:
        return None
    exists = os.path.lexists(file)
    is_written_only = flags & os.O_ACCMODE == os.O_WRONLY
    if flags & os.O_CREAT and not exists:
        return Access("make", file)
    if flags & os.O_CREAT and flags & os.O_EXCL:
        return None  # fails, because the file exists
    if flags & os.O_TRUNC:
        can_be_emptied = not os.path.isdir(file) and os.access(file, os.W_OK)  # noqa: PTH112
        return Access("make", file) if can_be_emptied else None
    return None if is_written_only else Access("open", file)


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
    """Read a new path; the event precedes the call, which fails if the path exists."""
    made = _path(path)
    return None if made is None or os.path.lexists(made) else Access("make", made)


def _moved(source: object, target: object, *_: object) -> Access | None:
    origin, made = _path(source), _path(target)
    if origin is None or made is None or os.path.isdir(made):  # noqa: PTH112
        return None
    return Access("move", made, origin)


def _linked(source: object, target: object, *_: object) -> Access | None:
    is_new = _made(target) is not None
    return _moved(source, target) if is_new else None


def _database(path: object, *_: object) -> Access | None:
    if isinstance(path, (str, bytes)) and os.fsdecode(path).startswith("file:"):
        path = urllib.parse.unquote(urllib.parse.urlsplit(os.fsdecode(path)).path)
    file = _path(path)
    is_file = file is not None and os.path.isfile(file)  # noqa: PTH113
    return Access("database", file) if is_file and file is not None else None


def _connected(_: object, address: object) -> Access | None:
    if isinstance(address, tuple):
        return Access("connect", f"a connection to {address[0]}:{address[1]}")
    if isinstance(address, (str, bytes)):
        return Access("connect", f"a connection to {os.fsdecode(address)}")
    return None


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
    "os.rename": _moved,
    "os.link": _linked,
    "os.symlink": lambda _, path, *__: _made(path),
    "sqlite3.connect": _database,
    "ctypes.dlopen": _loaded,
    "socket.connect": _connected,
    "subprocess.Popen": _started,
    "os.system": _started,
    "os.exec": _started,
    "os.posix_spawn": _started,
    "os.spawn": lambda _, program, *__: _started(program),
    "os.startfile": _started,
    "pty.spawn": _started,
    "_winapi.CreateProcess": _started,
    "os.fork": lambda: Access("fork", "a fork of the process"),
    "os.forkpty": lambda: Access("fork", "a fork of the process"),
}
"""By the name of an event, a function from its arguments to the access, if it is one."""
