"""A wall around the building of models, which refuses what no model does.

An audit hook stops actions that a detector never needs: to start a process, open a connection or a
file that is not of Python, evaluate text, or import a module of unknown origin. It is not a
sandbox: it does not see code in C. It is the second protection, in case the first one, by which
files are read as data, missed something.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_detgate.detector.audit_hook import listening
from pytest_detgate.detector.packages import python_folders
from pytest_detgate.errors import DetectorError

_NETWORK = (
    *("socket.", "ssl.", "urllib.", "http.", "ftplib.", "smtplib.", "poplib.", "imaplib."),
    *("nntplib.", "telnetlib.", "webbrowser."),
)
# Prefixes of the names of events, by the action that they announce.
_REFUSED: dict[str, tuple[str, ...]] = {
    "start a process": (
        *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile"),
        *("subprocess.", "pty.", "_winapi.CreateProcess", "_posixsubprocess."),
    ),
    "use the network": _NETWORK,
    "change files": (
        *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.utime"),
        *("os.truncate", "os.chmod", "os.chown", "os.lchown", "os.chflags", "os.setxattr"),
        *("os.removexattr", "os.chdir", "shutil.", "tempfile.", "sqlite3."),
    ),
    "run code": (
        *("code.__new__", "function.__new__", "pickle.find_class", "marshal.dumps", "ctypes."),
        *("cpython.run_", "builtins.input", "builtins.breakpoint"),
    ),
    "change this process": ("_thread.start_", "sys.addaudithook", "sys.settrace", "sys.setprofile"),
}

# Modules of Python that act when they are imported.
_ACTIVE = frozenset({"antigravity", "idlelib", "this", "turtledemo", "__main__"})
# Modules of Python that evaluate text composed of names.
_EVALUATES = frozenset({"collections", "dataclasses", "typing", "enum", "inspect", "functools"})
# What packages do while they are imported: SciPy and older NumPy make functions of functions.
_OF_MODULES = ("ctypes.", "code.__new__", "function.__new__")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/nvidia")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Stack = list[types.FrameType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """What a wall lets through, and how it reports the rest."""

    refusal: Callable[[str], DetectorError]
    """The error for an action that is refused, such as "start a process (os.system: 'ls')"."""
    packages: frozenset[str] | None = None
    """Packages whose modules may be imported; None: all that are installed."""
    folder: Path | None = None
    """A folder whose files may be read."""
    imports_may_act: bool = False
    """Whether installed modules may change files and start processes while they are imported."""
    evaluates: Callable[[str, types.CodeType | None], bool] = lambda caller, code: False
    """Whether a module may evaluate this text; the code is None before it is compiled."""


def loading_wall(
    source: str, *, trust: bool, folder: Path | None = None
) -> AbstractContextManager[None]:
    """Return the wall around the loading of a model whose files may name parts of installed
    packages alone; there is none if `source`, its path, is trusted.

    The files of `folder` may be read. Packages import parts of themselves when they are first used,
    and may then ask for the properties of the machine.
    """
    if trust:
        return contextlib.nullcontext()

    def refusal(action: str) -> DetectorError:
        return DetectorError(
            f"{source}: refused, because while the model was loaded, it tried to {action}. Allow "
            "this checkpoint with --detgate-trust-checkpoint"
        )

    return walled(Wall(refusal=refusal, folder=folder, imports_may_act=True))


class _RefusedImportError(DetectorError, ImportError):
    """A refused import: to code that can do without the module, it seems to be missing."""


@contextlib.contextmanager
def walled(wall: Wall, within: AbstractContextManager[object] | None = None) -> Iterator[None]:
    """Refuse actions of this thread that no model needs, with a `DetectorError`.

    It is raised again at the end of the block if the code has suppressed it. The block is run
    `within` this context.
    """
    refused: list[DetectorError] = []
    outside = len(_stack())

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if (action := _refused_action(wall, event, arguments, outside)) is not None:
            error = wall.refusal(action)
            refused.append(_RefusedImportError(str(error)) if event == "import" else error)
            raise refused[-1]

    tempfile.gettempdir()  # its first call, by a module that torch imports, writes a file
    # Python writes compiled modules to files; and garbage that is collected here may belong to
    # other code, whose temporary files are then removed.
    writes, collects = sys.dont_write_bytecode, gc.isenabled()
    sys.dont_write_bytecode = True
    gc.disable()
    try:
        with listening(on_event, all_threads=False), within or contextlib.nullcontext():
            yield
    except Exception as error:
        if refused and error is not refused[-1]:
            raise refused[-1] from error
        raise
    finally:
        sys.dont_write_bytecode = writes
        if collects:
            gc.enable()
    for refusal in refused:
        if not isinstance(refusal, ImportError):
            raise refusal


def _refused_action(wall: Wall, event: str, arguments: tuple[Any, ...], outside: int) -> str | None:
    """Return the action of an event if it is refused; `outside` frames of the stack are outside of
    the restricted block."""
    if event in ("import", "compile", "exec"):
        inside = _stack()[: -outside or None]
        if event == "import":
            return _imported(wall, arguments[0], arguments[1], inside)
        if event == "compile":
            return _evaluated(wall, arguments[1], None, inside)
        return _evaluated(wall, arguments[0].co_filename, arguments[0], inside)
    action = _opened(wall, *arguments) if event == "open" else _named(event, arguments)
    if action is None:
        return None
    may_act = wall.imports_may_act and not event.startswith(_NETWORK)
    if may_act or event.startswith(_OF_MODULES):
        return None if _in_a_module(_stack()[: -outside or None]) else action
    return action


def _named(event: str, arguments: tuple[Any, ...]) -> str | None:
    for action, names in _REFUSED.items():
        if event.startswith(names):
            shown = ", ".join(repr(argument)[:80] for argument in arguments[:2])
            return f"{action} ({event}: {shown})"
    return None


def _opened(wall: Wall, path: Any, mode: Any, flags: Any) -> str | None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None  # a file that is open already
    file = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
    is_written = isinstance(flags, int) and flags & _WRITES
    is_written = is_written or (isinstance(mode, str) and not set("wax+").isdisjoint(mode))
    if is_written and file != os.devnull:
        return f"write a file ({file!r})"
    is_archive = file in sys.path and file.endswith(".zip")  # of modules, as Python's own
    own = () if wall.folder is None else (f"{wall.folder.absolute()}{os.sep}",)
    readable = (*python_folders(), *own, "/proc/", "/sys/", *_DEVICES)
    if not is_archive and not file.startswith(readable):
        return f"open a file ({file!r})"
    return None


def _imported(wall: Wall, name: Any, file: Any, inside: Stack) -> str | None:
    if isinstance(file, str) and not file.startswith(python_folders()):
        return f"import {name!r} from {file!r}"
    return None if _may_be_imported(wall, str(name), inside) else f"import {name!r}"


def _may_be_imported(wall: Wall, name: str, inside: Stack) -> bool:
    package = name.partition(".")[0]
    known = wall.packages is None or package in (wall.packages | sys.stdlib_module_names)
    return (known and package not in _ACTIVE) or _in_a_module(inside)


def _evaluated(wall: Wall, file: Any, code: types.CodeType | None, inside: Stack) -> str | None:
    """Return the action if text is evaluated; imported modules have a file of Python."""
    name = os.fsdecode(file) if isinstance(file, (str, bytes)) else ""
    if folders := [folder for folder in python_folders() if name.startswith(folder)]:
        # Not every import has an event.
        folder = max(folders, key=len)
        module = name[len(folder) :].partition(os.sep)[0].removesuffix(".py")
        package = os.path.basename(folder.rstrip(os.sep))  # noqa: PTH119
        is_known = wall.packages is None or package in wall.packages
        return None if is_known or _may_be_imported(wall, module, inside) else f"import {module!r}"
    caller = str(inside[0].f_globals.get("__name__", "")) if inside else ""
    if name.startswith("<frozen ") or caller in _EVALUATES or _in_a_module(inside):
        return None
    if wall.evaluates(caller, code):
        return None
    return f"evaluate text, in {caller}"


def _stack() -> Stack:
    """Return the frames of this thread, the innermost first, without those of this module."""
    frame: types.FrameType | None = sys._getframe()
    own = (__name__, listening.__module__, contextlib.__name__)
    frames: Stack = []
    while frame is not None:
        if frames or frame.f_globals.get("__name__") not in own:
            frames.append(frame)
        frame = frame.f_back
    return frames


def _in_a_module(inside: Stack) -> bool:
    """Return whether a module of an installed package is being imported.

    Its import was allowed, so it may import and load what it needs, and evaluate its own text.
    """
    folders = python_folders()
    return any(
        frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(folders)
        for frame in inside
    )
