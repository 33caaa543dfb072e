"""Everything that was looked at, with its content: the state of the world that a model is made in.

Files are known by their content, folders by the names in them, patterns by what matches them, and
environment variables by a digest of their value, which may be a secret.
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
"""States of a path that is no regular file."""

ALL_VARIABLES = "*"
"""Stands for the whole environment among the names of variables."""

# Say where and how a process runs, and differ between machines, terminals, workers and tests.
_OF_THE_PROCESS = re.compile(
    r"(CUDA|NVIDIA|OMP|MKL|OPENBLAS|KMP|RAY|XDG|LC|PYTEST|SSH|XPC|GITHUB_RUN|RUNNER)_.*|_.*|"
    r"PATH|LD_LIBRARY_PATH|PYTHONPATH|HOME|PWD|OLDPWD|TMPDIR|TEMP|TMP|USER|LOGNAME|USERNAME|"
    r"USERPROFILE|HOSTNAME|SHELL|SHLVL|LANG|LANGUAGE|TERM|COLUMNS|LINES|DISPLAY|"
    r"RANK|LOCAL_RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT"
)


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """What something was made from.

    `files` has the SHA-256 of each file that was opened or imported, by its absolute path;
    `lookups` kind, size and time of what was only asked for; `absent` the kind of what is where a
    module would be found, or found before the one that was; `folders` and `patterns` a digest of
    the names that were listed; `environment` a digest of each variable's value. `hidden` are
    reasons why it may depend on more than is seen.
    """

    files: dict[str, str] = {}
    lookups: dict[str, str] = {}
    absent: dict[str, str] = {}
    folders: dict[str, str] = {}
    patterns: dict[str, str] = {}
    environment: dict[str, str] = {}
    hidden: tuple[str, ...] = ()

    def with_others(self, other: Dependencies) -> Dependencies:
        """These and the others, of which those win that both have."""
        return Dependencies(
            files=self.files | other.files,
            lookups=self.lookups | other.lookups,
            absent=self.absent | other.absent,
            folders=self.folders | other.folders,
            patterns=self.patterns | other.patterns,
            environment=self.environment | other.environment,
            hidden=tuple(dict.fromkeys([*self.hidden, *other.hidden])),
        )

    def with_folder(self, here: str, there: str) -> Dependencies:
        """The same with all that lies in one folder in another one."""

        def named(names: dict[str, str]) -> dict[str, str]:
            return {name.replace(here, there, 1): held for name, held in names.items()}

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
        """A digest of content, with every path as it is seen from a folder: the same for a copy
        of all elsewhere. A module that is not there is known by the files of those that are."""

        def seen(names: dict[str, str]) -> dict[str, str]:
            return {_from(folder, name): held for name, held in names.items()}

        parts = {
            "files": seen(self.files),
            "lookups": {name: kind_of_lookup(s) for name, s in seen(self.lookups).items()},
            "folders": seen(self.folders),
            "patterns": seen(self.patterns),
            "environment": self.environment,
        }
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()

    def hold(self, cache: Cache, *, by_kind: bool = False) -> bool:
        """Whether everything is as it was; digests of files that did not change are not made
        again. With `by_kind` the size and time of what was only asked for do not count."""
        asked_for = self.lookups | self.absent
        same = kind_of_lookup if by_kind else str
        return (
            all(variable_state(name) == held for name, held in self.environment.items())
            and all(same(lookup_state(name)) == same(held) for name, held in asked_for.items())
            and all(listing_state(name) == held for name, held in self.folders.items())
            and all(pattern_state(name) == held for name, held in self.patterns.items())
            and file_states(self.files, cache) == self.files
        )


def file_states(paths: Iterable[str], cache: Cache) -> dict[str, str]:
    """The state of each file, as `file_state` tells it."""
    kinds = {path: _kind(path) for path in paths}
    regular = file_digests([Path(path) for path, kind in kinds.items() if not kind], cache)

    def state(path: str, kind: str) -> str:
        if kind:
            return kind
        answer = regular[Path(path)]
        return SPECIAL if isinstance(answer, UnreadableImage) else answer

    return {path: state(path, kind) for path, kind in kinds.items()}


def file_state(path: str) -> str:
    """The SHA-256 of a regular file; else `MISSING`, `FOLDER` or `SPECIAL`, of which nothing is
    read."""
    if kind := _kind(path):
        return kind
    try:
        return sha256_of_file(path)
    except OSError:
        return SPECIAL


def file_signature(path: str) -> Signature | None:
    """What tells whether a file has changed; None where it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return Signature.of(found)


def lookup_state(path: str) -> str:
    """Kind, size and time of a file; the kind alone of what is no regular file."""
    kind = _kind(path)
    if kind:
        return kind
    found = file_signature(path)
    return MISSING if found is None else f"file {found.size} {found.mtime_ns}"


def kind_of_lookup(state: str) -> str:
    """The kind of a file alone, out of its `lookup_state`."""
    return state.partition(" ")[0]


def listing_state(folder: str) -> str:
    """A digest of the names in a folder; caches of Python and hidden files are none of them."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except (OSError, ValueError):
        return MISSING
    return _digest(sorted(n for n in names if not n.startswith(".") and n != "__pycache__"))


def pattern_state(pattern: str) -> str:
    """A digest of the paths that match a pattern, an absolute one that `glob` understands."""
    try:
        found = glob.glob(pattern, recursive=True)  # noqa: PTH207
    except (OSError, ValueError):
        return MISSING
    start = os.path.dirname(_fixed_part(pattern))  # noqa: PTH120
    return _digest(sorted(path.removeprefix(start) for path in found))


def variable_state(name: str) -> str:
    """A digest of what an environment variable holds now; `MISSING` where it is not set."""
    if name == ALL_VARIABLES:
        held = {key: value for key, value in os.environ.items() if not is_of_process(key)}
        return _digest(sorted(f"{key}={value}" for key, value in held.items()))
    return value_state(os.environ.get(name))


def is_of_process(name: str) -> bool:
    """Whether a variable only says where and how a process runs. Packages read such ones on behalf
    of code that never heard of them."""
    return _OF_THE_PROCESS.fullmatch(name) is not None


def value_state(value: str | None) -> str:
    """A digest of the value of an environment variable."""
    return MISSING if value is None else _digest([value])


def _kind(path: str) -> str:
    """What a path is where it is no regular file."""
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
    return pattern[: min((at for at in map(pattern.find, "*?[") if at >= 0), default=len(pattern))]


def _from(folder: Path, path: str) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path
