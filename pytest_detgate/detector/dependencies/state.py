"""State of files, folders and environment variables that a model depends on.

The state of a file is its content, that of a folder the names in it, that of a pattern the paths
that match it, and that of an environment variable a digest of its value, which may be a secret.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import Signature, file_digests
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.detector.dependencies.installed import package_state
from pytest_detgate.detector.dependencies.variables import MISSING, digest, variable_state
from pytest_detgate.detector.key_digest import key_digest
from pytest_detgate.regular_file import sha256_of_file

FOLDER, SPECIAL = "folder", "special"
NO_FILE = (MISSING, FOLDER, SPECIAL)
"""States of a path that is not a regular file."""

# Tools and the system make and remove them beside the files of a project.
_NOT_LISTED = re.compile(
    r"__pycache__|\.(git|hg|svn|venv|tox|nox|idea|vscode|ipynb_checkpoints|DS_Store|hypothesis|"
    r"(pytest|mypy|ruff)_cache|coverage.*|nfs.*|.*\.sw[op])"
)


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """The dependencies of a model or a training, by absolute path.

    `files` has the SHA-256 of each file that was opened or imported; `lookups` kind, size and time
    of files whose status alone was read; `questions` the answers to other questions about files
    and modules, as `question_state` returns them; `absent` the kind of paths at which a module
    would be found, or found before the one that was; `folders` and `patterns` a digest of the names
    that were listed; `environment` a digest of the value of each variable; `packages` the state of
    each installed package, as `package_state` returns it. `hidden` are reasons why there may be
    dependencies that were not recorded.
    """

    files: dict[str, str] = {}
    lookups: dict[str, str] = {}
    questions: dict[str, str] = {}
    absent: dict[str, str] = {}
    folders: dict[str, str] = {}
    patterns: dict[str, str] = {}
    environment: dict[str, str] = {}
    packages: dict[str, str] = {}
    hidden: tuple[str, ...] = ()

    def with_folder(self, here: str, there: str) -> Dependencies:
        """Return the same with the folder `here` replaced by `there` in all paths."""

        def named(names: dict[str, str]) -> dict[str, str]:
            return {name.replace(here, there, 1): state for name, state in names.items()}

        return msgspec.structs.replace(
            self,
            files=named(self.files),
            lookups=named(self.lookups),
            questions=named(self.questions),
            absent=named(self.absent),
            folders=named(self.folders),
            patterns=named(self.patterns),
            hidden=tuple(reason.replace(here, there) for reason in self.hidden),
        )

    def sha256(self, folder: Path) -> str:
        """Return a digest with all paths relative to a folder: the same for a copy elsewhere.

        `absent` is left out: the files of the modules that were found instead are included.
        """

        def relative(names: dict[str, str]) -> dict[str, str]:
            return {_relative(folder, name): state for name, state in names.items()}

        parts = {
            "files": relative(self.files),
            "lookups": {name: kind_of_lookup(s) for name, s in relative(self.lookups).items()},
            "questions": {_relative_question(folder, q): a for q, a in self.questions.items()},
            "folders": relative(self.folders),
            "patterns": relative(self.patterns),
            "environment": self.environment,
            "packages": self.packages,
        }
        return key_digest(parts)

    def are_unchanged(self, cache: Cache, *, by_kind: bool = False) -> bool:
        """Return whether everything has its recorded state; unchanged files are not hashed again.

        With `by_kind` only the kind of lookups counts, not size and time.
        """
        lookups = self.lookups | self.absent
        part = kind_of_lookup if by_kind else str
        return (
            all(variable_state(name) == state for name, state in self.environment.items())
            and all(part(lookup_state(name)) == part(state) for name, state in lookups.items())
            and all(question_state(name) == state for name, state in self.questions.items())
            and all(listing_state(name) == state for name, state in self.folders.items())
            and all(pattern_state(name) == state for name, state in self.patterns.items())
            and all(package_state(name) == state for name, state in self.packages.items())
            and file_states(self.files, cache) == self.files
        )


def file_states(paths: Iterable[str], cache: Cache) -> dict[str, str]:
    """Return the state of each file, as `file_state` does."""
    kinds = {path: _kind(path) for path in paths}
    regular = file_digests([Path(path) for path, kind in kinds.items() if not kind], cache)

    def state(path: str, kind: str) -> str:
        if kind:
            return kind
        sha256 = regular[Path(path)]
        return SPECIAL if isinstance(sha256, UnreadableImage) else sha256

    return {path: state(path, kind) for path, kind in kinds.items()}


def file_state(path: str) -> str:
    """Return the SHA-256 of a regular file; `MISSING`, `FOLDER` or `SPECIAL` for other paths, which
    are not read."""
    if kind := _kind(path):
        return kind
    try:
        return sha256_of_file(path)
    except OSError:
        return SPECIAL


def file_signature(path: str) -> Signature | None:
    """Return the signature of a file; None if it is missing."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return Signature.of(status)


