"""The mistakes of one `detgate.toml`, collected so that a run reports them all."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_detgate.config.location import FileError
from pytest_detgate.counts import counted
from pytest_detgate.errors import ConfigError, DetgateError

MOST_LISTED = 20
_WIDTH = 79


class Mistakes:
    """What is wrong in a file so far.

    A value with a mistake is left unset in the tables (`convert.convert_table`): a check that
    reads it ends, and says nothing, since the mistake behind it is reported already.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._errors: dict[str, DetgateError] = {}

    def __len__(self) -> int:
        return len(self._errors)

    def add(self, error: DetgateError, fact: str | None = None) -> None:
        """Note a mistake, once. `fact` is what it says of the file; where several rules find one
        fact, the first of them reports it."""
        self._errors.setdefault(str(error) if fact is None else fact, error)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Note the mistake that a check raises, or end the check at a value with a mistake."""
        try:
            yield
        except DetgateError as error:
            self.add(error)
        except AttributeError:
            if not self._errors:
                raise

    def raise_all(self) -> None:
        """Raise `ConfigError` with every mistake, by line; one alone is raised as it is."""
        errors = sorted(self._errors.values(), key=_line)
        if len(errors) == 1:
            raise errors[0] from None
        if errors:
            listed = [_as_entry(error) for error in errors[:MOST_LISTED]]
            left_out = len(errors) - len(listed)
            more = [f"  and {left_out} more"] if left_out else []
            head = f"{self._file.name} has {counted(len(errors), 'mistake')}:"
            raise ConfigError("\n".join([head, *listed, *more])) from None


def _line(error: DetgateError) -> int:
    return (error.line if isinstance(error, FileError) else None) or 0


def _as_entry(error: DetgateError) -> str:
    return textwrap.fill(
        str(error),
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )
