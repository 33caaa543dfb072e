"""A command whose output nobody reads on ends without a traceback."""

from __future__ import annotations

import subprocess
import sys


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pytest_detgate", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "{\n"
        process.stdout.close()

        assert process.stderr.read() == ""
        assert process.wait(60) == 1
