"""Errors whose text is meant for the person at the terminal."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DetgateError(Exception):
    """Something a user can fix; its text says where, what was found and what is allowed.

    Raised while a rule runs, it makes that rule *not evaluated* with this text as its reason.
    """


class ConfigError(DetgateError):
    """`detgate.toml` or a command-line option is wrong: nothing runs, exit code 4."""


class DataError(DetgateError):
    """An annotation file, result file or image cannot be read as what it should be."""


class TooLittleEvidenceError(DataError):
    """A value could be computed, but from so little that it would prove nothing; `needs` says what
    is lacking. `of_data` says that the message tells nothing of what a model detects, so that it
    may be shown of a sealed probe."""

    def __init__(self, message: str, needs: str | None = None, *, of_data: bool = False) -> None:
        super().__init__(message)
        self.needs = needs
        self.of_data = of_data


class NoBaselineError(DataError):
    """There is nothing to compare with, as on the first run of a project."""


class DetectorError(DetgateError):
    """A model cannot be loaded, trained or run."""


def nearest_name(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that was probably meant, if one is like it."""
    return next(iter(difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)), None)


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Say which allowed name was probably meant: `; did you mean 'x'?`, or nothing."""
    meant = nearest_name(name, allowed)
    return "" if meant is None else f"; did you mean {meant!r}?"
