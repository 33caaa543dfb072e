"""Where the files for code hosts are written, and what may be replaced there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from pytest_detgate.regular_file import open_regular, real_path

SARIF, CODE_QUALITY = "--detgate-sarif", "--detgate-codequality"
_FIRST_BYTES = 100


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
        with open_regular(path) as file:
            head = file.read(_FIRST_BYTES).decode("utf-8", "replace")
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
