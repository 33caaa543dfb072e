"""The parser of a command's arguments."""

from __future__ import annotations

import argparse
import re
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_detgate.errors import nearest
from pytest_detgate.printable import is_blank

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


_LACKING = "the following arguments are required"
_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


class CommandParser(argparse.ArgumentParser):
    """A parser that refuses an empty text for an argument: most often a variable of a shell that
    is not set, which would choose nothing, everything, or the current folder.

    An argument with `type=str` may be empty.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # An option is written in full: `--fail` must not mean `--failed`.
        self.allow_abbrev = False
        self._typed: list[str] = []
        self.register("type", None, _text)
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        """Show the usage and the mistake, with the nearest choice, and end."""
        from pytest_detgate.record.terminal import fitted

        if (wrong := _CHOICE.search(message)) is not None:
            choices = [choice.strip("' ") for choice in wrong[2].split(",")]
            message += nearest(wrong[1], choices)
        if message.startswith(_LACKING):
            # A mistyped option is why the right one is lacking.
            message += "".join(
                f"; {name}: no such option{nearest(name, self._option_string_actions)}"
                for name in self._unknown_options()
            )
        self.print_usage(sys.stderr)
        self.exit(2, fitted(f"{self.prog}: error: {message}", sys.stderr) + "\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is left over here, with the usage of the command that it was typed for."""
        self._typed = list(sys.argv[1:] if args is None else args)
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [*self._option_string_actions]
            typed = next((text.partition("=")[0] for text in unknown if text.startswith("-")), "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{nearest(typed, options)}")
        return known, unknown

    def _unknown_options(self) -> list[str]:
        typed = takewhile(lambda text: text != "--", self._typed)
        names = [text.partition("=")[0] for text in typed if text.startswith("--")]
        return [name for name in names if name not in self._option_string_actions]

    def add_subparsers(self, **options: Any) -> Commands:  # type: ignore[override]
        """Add commands, whose arguments their own parsers check."""
        commands = super().add_subparsers(**options)
        commands.type = str
        return commands


def _text(text: str) -> str:
    if is_blank(text):
        raise argparse.ArgumentTypeError(f"expected a value, found {text!r}")
    return text


def _path(text: str) -> Path:
    return Path(_text(text))
