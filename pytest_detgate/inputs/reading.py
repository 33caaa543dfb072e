"""Reading of splits and probes as `detgate.toml` describes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_detgate.config.probe_checks import LISTING, own_files
from pytest_detgate.config.tables.dataset_tables import ProbeTable, SplitTable
from pytest_detgate.counts import with_count
from pytest_detgate.dataset.class_choice import placeholder_rows, with_counting_classes
from pytest_detgate.dataset.coco.reader import read_categories, read_coco_file, supercategories
from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.dataset.images.inside import names_inside
from pytest_detgate.dataset.images.names import names_in
from pytest_detgate.dataset.images.near_names import near_matches
from pytest_detgate.dataset.labels.formats import label_readers
from pytest_detgate.dataset.labels.joined import joined_dataset
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.labels.yolo.data_yaml import read_data_yaml
from pytest_detgate.dataset.queries import select_listed
from pytest_detgate.dataset.scored_labels import require_no_scores
from pytest_detgate.dataset.tables import Dataset

if TYPE_CHECKING:
    from pytest_detgate.cache.annotation_tables import CachedTables
    from pytest_detgate.config.load import Configuration
    from pytest_detgate.config.schema import ConfigTable
    from pytest_detgate.dataset.images.options import ImageOptions
    from pytest_detgate.progress import Progress

_SHOWN = 3


class Project(Protocol):
    """What reading needs to know of a project."""

    configuration: Configuration
    cached_tables: CachedTables | None
    progress: Progress

    @property
    def tables(self) -> ConfigTable: ...

    @property
    def image_options(self) -> ImageOptions: ...

    @property
    def matches_near_names(self) -> bool: ...

    def read(self, name: str, image_fields: tuple[str, ...] = ()) -> Dataset: ...


def read_split(project: Project, name: str, table: SplitTable, fields: tuple[str, ...]) -> Dataset:
    """Read a split into tables; `DataError` if it cannot be read."""
    return with_counting_classes(
        _read(project, name, table, fields), chosen_classes(project, table)
    )


def read_probe(project: Project, name: str, table: ProbeTable, fields: tuple[str, ...]) -> Dataset:
    """Read a probe with its own images; `DataError` if it cannot be read."""
    files = own_files(table)
    if files is not None:
        dataset = _read(project, name, files, fields)
    else:
        assert table.images is not None
        dataset = read_folder(
            project.configuration.locate(table.images),
            name,
            project.image_options,
            allow_other_files=table.allow_other_files or table.list is not None,
        )
    if table.format == "coco":
        dataset = _without_labels(dataset)
    if table.list is not None and table.format not in LISTING:
        dataset = select_listed(dataset, project.configuration.locate(table.list))
    return with_counting_classes(dataset, project.tables.dataset.classes)


def read_classes(project: Project, split: str) -> tuple[str, ...]:
    """The class names of a split, in the order of its file; `DataError` if it cannot be read."""
    table = project.tables.dataset.splits[split]
    if table.annotations is None or table.format != "coco":
        return project.read(split).classes
    path = project.configuration.locate(table.annotations)
    known = None if project.cached_tables is None else project.cached_tables.classes(path)
    if known is None:
        categories = read_categories(path)
        known = tuple(category.name for category in categories), supercategories(categories)
    if chosen_classes(project, table) is None and not placeholder_rows(*known):
        return known[0]
    return project.read(split).classes  # which counts the boxes of the classes


def chosen_classes(project: Project, table: SplitTable) -> tuple[str, ...] | None:
    """The classes that `detgate.toml` lists for a split; None where it lists none."""
    if isinstance(table.classes, tuple):
        return table.classes
    return project.tables.dataset.classes


def _read(project: Project, name: str, table: SplitTable, fields: tuple[str, ...]) -> Dataset:
    is_coco = table.data is None and table.format == "coco"
    dataset = (_read_coco if is_coco else _read_labels)(project, name, table, fields)
    if not table.scored_labels:
        require_no_scores(dataset)
    return dataset


def _read_coco(project: Project, name: str, table: SplitTable, fields: tuple[str, ...]) -> Dataset:
    locate = project.configuration.locate
    assert table.annotations is not None
    assert table.images is not None
    path, images_dir = locate(table.annotations), locate(table.images)
    cached = project.cached_tables

    is_new = False

    def read() -> Dataset:
        nonlocal is_new
        is_new = True
        return read_coco_file(path, fields, project.progress)

    dataset = read() if cached is None else cached.read(path, fields, read)
    file_name = dataset.images.file_name
    if is_new:  # cached tables have no name that leaves the folder: each look at them asks for it
        file_name = names_inside(
            file_name, images_dir, str(path), by_name=project.matches_near_names
        )
    dataset = dataclasses.replace(
        dataset,
        name=name,
        images_dir=images_dir,
        images=dataclasses.replace(dataset.images, file_name=file_name),
        annotations=path,
        image_options=project.image_options,
    )
    return _with_near_files(dataset) if project.matches_near_names else dataset


def _read_labels(
    project: Project, name: str, table: SplitTable, fields: tuple[str, ...]
) -> Dataset:
    parts = split_files(project, name, table)
    if table.data is not None:
        read = label_readers()["yolo"]
        datasets = [read(dataclasses.replace(part, fields=fields)) for part in parts]
        where = f"{project.configuration.locate(table.data)}: `{table.split or name}`"
        return datasets[0] if len(datasets) == 1 else joined_dataset(datasets, where)
    (files,) = parts
    dataset = label_readers()[table.format](dataclasses.replace(files, fields=fields))
    lists_images = table.format not in LISTING
    return _with_near_files(dataset) if files.match_near and lists_images else dataset


def split_files(project: Project, name: str, table: SplitTable) -> list[SplitFiles]:
    """Where the labels and images of a split are, for formats besides COCO: in one place, or in
    several that a `data.yaml` names."""
    locate: Callable[[str], Path] = project.configuration.locate
    if table.data is not None:
        file = locate(table.data)
        located = read_data_yaml(file, table.split or name)
        return [
            dataclasses.replace(
                _files(project, name, table, part.labels, part.images),
                classes=file,
                listed=part.listed,
                is_part=len(located) > 1,
            )
            for part in located
        ]
    assert table.annotations is not None
    assert table.images is not None
    return [_files(project, name, table, locate(table.annotations), locate(table.images))]


def _files(
    project: Project, name: str, table: SplitTable, labels: Path, images: Path
) -> SplitFiles:
    locate: Callable[[str], Path] = project.configuration.locate
    return SplitFiles(
        name=name,
        labels=labels,
        images=images,
        classes=locate(table.classes) if isinstance(table.classes, str) else None,
        listed=None if table.list is None else locate(table.list),
        image_options=project.image_options,
        allow_other_files=table.allow_other_files,
        background=table.missing_labels == "background",
        stated_classes=chosen_classes(project, table),
        max_polygons=table.max_polygons,
        match_near=project.matches_near_names,
        allow_scores=table.scored_labels,
        subset=table.subset,
    )


def _with_near_files(dataset: Dataset) -> Dataset:
    """The same with the file names that are not there replaced by those of the one near file."""
    there = names_in(dataset.images_dir, dataset.image_options).names
    names = dataset.images.file_name.tolist()
    meant = near_matches(names, there)
    if not meant:
        return dataset
    file_name = dataset.images.file_name.copy()
    for row, name in meant.items():
        file_name[row] = name
    shown = ", ".join(f"{names[row]!r} is {name}" for row, name in [*meant.items()][:_SHOWN])
    more = ", ..." if len(meant) > _SHOWN else ""
    note = (
        with_count(len(meant), "file names mean the near file (match-names)") + f": {shown}{more}"
    )
    return dataclasses.replace(
        dataset,
        images=dataclasses.replace(dataset.images, file_name=file_name),
        notes=(*dataset.notes, note),
    )


def _without_labels(dataset: Dataset) -> Dataset:
    """Return a probe whose file has no annotations: its images have no boxes, as in every probe."""
    gaps = tuple(gap for gap in dataset.gaps if gap.kind != "images-without-labels")
    images = dataclasses.replace(dataset.images, unlabelled=None)
    return dataclasses.replace(dataset, gaps=gaps, images=images)
