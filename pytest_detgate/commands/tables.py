"""`tables`: the tables that expectations look at, as files, and the rules as suites of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.arguments import named_values
from pytest_detgate.counts import counted
from pytest_detgate.errors import ConfigError
from pytest_detgate.printable import printable

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands
    from pytest_detgate.expectations.wide_tables.wide_table import TableName
    from pytest_detgate.inputs.inputs import Inputs
    from pytest_detgate.rules.binding import BoundRule

_TABLES: tuple[TableName, ...] = ("images", "annotations", "detections")
_SUITE = ".suite.json"


def add(commands: Commands) -> None:
    """Declare the command."""
    tables = commands.add_parser(
        "tables",
        help="write the tables that expectations look at",
        description="Write the tables of splits and probes that expectations look at, as Parquet "
        "or CSV files, and the rules of a detgate.toml as suites of Great Expectations. Without "
        "--to and --suite it prints the columns and their types.",
    )
    tables.add_argument(
        "names", nargs="*", metavar="NAME", help="splits and probes (default: every split)"
    )
    tables.add_argument("--to", choices=("parquet", "csv"), help="write files of this format")
    tables.add_argument(
        "--suite",
        action="store_true",
        help="write the data rules that it has expectations for as suites of Great Expectations",
    )
    tables.add_argument(
        "--out",
        type=Path,
        default=Path("detgate-tables"),
        metavar="DIR",
        help="folder that files are written to (default: %(default)s)",
    )
    tables.add_argument(
        "--table", choices=_TABLES, help="one of the tables (default: all that there are)"
    )
    tables.add_argument(
        "--columns",
        type=_column_names,
        metavar="NAME,NAME",
        help="only these columns (default: all of them)",
    )
    tables.add_argument(
        "--config",
        type=Path,
        default=Path("detgate.toml"),
        metavar="PATH",
        help="default: %(default)s",
    )
    tables.add_argument(
        "--predictions",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="result file of a split or probe, for its table of detections; may be repeated",
    )
    tables.set_defaults(run=run)


def _column_names(text: str) -> list[str]:
    names = text.split(",")
    if not all(map(str.strip, names)):
        raise argparse.ArgumentTypeError(
            f"expected NAME,NAME, found {text!r}; without this option the command prints the "
            "names of all columns"
        )
    return names


def run(chosen: argparse.Namespace) -> None:
    """Write the files, or print the columns."""
    from pytest_detgate.config.load import read_configuration
    from pytest_detgate.config.wording import unknown
    from pytest_detgate.inputs.detections.sources import NoDetections, ResultFiles
    from pytest_detgate.inputs.inputs import Inputs
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.rules.binding import bind_rules

    project = Project(read_configuration(chosen.config), Path.cwd())
    rules = bind_rules(project)
    known = project.datasets
    named = named_values("--predictions", chosen.predictions, "NAME=FILE")
    files = {name: Path(file) for name, file in named.items()}
    for option, name in (("--predictions", name) for name in files):
        if name not in known:
            raise ConfigError(f"{option}: {unknown('split or probe', name, known)}")
    names = chosen.names or list(project.splits)
    for name in names:
        if name not in known:
            raise ConfigError(unknown("split or probe", name, known))
    if chosen.table == "detections" and not files:
        raise ConfigError("--table detections needs --predictions NAME=FILE")
    source = ResultFiles(files, project) if files else NoDetections()
    inputs = Inputs(project, source, list(files))
    _refuse_outputs(chosen, inputs, names, files)
    lines: list[str] = []
    try:
        if chosen.to is not None or not chosen.suite:
            for name in names:
                lines += _tables(chosen, inputs, name, has_detections=name in files)
        if chosen.suite:
            lines += _suites(chosen.out, rules, inputs, names)
    except OSError as error:
        raise ConfigError(f"{chosen.out}: cannot be written: {error}") from error
    # Names come from the data.
    print("\n".join(map(printable, lines)))


def _refuse_outputs(
    chosen: argparse.Namespace, inputs: Inputs, names: Sequence[str], results: Mapping[str, Path]
) -> None:
    """Raise `ConfigError` where a file would lie over or among those that are read."""
    from pytest_detgate.inputs.input_paths import input_paths

    paths = input_paths(inputs.project)
    for name, path in results.items():
        paths.add_file(path, f"the detections of {name}")
    suffixes = [*([f".{chosen.to}"] if chosen.to else []), *([_SUITE] if chosen.suite else [])]
    tables: tuple[TableName, ...] = _TABLES if chosen.table is None else (chosen.table,)
    for name in names:
        for table in tables:
            for suffix in suffixes:
                paths.refuse(_path(chosen.out, inputs, name, table, suffix), "--out", "folder")


def _path(folder: Path, inputs: Inputs, name: str, table: str, suffix: str) -> Path:
    return folder / f"{_plain(name, inputs)}-{table}{suffix}"


def _tables(
    chosen: argparse.Namespace, inputs: Inputs, name: str, *, has_detections: bool
) -> Iterator[str]:
    """Write the tables of a split or probe, or say what is in them; a line for each."""
    from pytest_detgate.expectations.wide_tables.frames import kind_of, write_frame

    for table in _TABLES if chosen.table is None else (chosen.table,):
        if table == "detections" and not has_detections:
            continue
        wide = inputs.wide_table(name, table)
        if chosen.to is not None:
            path = _path(chosen.out, inputs, name, table, f".{chosen.to}")
            count = write_frame(wide, path, chosen.to, chosen.columns)
            yield f"{path}: {counted(len(wide), 'row')}, {counted(count, 'column')}"
            continue
        yield f"{name}: {table}, {counted(len(wide), 'row')}"
        made = wide.required_columns(chosen.columns or wide.names)
        yield from (f"  {column}: {kind_of(values)}" for column, values in made.items())


def _suites(
    folder: Path, rules: Sequence[BoundRule], inputs: Inputs, names: Sequence[str]
) -> Iterator[str]:
    """Write the suites; a line for each, and one for each rule that is not in them as a whole."""
    from pytest_detgate.atomic_file import write_whole
    from pytest_detgate.rules.suites import project_suites

    suites = project_suites(rules, inputs, names)
    for (split, table), suite in suites.suites.items():
        path = _path(folder, inputs, split, table, _SUITE)
        write_whole(path, suite.document().encode("utf-8", "replace"))
        yield f"{path}: {counted(len(suite.entries), 'expectation')}"
    if not suites.suites:
        yield "Great Expectations has no expectation for the rules on these splits"
    for item, lacks in suites.in_part.items():
        yield f"{item}: in part, without {lacks}"
    if suites.left_out:
        yield f"left out: {', '.join(suites.left_out)}"


def _plain(name: str, inputs: Inputs) -> str:
    """The name of a split or probe as a part of a file name, which no other one has."""
    from pytest_detgate.report.page.rule_rows import fragment_names

    names = inputs.project.datasets
    return fragment_names(names)[names.index(name)]
