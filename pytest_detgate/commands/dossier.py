"""`dossier`: the test report of a run that an auditor asks for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands

_SUFFIXES = (".md", ".html")


def add(commands: Commands) -> None:
    """Declare the command."""
    dossier = commands.add_parser(
        "dossier",
        help="write the test report of a run for an auditor, as Markdown and HTML",
        description="Write the test report of a run from its record: purpose, data with digests, "
        "protocol, values with bounds, limits and who set them, waivers, failures, environment, "
        "and what it gives of the EU AI Act, Annex IV, and of ISO/IEC TS 4213.",
    )
    dossier.add_argument("record", type=Path, metavar="REPORT.json")
    dossier.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="a file that ends in .md or .html (default: dossier.md and dossier.html beside the "
        "record)",
    )
    dossier.add_argument(
        "--root",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder that the paths in the record are relative to (default: here); git is asked "
        "there who set the limits",
    )
    dossier.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the files and print where they are."""
    from pytest_detgate.atomic_file import write_whole
    from pytest_detgate.commands.shared.output import written
    from pytest_detgate.publishing.dossier.content import document_of
    from pytest_detgate.publishing.dossier.render import as_html, as_markdown
    from pytest_detgate.publishing.dossier.set_limits import set_limits
    from pytest_detgate.record.report_file import read_report

    record: Path = chosen.record
    outputs = [record.with_name(f"dossier{suffix}") for suffix in _SUFFIXES]
    if chosen.output is not None:
        if chosen.output.suffix not in _SUFFIXES:
            raise ConfigError(f"-o {chosen.output}: expected a name that ends in .md or .html")
        outputs = [chosen.output]
    report = read_report(record)
    document = document_of(report, set_limits(report, chosen.root))
    for output in outputs:
        text = as_markdown(document) if output.suffix == ".md" else as_html(document)
        with written(output, record):
            write_whole(output, text.encode("utf-8", "replace"))
        print(output)
