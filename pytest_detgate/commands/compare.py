"""`compare`: two runs side by side, from their records."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.errors import ConfigError
from pytest_detgate.regular_file import real_path

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    compare = commands.add_parser(
        "compare",
        help="compare two runs, rule by rule",
        description="Compare two runs, rule by rule: what newly fails, what newly "
        "passes, which values changed and whether for the better. Prints a table; writes a page "
        "where -o names one. Exit code 1 if a rule newly fails, or is missing from B.",
    )
    compare.add_argument("before", type=Path, metavar="A.json", help="record of the earlier run")
    compare.add_argument("after", type=Path, metavar="B.json", help="record of the later run")
    compare.add_argument(
        "-o", "--output", type=Path, metavar="PAGE.html", help="also write the comparison as a page"
    )
    compare.add_argument(
        "--markdown", action="store_true", help="print Markdown, for a pull request"
    )
    compare.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Print the table and, if one is asked for, write the page and print where it is. Return 1 if
    the second run is worse: a rule newly fails, or is missing from it."""
    from pytest_detgate.commands.shared.output import written
    from pytest_detgate.record.report_file import read_report
    from pytest_detgate.report.comparison.changes import compare
    from pytest_detgate.report.comparison.text import comparison_markdown, comparison_text

    before, after = chosen.before, chosen.after
    if real_path(before) == real_path(after):
        raise ConfigError(f"{before} and {after} are one file; name the records of two runs")
    comparison = compare(read_report(before), read_report(after))
    names = (_named(before), _named(after))
    if chosen.output is not None:
        from pytest_detgate.report.comparison.page import write_comparison

        with written(chosen.output, before, after):
            write_comparison(comparison, names, chosen.output)
    print((comparison_markdown if chosen.markdown else comparison_text)(comparison, names))
    if chosen.output is not None and not chosen.markdown:
        print(f"\npage: {chosen.output}")
    return int(comparison.is_worse)


def _named(record: Path) -> str:
    """A record as it may be shown to others: relative to here, or with its folder alone."""
    relative = Path(os.path.relpath(record))
    if ".." not in relative.parts:
        return relative.as_posix()
    return Path("…", *real_path(record).parts[-2:]).as_posix()
