"""Mistakes on the command line or in `detgate.toml`, as pytest shows them: exit code 4."""

from __future__ import annotations

import sys

import pytest


def usage_error(text: str) -> pytest.UsageError:
    """Return the error for a message of one line or several.

    Names from files hold no control character there, and begin no command of a build server.
    """
    # Every run of pytest loads this module, and few need these.
    from pytest_detgate.printable import printable
    from pytest_detgate.record.terminal import fitted, no_command

    # pytest puts the label in front.
    label = "ERROR: "
    lines = "\n".join(no_command(printable(line)) for line in text.split("\n"))
    return pytest.UsageError(fitted(f"{label}{lines}", sys.stderr).removeprefix(label))
