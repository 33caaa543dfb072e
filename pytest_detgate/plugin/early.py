"""What a gate does as soon as its options can be read: before a conftest, a configuration or a
model can end the run."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
from pathlib import Path

import pytest

from pytest_detgate.plugin.choice import CHOICE, Choice
from pytest_detgate.plugin.options import is_asked, only_lists

_MARKED = pytest.StashKey[bool]()
# Names the report's folder of the run that a process belongs to. A worker of pytest-xdist reads
# its options like a run of its own, and may start when the record is written already.
_ENVIRONMENT = "PYTEST_DETGATE_RUNNING"


def remember_choice(config: pytest.Config) -> None:
    """Keep what the user typed, which plugins may change later."""
    option = config.known_args_namespace
    config.stash[CHOICE] = Choice.of(option, config.invocation_params.dir)


def mark_early(config: pytest.Config) -> None:
    """Let the report's folder say `running` if this run gates, so far as its command line tells."""
    option = config.known_args_namespace
    if not hasattr(option, "detgate_report"):
        return
    folder = _folder(config, option)
    if os.environ.get(_ENVIRONMENT) != str(folder):
        _mark(config, option, option.file_or_dir)


def mark(config: pytest.Config) -> None:
    """Let the report's folder say `running` if this run gates and nothing says so yet."""
    if _MARKED not in config.stash and not hasattr(config, "workerinput"):
        _mark(config, config.option, config.args)


def _mark(config: pytest.Config, option: argparse.Namespace, arguments: list[str]) -> None:
    if only_lists(option) or not is_asked(config, option, arguments):
        return
    from pytest_detgate import __version__
    from pytest_detgate.audit.running import mark_running

    folder = _folder(config, option)
    started = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    # A folder that cannot be written is told of when the record cannot be written either.
    with contextlib.suppress(OSError):
        mark_running(folder, started, __version__)
    config.stash[_MARKED] = True
    before = os.environ.get(_ENVIRONMENT)
    os.environ[_ENVIRONMENT] = str(folder)
    config.add_cleanup(lambda: _restore(before))


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(_ENVIRONMENT, None)
    else:
        os.environ[_ENVIRONMENT] = before


def _folder(config: pytest.Config, option: argparse.Namespace) -> Path:
    return Path(os.path.abspath(config.invocation_params.dir / option.detgate_report))  # noqa: PTH100
