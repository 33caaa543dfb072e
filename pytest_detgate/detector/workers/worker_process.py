"""A worker process of the local engine.

Run as `python -m pytest_detgate.detector.workers.worker_process`. It reads messages from the
standard input, replies on the standard output, and ends when its input does.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from pytest_detgate.detector.workers.messages import read_message, write_message
from pytest_detgate.detector.workers.pipes import take_over_stdio
from pytest_detgate.detector.workers.worker import Worker


def main() -> int:
    """Reply until there are no more messages; return the exit code."""
    requests, replies = take_over_stdio()
    # It receives paths only.
    worker = Worker(forks=True, folder=Path(os.devnull))
    with contextlib.suppress(BrokenPipeError):
        while (message := read_message(requests)) is not None:
            write_message(replies, worker.handle(message))
    return 0


if __name__ == "__main__":
    sys.exit(main())
