"""Errors whose text is meant for the person at the terminal."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

_ENTRIES = 1000
"""Entries of a folder among which a near name is looked for."""


class DetgateError(Exception):
    """Something a user can fix; its text says where, what was found and what is allowed.

    Raised while a rule runs, it makes that rule *not evaluated* with this text as its reason.

    `of_data` is True where the text tells nothing of what a model detects, so that it may be shown
    of a sealed probe, False where it does, and None where nobody has decided: then it may be shown
    only if the model was not asked yet.
    """

    def __init__(self, *arguments: object, of_data: bool | None = None) -> None:
        super().__init__(*arguments)
        self.of_data = of_data

    def __reduce__(self) -> tuple[Any, ...]:
        # Most errors are made of more than their text. Copied and sent, they are not made again.
        return _remake, (type(self), self.args), self.__dict__


class ConfigError(DetgateError):
    """`detgate.toml` or a command-line option is wrong: nothing runs, exit code 4."""


class DataError(DetgateError):
    """An annotation file, result file or image cannot be read as what it should be."""


class TooLittleEvidenceError(DataError):
    """A value could be computed, but from so little that it would prove nothing; `needs` says what
    is lacking."""

    def __init__(
        self, message: str, needs: str | None = None, *, of_data: bool | None = None
    ) -> None:
        super().__init__(message, of_data=of_data)
        self.needs = needs


class NoBaselineError(DataError):
    """There is nothing to compare with, as on the first run of a project."""


class DetectorError(DetgateError):
    """A model cannot be loaded, trained or run."""


def _remake(kind: type[DetgateError], arguments: tuple[object, ...]) -> DetgateError:
    """An error of a class with the arguments that it was made with, without its other parts."""
    return kind.__new__(kind, *arguments)


def nearest_name(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that was probably meant, if one is like it in any letter case."""
    by_folded: dict[str, str] = {}
    for candidate in allowed:
        by_folded.setdefault(candidate.casefold(), candidate)
    near = difflib.get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[near[0]] if near else None


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Say which allowed name was probably meant: `; did you mean 'x'?`, or nothing."""
    meant = nearest_name(name, allowed)
    return "" if meant is None else f"; did you mean {meant!r}?"


def nearest_file(path: Path) -> str:
    """Say which file beside a missing one was probably meant: `; did you mean 'x'?`, or nothing."""
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        # A name with a suffix is not that of a folder.
        some = [
            entry for entry in islice(entries, _ENTRIES) if not (path.suffix and entry.is_dir())
        ]
        return nearest(path.name, [entry.name for entry in some])
    return ""
