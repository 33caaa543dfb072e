"""Python's audit events, as far as they tell what is looked at, in a few words of our own.

https://docs.python.org/3/library/audit_events.html has them all.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from typing import Literal, NamedTuple

Looks = Literal["open", "list", "match", "extension", "make", "connect", "start"]

_COMPILED = (".so", ".pyd", ".dylib", ".dll")


class Look(NamedTuple):
    """A file is opened for reading, a folder listed, paths matched with a pattern, a compiled
    module loaded, a file made, another machine asked or a process started; `name` is the absolute
    path or pattern, or what is asked or started."""

    kind: Looks
    name: str


def _opened(path: object, mode: object, flags: object) -> Look | None:
    if (file := _path(path)) is None or not isinstance(flags, int):
        return None  # a number stands for a file that is open already
    if flags & os.O_TRUNC or flags & os.O_EXCL or flags & os.O_ACCMODE == os.O_WRONLY:
        return Look("make", file)
    if flags & os.O_CREAT and not os.path.exists(file):  # noqa: PTH110
        return Look("make", file)
    return Look("open", file)


def _listed(folder: object = None, *_: object) -> Look | None:
    path = _path("." if folder is None else folder)
    return None if path is None else Look("list", path)


def _matched(pattern: object, recursive: object, root: object, *_: object) -> Look | None:
    if not isinstance(pattern, (str, bytes)):
        return None
    folder = glob.escape(os.fsdecode(root)) if isinstance(root, (str, bytes, os.PathLike)) else ""
    return _pattern(folder, os.fsdecode(pattern))


def _pattern(*parts: str) -> Look:
    return Look("match", os.path.abspath(os.path.join(*parts)))  # noqa: PTH100, PTH118


def _imported(module: object, file: object = None, *_: object) -> Look | None:
    """Python code is opened like any other file; only compiled modules are told by this event."""
    path = _path(file)
    is_compiled = path is not None and path.endswith(_COMPILED)
    return Look("extension", path) if is_compiled and path is not None else None


def _loaded(name: object) -> Look | None:
    path = _path(name)
    is_file = path is not None and os.path.isfile(path)  # noqa: PTH113
    return Look("extension", path) if is_file and path is not None else None


def _made(path: object, *_: object) -> Look | None:
    made = _path(path)
    return None if made is None else Look("make", made)


def _database(path: object, *_: object) -> Look | None:
    file = _path(path)
    is_file = file is not None and os.path.isfile(file)  # noqa: PTH113
    return Look("open", file) if is_file and file is not None else None


def _connected(_: object, address: object) -> Look | None:
    # Any other address is that of a process of this machine, such as a worker of our own.
    if not isinstance(address, tuple):
        return None
    return Look("connect", f"a connection to {address[0]}:{address[1]}")


def _started(program: object, *_: object) -> Look:
    name = program if isinstance(program, (str, bytes, os.PathLike)) else "?"
    return Look("start", f"the program {os.fsdecode(name).split(' ')[0]}")


def _path(path: object) -> str | None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100


LOOKS: dict[str, Callable[..., Look | None]] = {
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
"""By the name of an event, what its arguments say is looked at, if anything."""
