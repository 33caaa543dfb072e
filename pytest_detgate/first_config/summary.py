"""What `init` prints: at most 25 lines, each narrower than 80 characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_detgate.record.terminal import WIDTH, cut, no_command, wrapped

MOST_LINES = 25


@dataclass(slots=True)
class _Section:
    """A line, and entries below it, of which the first `shown` are printed."""

    head: str
    entries: Sequence[str]
    shown: int

    def lines(self, *, whole: bool) -> list[str]:
        """The lines; entries take several where they are `whole`, else one each."""
        shown = [*self.entries[: self.shown]]
        left_out = len(self.entries) - len(shown)
        more = [f"and {left_out} more"] if left_out else []
        lines = [self.head, *(f"  {entry}" for entry in (*shown, *more))]
        return [part for line in lines for part in (wrapped(line) if whole else [_fitting(line)])]


class Summary:
    """Lines and sections in the order in which they are printed. Where there is too much for all,
    the longest section shows less; how many entries it leaves out is always printed."""

    def __init__(self) -> None:
        self._sections: list[_Section] = []

    def line(self, text: str) -> None:
        """Add a line."""
        self._sections.append(_Section(text, (), 0))

    def section(self, head: str, entries: Sequence[str]) -> None:
        """Add a heading with its entries, if there are any."""
        if entries:
            self._sections.append(_Section(head, entries, len(entries)))

    def __str__(self) -> str:
        if len(lines := self._lines(whole=True)) <= MOST_LINES:
            return "\n".join(lines)
        while len(lines := self._lines(whole=False)) > MOST_LINES:
            longest = max(self._sections, key=lambda section: section.shown)
            # Two entries make room for one line that counts them.
            longest.shown -= 2 if longest.shown == len(longest.entries) else 1
        return "\n".join(lines)

    def _lines(self, *, whole: bool) -> list[str]:
        return [line for section in self._sections for line in section.lines(whole=whole)]


def _fitting(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return no_command(indent + cut(line, WIDTH - 1 - len(indent)))
