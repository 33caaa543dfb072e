"""What a project reads, so that no output is written over it or in between."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.config.probe_checks import own_files
from pytest_detgate.config.tables.dataset_tables import ProbeTable, SplitTable
from pytest_detgate.dataset.labels.input_paths import InputPaths
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.reading import split_files

if TYPE_CHECKING:
    from pytest_detgate.inputs.project import Project


def input_paths(project: Project) -> InputPaths:
    """Return the files and folders of all splits and probes, and `detgate.toml`."""
    paths = InputPaths()
    paths.add_file(project.configuration.path, "the configuration")
    for name, split in project.tables.dataset.splits.items():
        _add_split(paths, project, name, split)
    for name, probe in project.tables.probes.items():
        _add_probe(paths, project, name, probe)
    return paths


def _add_split(paths: InputPaths, project: Project, name: str, table: SplitTable) -> None:
    _add_file(paths, project, table.events, f"the events of {name}")
    if table.data is None and table.format == "coco":
        _add_file(paths, project, table.annotations, f"the annotations of {name}")
        return
    # The rules say what is wrong with a data.yaml.
    with contextlib.suppress(DataError):
        kind = "yolo" if table.data is not None else table.format
        for files in split_files(project, name, table):
            paths.add_labels(files, kind)


def _add_probe(paths: InputPaths, project: Project, name: str, table: ProbeTable) -> None:
    _add_file(paths, project, table.list, f"the list of {name}")
    files = own_files(table)
    if files is not None:
        _add_split(paths, project, name, files)
    elif table.images is not None and table.list is None and not table.allow_other_files:
        paths.add_images(project.configuration.locate(table.images))


def _add_file(paths: InputPaths, project: Project, file: str | None, what: str) -> None:
    if file is not None:
        located: Path = project.configuration.locate(file)
        paths.add_file(located, what)
