"""`python -m pytest_detgate`: what is not a test run."""

from __future__ import annotations

import io
import os
import sys

from pytest_detgate.commands import (
    accept,
    approve,
    cache,
    comment,
    compare,
    dossier,
    init,
    plan,
    publish,
    report,
    rules,
    schema,
    split,
    tables,
)
from pytest_detgate.commands.shared.parser import CommandParser
from pytest_detgate.errors import DetgateError

COMMANDS = (
    *(init, plan, approve, accept, schema, rules, report, compare, split, cache),
    *(comment, dossier, publish, tables),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command, which may return an exit code; a user's mistake gives one line and exit
    code 4."""
    parser = CommandParser(prog="python -m pytest_detgate")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    for stream in (sys.stdout, sys.stderr):
        # Names from the data may have characters that a stream cannot encode.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    chosen = parser.parse_args(arguments)
    try:
        code: int | None = chosen.run(chosen)
        sys.stdout.flush()
    except DetgateError as error:
        from pytest_detgate.record.terminal import fitted

        print(fitted(f"error: {error}", sys.stderr), file=sys.stderr)
        return 4
    except BrokenPipeError:
        # A reader such as `head` has enough; Python would complain again as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
