"""State of files, folders and environment variables that a model depends on.

The state of a file is its content, that of a folder the names in it, that of a pattern the paths
that match it, and that of an environment variable a digest of its value, which may be a secret.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import Signature, file_digests
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.regular_file import sha256_of_file

MISSING, FOLDER, SPECIAL = "missing", "folder", "special"
NO_FILE = (MISSING, FOLDER, SPECIAL)
"""States of a path that is not a regular file."""

ALL_VARIABLES = "*"
"""Name of the whole environment among the names of variables."""

# They describe how a process runs, and differ between machines, terminals, workers and tests.
_OF_THE_PROCESS = re.compile(
    r"(CUDA|NVIDIA|OMP|MKL|OPENBLAS|KMP|RAY|XDG|LC|PYTEST|SSH|XPC|GITHUB_RUN|RUNNER)_.*|_.*|"
    r"PATH|LD_LIBRARY_PATH|PYTHONPATH|HOME|PWD|OLDPWD|TMPDIR|TEMP|TMP|USER|LOGNAME|USERNAME|"
    r"USERPROFILE|HOSTNAME|SHELL|SHLVL|LANG|LANGUAGE|TERM|COLUMNS|LINES|DISPLAY|"
    r"RANK|LOCAL_RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT"
)


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """The dependencies of a model or a training, by absolute path.

    `files` has the SHA-256 of each file that was opened or imported; `lookups` kind, size and time
    of files whose status alone was read; `absent` the kind of paths at which a module would be
    found, or found before the one that was; `folders` and `patterns` a digest of the names that
    were listed; `environment` a digest of the value of each variable. `hidden` are reasons why
    there may be dependencies that were not recorded.
    """

    files: dict[str, str] = {}
    lookups: dict[str, str] = {}
    absent: dict[str, str] = {}
    folders: dict[str, str] = {}
    patterns: dict[str, str] = {}
    environment: dict[str, str] = {}
    hidden: tuple[str, ...] = ()

    def with_folder(self, here: str, there: str) -> Dependencies:
        """Return the same with the folder `here` replaced by `there` in all paths."""

        def named(names: dict[str, str]) -> dict[str, str]:
            return {name.replace(here, there, 1): state for name, state in names.items()}

        return msgspec.structs.replace(
            self,
            files=named(self.files),
            lookups=named(self.lookups),
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
            "folders": relative(self.folders),
            "patterns": relative(self.patterns),
            "environment": self.environment,
        }
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()

    def are_unchanged(self, cache: Cache, *, by_kind: bool = False) -> bool:
        """Return whether everything has its recorded state; unchanged files are not hashed again.

        With `by_kind` only the kind of lookups counts, not size and time.
        """
        lookups = self.lookups | self.absent
        part = kind_of_lookup if by_kind else str
        return (
            all(variable_state(name) == state for name, state in self.environment.items())
            and all(part(lookup_state(name)) == part(state) for name, state in lookups.items())
            and all(listing_state(name) == state for name, state in self.folders.items())
            and all(pattern_state(name) == state for name, state in self.patterns.items())
            and file_states(self.files, cache) == self.files
        )


def file_states(paths: Iterable[str], cache: Cache) -> dict[str, str]:
    """Return the state of each file, as `file_state` does."""
    kinds = {path: _kind(path) for path in paths}
    regular = file_digests([Path(path) for path, kind in kinds.items() if not kind], cache)

    def state(path: str, kind: str) -> str:
        if kind:
            return kind
        digest = regular[Path(path)]
        return SPECIAL if isinstance(digest, UnreadableImage) else digest

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
    """Return a digest of the names in a folder, without hidden files and caches of Python."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except (OSError, ValueError):
        return MISSING
    return _digest(sorted(n for n in names if not n.startswith(".") and n != "__pycache__"))


def pattern_state(pattern: str) -> str:
    """Return a digest of the paths that match an absolute pattern of `glob`."""
    try:
        paths = glob.glob(pattern, recursive=True)  # noqa: PTH207
    except (OSError, ValueError):
        return MISSING
    start = os.path.dirname(_fixed_part(pattern))  # noqa: PTH120
    return _digest(sorted(path.removeprefix(start) for path in paths))


def variable_state(name: str) -> str:
    """Return a digest of the value of an environment variable now; `MISSING` if it is not set."""
    if name == ALL_VARIABLES:
        variables = {key: value for key, value in os.environ.items() if not is_of_process(key)}
        return _digest(sorted(f"{key}={value}" for key, value in variables.items()))
    return value_state(os.environ.get(name))


def is_of_process(name: str) -> bool:
    """Return whether a variable only describes how a process runs.

    Packages read such variables whether or not the calling code knows of them.
    """
    return _OF_THE_PROCESS.fullmatch(name) is not None


def value_state(value: str | None) -> str:
    """Return a digest of the value of an environment variable."""
    return MISSING if value is None else _digest([value])


def _kind(path: str) -> str:
    """Return the kind of a path; empty for a regular file."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return MISSING
    if stat.S_ISREG(mode):
        return ""
    return FOLDER if stat.S_ISDIR(mode) else SPECIAL


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


def _fixed_part(pattern: str) -> str:
    wildcards = (index for index in map(pattern.find, "*?[") if index >= 0)
    return pattern[: min(wildcards, default=len(pattern))]


def _relative(folder: Path, path: str) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path
