"""What a project says of the class numbers in its result files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pytest_detgate.dataset.results.class_ids import Numbering, first_number
from pytest_detgate.dataset.results.files import read_found
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.project import Project


def numbering_of(
    project: Project,
    dataset: Dataset,
    files: Mapping[str, Sequence[Path]],
    read: Callable[[str], Dataset],
) -> Numbering:
    """Return what class numbers in the result files of a split or probe mean.

    `files` are all result files by split or probe: where those of a probe do not show whether they
    count from 0 or from 1, those of the evaluated split do. `read` reads a split.
    """
    stated, first = project.numbered_classes, project.tables.model.first_class_number
    evaluated = _evaluated(project, dataset, read)
    likely = shown = None
    if evaluated is not None and evaluated.has_class_numbers:
        likely = evaluated.all_classes()[1]
        if first is None and evaluated is not dataset:
            shown = _shown_by(files.get(evaluated.name, ()), stated or likely, evaluated)
    return Numbering(
        stated=stated,
        likely=likely,
        first=first,
        shown_first=shown,
        elsewhere=_elsewhere(project, dataset),
    )


def _evaluated(
    project: Project, dataset: Dataset, read: Callable[[str], Dataset]
) -> Dataset | None:
    """The evaluated split, if it may number its classes."""
    name = project.evaluate_on
    if name == dataset.name:
        return dataset
    table = project.tables.dataset.splits.get(name)
    if table is None or (table.format != "yolo" and table.data is None):
        return None
    with contextlib.suppress(DataError):
        return read(name)
    return None


def _elsewhere(
    project: Project, dataset: Dataset
) -> Callable[[], Iterator[tuple[str, tuple[str, ...]]]]:
    def classes() -> Iterator[tuple[str, tuple[str, ...]]]:
        for split in project.splits:
            if split != dataset.name:
                with contextlib.suppress(DataError):
                    yield split, project.classes(split)

    return classes


def _shown_by(paths: Sequence[Path], names: Sequence[str], dataset: Dataset) -> int | None:
    """Whether the classes are numbered from 0 or from 1, where the files of a split show it."""
    with contextlib.suppress(DataError):
        for results in read_found(paths):
            if len(results) and not results.has_class_numbers and results.classes is None:
                return first_number(results, names, dataset)
    return None
