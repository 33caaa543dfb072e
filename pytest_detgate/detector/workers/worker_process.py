"""A worker process of the local engine.

Run as `python -m pytest_detgate.detector.workers.worker_process`; takes messages from the standard
input and answers on the standard output. It ends when its input does.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from pytest_detgate.detector.workers import messages as wire
from pytest_detgate.detector.workers.pipes import own_ends
from pytest_detgate.detector.workers.worker import Worker


def main() -> int:
    """Answer until there is nothing more to answer; returns the exit code."""
    asked, told = own_ends()
    # Nothing is sent to it but paths.
    worker = Worker(forks=True, folder=Path(os.devnull))
    with contextlib.suppress(BrokenPipeError):
        while (message := wire.read(asked)) is not None:
            wire.write(told, worker.handle(message))
    return 0


if __name__ == "__main__":
    sys.exit(main())
