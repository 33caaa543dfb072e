"""A file that a command writes where the user says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_detgate.errors import ConfigError
from pytest_detgate.regular_file import real_path


@contextmanager
def written(output: Path, *records: Path) -> Iterator[None]:
    """Around the writing of `output`: what the system refuses, and a name that would cost one of
    the records it is made from, is the user's mistake."""
    if any(real_path(output) == real_path(record) for record in records):
        raise ConfigError(f"{output} is the record itself; write the page somewhere else")
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror or error}") from error


def config_path(named: Path | None) -> Path:
    """The `detgate.toml` that a command is about: the named one, or the default one of this folder;
    `ConfigError` if there is none."""
    from pytest_detgate.plugin.folders import project_paths

    path = project_paths().config if named is None else real_path(named)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; name the detgate.toml with --config")
    return path
