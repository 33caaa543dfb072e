"""The wide tables of splits and probes, from what the gate has read of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_detgate.config.probe_checks import own_files
from pytest_detgate.expectations.wide_tables.fields import (
    NO_FIELDS,
    FieldSource,
    coco_annotation_fields,
    coco_image_fields,
)
from pytest_detgate.expectations.wide_tables.tables import (
    annotation_table,
    detection_table,
    image_table,
)
from pytest_detgate.expectations.wide_tables.wide_table import TableName, WideTable

if TYPE_CHECKING:
    from pytest_detgate.dataset.tables import Dataset
    from pytest_detgate.inputs.model import ModelInputs
    from pytest_detgate.inputs.project import Project


def make_wide_table(
    inputs: ModelInputs, name: str, table: TableName, images: Callable[[], WideTable]
) -> WideTable:
    """Make a table of a split or probe; `images` gives that of its images, for the other two."""
    dataset, project = inputs.dataset(name), inputs.project
    if table == "images":
        return image_table(
            dataset,
            _name_groups(inputs, name),
            _image_fields(project, dataset),
            project.tables.scoring.clip_field,
        )
    if table == "annotations":
        is_coco = dataset.part is None and _is_coco(project, dataset)
        return annotation_table(
            dataset, images(), coco_annotation_fields(dataset) if is_coco else NO_FIELDS
        )
    return detection_table(dataset, images(), inputs.detections(name))


def _name_groups(inputs: ModelInputs, name: str) -> dict[str, Callable[[], Sequence[str | None]]]:
    """What gives the texts of each named group of the frame pattern."""
    pattern = inputs.project.frame_pattern
    if pattern is None:
        return {}

    def texts(pattern: re.Pattern[str], group: str) -> Sequence[str | None]:
        return inputs.name_groups(name, pattern)[group]

    return {group: partial(texts, pattern, group) for group in pattern.groupindex}


def _image_fields(project: Project, dataset: Dataset) -> FieldSource:
    if _is_coco(project, dataset):
        return coco_image_fields(dataset)
    if not dataset.known_fields:
        return NO_FIELDS

    def read(names: Sequence[str]) -> dict[str, Sequence[Any] | None]:
        known = tuple(name for name in names if name in dataset.known_fields)
        fields = project.read(dataset.name, known).images.fields if known else {}
        return {name: fields[name].tolist() for name in known}

    return FieldSource(names=lambda: list(dataset.known_fields), read=read)


def _is_coco(project: Project, dataset: Dataset) -> bool:
    """Whether the annotations of a split or probe are a COCO file, whose entries have any field."""
    tables = project.tables
    name = dataset.name if dataset.part is None else dataset.part.whole.name
    table = tables.dataset.splits.get(name)
    if table is None and name in tables.probes and tables.probes[name].list is None:
        table = own_files(tables.probes[name])
    is_coco = table is not None and table.data is None and table.format == "coco"
    return is_coco and dataset.annotations is not None
