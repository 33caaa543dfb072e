"""Progress of a command on a terminal: one line, which is gone when the work is done."""

from __future__ import annotations

import sys

from pytest_detgate.plugin.output.progress import LineProgress
from pytest_detgate.progress import NoProgress, Progress


def progress_of_command() -> Progress:
    """What shows the progress: the error output where it is a terminal; a log stays quiet."""
    return LineProgress() if sys.stderr.isatty() else NoProgress()
