"""Where the files for code hosts are written, and what may be replaced there."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_detgate.plugin.usage import usage_error
from pytest_detgate.regular_file import read_beginning, real_path

SARIF, CODE_QUALITY = "--detgate-sarif", "--detgate-codequality"
_FIRST_BYTES = 100


def exchange_files(option: argparse.Namespace, start: Path) -> dict[str, Path]:
    """The files for code hosts that the command line names, by option."""
    named = {SARIF: option.detgate_sarif, CODE_QUALITY: option.detgate_codequality}
    return {name: absolute(start / path) for name, path in named.items() if path is not None}


def absolute(path: Path) -> Path:
    """A path without `..`, of which links are not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def checked_exchange_files(config: pytest.Config) -> dict[str, Path]:
    """The same for a run; a file that may not be written raises `pytest.UsageError`."""
    files = exchange_files(config.option, config.invocation_params.dir)
    if len(set(files.values())) < len(files):
        raise usage_error(f"{' and '.join(files)} name one file; give each its own")
    if not files or hasattr(config, "workerinput"):
        return files
    from pytest_detgate.record.folder import BESIDE, RECORD

    report = absolute(config.invocation_params.dir / config.option.detgate_report)
    for name, path in files.items():
        if path.parent == report and path.name in (RECORD, *BESIDE):
            raise usage_error(f"{name}: {path} is a file of the report itself; name another file")
        problem = refusal(name, path)
        if problem is not None:
            raise usage_error(problem)
    return files


def remove_earlier(paths: Mapping[str, Path]) -> None:
    """Remove the files of an earlier run, so that none of them outlives this one."""
    for option, path in paths.items():
        if is_ours(option, path):
            with contextlib.suppress(OSError):
                path.unlink()


def is_ours(option: str, path: Path) -> bool:
    """Whether a file is one that this option has written."""
    from pytest_detgate.report.exchange import code_quality, sarif

    try:
        head = read_beginning(path, _FIRST_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    if option == SARIF:
        return head.startswith(sarif.HEAD)
    return head == code_quality.EMPTY or head.startswith(code_quality.HEAD)


def refusal(option: str, path: Path) -> str | None:
    """Say why a file may not be written there; None if it may."""
    if not os.path.lexists(path) or is_ours(option, path):
        return None
    if real_path(path).is_dir():
        return f"{option}: {path} is a folder; name a file"
    return f"{option}: {path} exists and is no file that this option wrote; it is not overwritten"
