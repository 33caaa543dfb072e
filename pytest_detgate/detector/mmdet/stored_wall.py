"""The second protection, beside the list of known parts: it refuses what no model does.

While a model of a stored configuration is built, and while it runs, an audit hook stops actions
that a detector never needs: to start a process, open a connection or a file that is not of Python,
evaluate text, or import a module of unknown origin. It is not a sandbox: it does not see code in C.
It exists in case the review of the parts missed something.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pytest_detgate.detector.audit_hook import listening
from pytest_detgate.detector.mmdet.stored_parts import known_parts, known_parts_only, not_used
from pytest_detgate.detector.packages import python_folders
from pytest_detgate.errors import DetectorError

# Prefixes of the names of events, by the action that they announce.
_REFUSED: dict[str, tuple[str, ...]] = {
    "start a process": (
        *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile"),
        *("subprocess.", "pty.", "_winapi.CreateProcess", "_posixsubprocess."),
    ),
    "use the network": (
        *("socket.", "ssl.", "urllib.", "http.", "ftplib.", "smtplib.", "poplib.", "imaplib."),
        *("nntplib.", "telnetlib.", "webbrowser."),
    ),
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

# Packages whose modules may be imported at this time.
_PACKAGES = frozenset(
    {
        *("torch", "torchvision", "torchgen", "functorch", "triton", "mmengine", "mmcv", "mmdet"),
        *("numpy", "cv2", "PIL", "scipy", "pycocotools", "shapely", "matplotlib", "sklearn"),
        *("skimage", "fairscale", "lap", "joblib", "threadpoolctl", "terminaltables", "rich"),
        *("yaml", "addict", "yapf", "termcolor", "packaging", "sympy", "mpmath", "networkx"),
        *("jinja2", "markupsafe", "fsspec", "filelock", "typing_extensions", "six", "regex"),
        *("psutil", "dateutil", "torch_npu", "torch_mlu", "pytest_detgate"),
    }
)
# Modules of Python that act when they are imported.
_ACTIVE = frozenset({"antigravity", "idlelib", "this", "turtledemo", "__main__"})
# Modules of Python that evaluate text composed of names.
_EVALUATES = frozenset({"collections", "dataclasses", "typing", "enum", "inspect", "functools"})
# What packages do while they are imported: SciPy and older NumPy make functions of functions.
_OF_MODULES = ("ctypes.", "code.__new__", "function.__new__")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/nvidia")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Stack = list[types.FrameType]


@dataclass(frozen=True, slots=True)
class Guard:
    """Restricts a model to what a detector needs, if its configuration comes from a checkpoint.

    `source` is that checkpoint. Without it the configuration is that of the project, and nothing is
    restricted.
    """

    source: str | None = None

    def building(self) -> AbstractContextManager[None]:
        """Restrict the building of the model by the names of its parts."""
        return self._while("while the model was built")

    def running(self) -> AbstractContextManager[None]:
        """Restrict the model, or a transform of its pipeline, while it runs."""
        return self._while("while the model ran")

    @contextlib.contextmanager
    def _while(self, doing: str) -> Iterator[None]:
        if self.source is None:
            yield
            return
        with walled(self.source, doing), known_parts_only(self.source):
            yield


class _RefusedImportError(DetectorError, ImportError):
    """A refused import: to code that can do without the module, it seems to be missing."""


@contextlib.contextmanager
def walled(source: str, doing: str) -> Iterator[None]:
    """Refuse actions of this thread that no model needs, with a `DetectorError`.

    It is raised again at the end of the block if the code has suppressed it. `doing` says in which
    phase it happened.
    """
    refused: list[DetectorError] = []
    outside = len(_stack())

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if (action := _refused_action(event, arguments, outside)) is not None:
            error = not_used(source, f"{doing}, it tried to {action}")
            refused.append(_RefusedImportError(str(error)) if event == "import" else error)
            raise refused[-1]

    tempfile.gettempdir()  # its first call, by a module that torch imports, writes a file
    # Python writes compiled modules to files; and garbage that is collected here may belong to
    # other code, whose temporary files are then removed.
    writes, collects = sys.dont_write_bytecode, gc.isenabled()
    sys.dont_write_bytecode = True
    gc.disable()
    try:
        with listening(on_event, all_threads=False):
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


def _refused_action(event: str, arguments: tuple[Any, ...], outside: int) -> str | None:
    """Return the action of an event if it is refused; `outside` frames of the stack are outside of
    the restricted block."""
    if event == "open":
        return _opened(*arguments)
    if event.startswith(("import", "compile", "exec", *_OF_MODULES)):
        inside = _stack()[: -outside or None]
        if event.startswith(_OF_MODULES) and _in_a_module(inside):
            return None
        if event == "import":
            return _imported(arguments[0], arguments[1], inside)
        if event == "compile":
            return _evaluated(arguments[1], None, inside)
        if event == "exec":
            return _evaluated(arguments[0].co_filename, arguments[0], inside)
    for action, names in _REFUSED.items():
        if event.startswith(names):
            shown = ", ".join(repr(argument)[:80] for argument in arguments[:2])
            return f"{action} ({event}: {shown})"
    return None


def _opened(path: Any, mode: Any, flags: Any) -> str | None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None  # a file that is open already
    file = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
    is_written = isinstance(flags, int) and flags & _WRITES
    is_written = is_written or (isinstance(mode, str) and not set("wax+").isdisjoint(mode))
    if is_written and file != os.devnull:
        return f"write a file ({file!r})"
    is_archive = file in sys.path and file.endswith(".zip")  # of modules, as Python's own
    if not is_archive and not file.startswith((*python_folders(), "/proc/", "/sys/", *_DEVICES)):
        return f"open a file ({file!r})"
    return None


def _imported(name: Any, file: Any, inside: Stack) -> str | None:
    if isinstance(file, str) and not file.startswith(python_folders()):
        return f"import {name!r} from {file!r}"
    return None if _may_be_imported(str(name), inside) else f"import {name!r}"


def _may_be_imported(name: str, inside: Stack) -> bool:
    package = name.partition(".")[0]
    known = package not in _ACTIVE and package in (_PACKAGES | sys.stdlib_module_names)
    return known or _in_a_module(inside)


def _evaluated(file: Any, code: types.CodeType | None, inside: Stack) -> str | None:
    """Return the action if text is evaluated; imported modules have a file of Python."""
    name = os.fsdecode(file) if isinstance(file, (str, bytes)) else ""
    if folders := [folder for folder in python_folders() if name.startswith(folder)]:
        # Not every import has an event.
        folder = max(folders, key=len)
        module = name[len(folder) :].partition(os.sep)[0].removesuffix(".py")
        is_known = os.path.basename(folder.rstrip(os.sep)) in _PACKAGES  # noqa: PTH119
        return None if is_known or _may_be_imported(module, inside) else f"import {module!r}"
    caller = str(inside[0].f_globals.get("__name__", "")) if inside else ""
    if name.startswith("<frozen ") or caller in _EVALUATES or _in_a_module(inside):
        return None
    if caller == "mmcv.ops.nms":  # evaluates the name of an operator
        names = () if code is None else code.co_names
        if code is None or (len(names) == 1 and f"mmcv.ops.{names[0]}" in known_parts()):
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