def lookup_state(path: str) -> str:
    """Return kind, size and time of a regular file; the kind alone of another path."""
    kind = _kind(path)
    if kind:
        return kind
    seen = file_signature(path)
    return MISSING if seen is None else f"file {seen.size} {seen.mtime_ns}"


def kind_of_lookup(state: str) -> str:
    """Return the kind alone from a `lookup_state`."""
    return state.partition(" ")[0]


def listing_state(folder: str) -> str:
    """Return a digest of the names in a folder, without caches of tools."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except (OSError, ValueError):
        return MISSING
    return digest(sorted(name for name in names if not _NOT_LISTED.fullmatch(name)))


def pattern_state(pattern: str) -> str:
    """Return a digest of the paths that match an absolute pattern of `glob`."""
    try:
        paths = _matching(pattern)
    except (OSError, ValueError):
        return MISSING
    start = os.path.dirname(_fixed_part(pattern))  # noqa: PTH120
    names = (path.removeprefix(start) for path in paths)
    return digest(
        sorted(name for name in names if not any(map(_NOT_LISTED.fullmatch, Path(name).parts)))
    )


def _matching(pattern: str) -> list[str]:
    """Return the paths that match, also hidden ones, which `Path.glob` finds."""
    if sys.version_info >= (3, 11):
        return glob.glob(pattern, recursive=True, include_hidden=True)  # noqa: PTH207
    return glob.glob(pattern, recursive=True)  # noqa: PTH207


def question_state(question: str) -> str:
    """Return the answer to a question: its kind, a space, and a path or the name of a module.

    `link` asks for the target of a link, else the kind of the path; `size` and `time` for those of
    a file; `access-MODE` whether it can be accessed. A `module` was not found when it was imported.
    """
    what, path = question.split(" ", 1)
    if what == "module":
        return MISSING
    try:
        if what == "link":
            return f"to {os.readlink(path)}" if os.path.islink(path) else _kind(path) or "file"  # noqa: PTH114, PTH115
        if what.startswith("access-"):
            return str(os.access(path, int(what.removeprefix("access-"))))
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return MISSING
    return str(status.st_size if what == "size" else status.st_mtime_ns)


def _kind(path: str) -> str:
    """Return the kind of a path; empty for a regular file."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return MISSING
    if stat.S_ISREG(mode):
        return ""
    return FOLDER if stat.S_ISDIR(mode) else SPECIAL


def _fixed_part(pattern: str) -> str:
    wildcards = (index for index in map(pattern.find, "*?[") if index >= 0)
    return pattern[: min(wildcards, default=len(pattern))]


def _relative(folder: Path, path: str) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path


def _relative_question(folder: Path, question: str) -> str:
    kind, name = question.split(" ", 1)
    return f"{kind} {_relative(folder, name) if os.path.isabs(name) else name}"  # noqa: PTH117


STATES: dict[str, Callable[[str], object]] = {
    "file": file_signature,
    "module": file_signature,
    "lookup": lookup_state,
    "question": question_state,
    "absent": lookup_state,
    "folder": listing_state,
    "pattern": pattern_state,
    "variable": variable_state,
    "package": lambda _: None,
    "hidden": lambda _: None,
}
"""By the kind of a note, a function from its name to its state now."""
