"""Text for a terminal of 80 columns, in which no line is a command of a build server's runner."""

from __future__ import annotations

import shutil
import textwrap
from typing import TextIO

from pytest_detgate.record.formatting import on_one_line, visible

WIDTH = 79
_NO_BREAK = "\u00a0"
# Of GitHub's runner, the second also in its older form, and of Azure Pipelines.
_COMMANDS = ("::", "##[", "##vso[")


def cut(text: str, width: int) -> str:
    """A text on one line of so many characters."""
    return on_one_line(text, width, end="...")


def wrapped(line: str, width: int = WIDTH, *, break_words: bool = True) -> list[str]:
    """A line on as many as it takes, the further ones further in; a name without a blank is broken
    where it must be, unless `break_words` is False."""
    text = line.lstrip()
    indent = " " * (len(line) - len(text) + 2)
    # The mark of an entry is on the line of what it marks.
    entry = f"-{_NO_BREAK}{text[2:]}" if text.startswith("- ") else text
    # One column is left for what makes a command harmless.
    lines = textwrap.wrap(
        visible(indent[2:] + entry),
        width - 1,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=break_words,
    )
    return [no_command(part.replace(f"-{_NO_BREAK}", "- ", 1)) for part in lines]


def fitted(text: str, stream: TextIO) -> str:
    """Wrap a message to the width of the terminal that a stream is. Any other stream gets it as it
    is: lines of a log are searched."""
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    lines = [wrapped(line, width, break_words=False) or [line] for line in text.split("\n")]
    return "\n".join("\n".join(parts) for parts in lines)


def no_command(line: str) -> str:
    """A line of output that no runner takes for a command, with any beginning:
    it may be a part of a file name."""
    indent = len(line) - len(line.lstrip())
    return f"{line[:indent]}\\{line[indent:]}" if line[indent:].startswith(_COMMANDS) else line
