"""What git says of a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SECONDS = 30


def git_output(folder: Path, *arguments: str) -> bytes | None:
    """Return the output of a git command in a folder; None where it fails, or there is no git.

    The variables that hooks of git set are left out: they would mean another repository.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        run = subprocess.run(
            ["git", "--no-pager", *arguments],
            cwd=folder,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return run.stdout if run.returncode == 0 else None


def merge_conflict(content: bytes) -> str:
    """Say where a committed file has the marks of a merge that nobody finished; empty if it has
    none."""
    rows = content.splitlines()
    starts = [number for number, row in enumerate(rows, start=1) if row.startswith(b"<<<<<<< ")]
    if not starts or not any(row.startswith(b">>>>>>> ") for row in rows):
        return ""
    return f"line {starts[0]} begins a merge conflict of git; finish the merge first"
