"""`report`: the page of an earlier run, from its record."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.arguments import named_values
from pytest_detgate.errors import ConfigError
from pytest_detgate.regular_file import real_path

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    report = commands.add_parser(
        "report",
        help="render the page of an earlier report.json",
        description="Render the page of an earlier run from its record, of any release that wrote "
        "format 1.",
    )
    report.add_argument("record", type=Path, metavar="REPORT.json")
    report.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="PAGE.html",
        help="default: index.html beside the record",
    )
    report.add_argument(
        "--root",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder that the paths in the record are relative to (default: here); images are read "
        "from no other folder, unless --images names it",
    )
    report.add_argument(
        "--images",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="where the images of a split or probe are whose folder the record does not name, or "
        "names outside the root folder; may be repeated",
    )
    report.add_argument(
        "--max-megabytes",
        type=float,
        default=8.0,
        metavar="N",
        help="what the images in the page may take together (default: %(default)g)",
    )
    report.add_argument(
        "--no-pictures",
        action="store_true",
        help="read no image; boxes are on blank frames",
    )
    report.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the page and print where it is."""
    from pytest_detgate.commands.shared.output import written
    from pytest_detgate.record.report_file import read_report
    from pytest_detgate.report.page.page import write_page

    record: Path = chosen.record
    if not chosen.max_megabytes >= 0:
        raise ConfigError(f"--max-megabytes: expected 0 or more, found {chosen.max_megabytes:g}")
    report = read_report(record)
    page = chosen.output or record.with_name("index.html")
    folders = _folders_by_name(chosen.images, [*report.dataset.splits, *report.dataset.probes])
    with written(page, record):
        write_page(
            report,
            chosen.root,
            page,
            megabytes=chosen.max_megabytes,
            pictures=not chosen.no_pictures,
            folders=folders,
        )
    print(page)


def _folders_by_name(texts: list[str], known: list[str]) -> dict[str, Path]:
    from pytest_detgate.config.wording import unknown

    folders = {}
    for name, folder in named_values("--images", texts, "NAME=DIR").items():
        if name not in known:
            raise ConfigError(f"--images: {unknown('split or probe', name, known)}")
        if not Path(folder).is_dir():
            raise ConfigError(f"--images: there is no folder {folder}")
        folders[name] = real_path(folder)
    return folders
