"""What a gate does as soon as its options can be read: before a conftest, a configuration or a
model can end the run."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from pytest_detgate.errors import nearest
from pytest_detgate.plugin.collection import MARKERS
from pytest_detgate.plugin.exit_guard import exit_guard
from pytest_detgate.plugin.options import is_asked, only_lists
from pytest_detgate.plugin.output.exchange_paths import absolute, exchange_files, remove_earlier
from pytest_detgate.plugin.promised.choice import CHOICE, Choice
from pytest_detgate.plugin.usage import usage_error

EARLIER = pytest.StashKey[bytes]()
"""The record of an earlier run that this one has replaced, which may be its baseline."""
_MARKED = pytest.StashKey[bool]()
_TYPED_LISTING = pytest.StashKey[bool]()
"""Whether the command line itself asks to print something and to run no test."""
# Names the report's folder of the run that a process belongs to. A worker of pytest-xdist reads
# its options like a separate run, and may start when the record is written already.
_ENVIRONMENT = "PYTEST_DETGATE_RUNNING"
FLAGS: Mapping[str, tuple[str, ...]] = {
    **{"--detgate-train": (), "--detgate-retrain": (), "--detgate-trust-checkpoint": ()},
    **{"--detgate-no-cache": (), "--detgate-rules": (), "--detgate-update": ("accept",)},
}
"""Options that take no value, or only these behind `=`."""


def refuse_values_of_flags(arguments: Sequence[str]) -> None:
    """Raise `pytest.UsageError` for a value of an option that has none or another one, before
    argparse does, which would only say that it was `ignored`."""
    for argument in takewhile(lambda text: text != "--", map(str, arguments)):
        name, equals, value = argument.partition("=")
        if not equals or name not in FLAGS or value in FLAGS[name]:
            continue
        allowed = [repr(text) for text in FLAGS[name]]
        expected = f"nothing or {' or '.join(allowed)}" if allowed else "no value"
        raise usage_error(
            f"{name}: expected {expected}, found {value!r}{nearest(value, FLAGS[name])}"
        )


def refuse_unknown_markers(config: pytest.Config) -> None:
    """Raise `pytest.UsageError` for a marker of `-m` that is named like those of the gate and is
    none: it would only leave everything out."""
    known = {*MARKERS, *(line.partition(":")[0].strip() for line in config.getini("markers"))}
    for name in re.findall(r"\bdetgate\w*", getattr(config.option, "markexpr", "")):
        if name not in known:
            raise usage_error(f"-m: no marker {name!r}{nearest(name, MARKERS)}")


def remember_choice(config: pytest.Config) -> None:
    """Keep what the user typed, which plugins may change later."""
    option = config.known_args_namespace
    config.stash[CHOICE] = Choice.of(option, config.invocation_params.dir)


def remember_listing(config: pytest.Config, parser: pytest.Parser) -> None:
    """Note whether an option that lists and runs nothing was typed, not set in an ini file."""
    typed = parser.parse_known_args(list(config.invocation_params.args), argparse.Namespace())
    config.stash[_TYPED_LISTING] = only_lists(typed)


def refuse_listing_by_ini(config: pytest.Config) -> None:
    """Raise `pytest.UsageError` where a run is to gate and an ini file or the environment lets it
    only list: it would end well with nothing judged."""
    if hasattr(config, "workerinput") or config.stash.get(_TYPED_LISTING, True):
        return
    # Of `--help` pytest reads no option or argument that follows, except at its first look.
    first = config.known_args_namespace
    seen = ((config.option, config.args), (first, first.file_or_dir))
    if any(only_lists(option) and is_asked(config, option, args) for option, args in seen):
        raise usage_error(
            "addopts, of the ini file or PYTEST_ADDOPTS, has an option that lists and runs no "
            "test, such as --collect-only, so nothing would be gated; type it on the command line "
            "where it is wanted"
        )


def refuse_unknown_options(config: pytest.Config, parser: pytest.Parser) -> None:
    """Raise `pytest.UsageError` for an option that is named like those of the gate and is none,
    with the nearest; pytest would only say that it does not know it."""
    arguments = list(config.invocation_params.args)
    known, unknown = parser.parse_known_and_unknown_args(arguments, argparse.Namespace())
    options = [f"--{name.replace('_', '-')}" for name in vars(known)]
    for name in (text.partition("=")[0] for text in unknown):
        if name.startswith("--detgate"):
            raise usage_error(f"{name}: no such option{nearest(name, options)}")


def mark_early(config: pytest.Config) -> None:
    """Let the report's folder say `running` if this run gates, so far as its command line tells,
    and an earlier run left something there."""
    option = config.known_args_namespace
    # An empty name of the folder is refused later.
    if not getattr(option, "detgate_report", "").strip():
        return
    folder = _folder(config, option)
    is_worker = os.environ.get(_ENVIRONMENT) == str(folder)
    if is_worker or not _gates(config, option, option.file_or_dir):
        return
    exit_guard(config).start()
    remove_earlier(exchange_files(option, config.invocation_params.dir))
    if _has_report(folder) and not _is_other(folder):
        _mark(config, folder)


def watch_imports_early(config: pytest.Config) -> None:
    """Note what modules of the project look at when they are imported, if this run gates: a model
    may be made of them later."""
    option = config.known_args_namespace
    if not hasattr(option, "detgate_report") or not _gates(config, option, option.file_or_dir):
        return
    from pytest_detgate.detector.dependencies import recorder

    recorder.watch_imports()
    config.add_cleanup(recorder.stop_watching_imports)


def mark(config: pytest.Config, *, always: bool) -> None:
    """The same for a run of which all options and arguments are known; `always` also where there
    is no earlier report, or a file that is named like one and that the run does not read."""
    if hasattr(config, "workerinput") or _MARKED in config.stash:
        return
    if not config.option.detgate_report.strip():
        return
    folder = _folder(config, config.option)
    if not _gates(config, config.option, config.args):
        return
    exit_guard(config).start()
    remove_earlier(exchange_files(config.option, config.invocation_params.dir))
    if always or (_has_report(folder) and not _is_other(folder)):
        _mark(config, folder)


def _gates(config: pytest.Config, option: argparse.Namespace, arguments: list[str]) -> bool:
    return not only_lists(option) and is_asked(config, option, arguments)


def _has_report(folder: Path) -> bool:
    from pytest_detgate.record.folder import BESIDE, RECORD

    return any(os.path.lexists(folder / name) for name in (RECORD, *BESIDE))


def _is_other(folder: Path) -> bool:
    """Whether something else than a record lies under its name: the run may read it, which is
    refused as soon as the configuration says so."""
    from pytest_detgate.record.folder import RECORD, is_other_file
    from pytest_detgate.regular_file import read_regular

    with contextlib.suppress(OSError):
        return is_other_file(read_regular(folder / RECORD))
    return False


def _mark(config: pytest.Config, folder: Path) -> None:
    from pytest_detgate._version import __version__
    from pytest_detgate.record.folder import RECORD
    from pytest_detgate.regular_file import read_regular
    from pytest_detgate.report.running import mark_running

    with contextlib.suppress(OSError):
        config.stash[EARLIER] = read_regular(folder / RECORD)
    started = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    # A folder that cannot be written is reported when the record cannot be written either.
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
    return absolute(config.invocation_params.dir / option.detgate_report)
