"""The properties of images by which weak slices are searched."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.counts import counted
from pytest_detgate.dataset.clips.time_stamps import seconds_of_all
from pytest_detgate.dataset.slices import column, image_fields
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.timelines import timing_of
from pytest_detgate.scoring.weak_slices import Attribute

if TYPE_CHECKING:
    from pytest_detgate.inputs.data import DataInputs

_MOST_VALUES = 12
"""A property with more values than that is divided by size if it is a number, else left out."""
_ONE_VALUE = "one value"
_QUARTERS = (0.25, 0.5, 0.75)
_NO_PROPERTY = frozenset(
    {
        *("id", "file_name", "width", "height", "license", "coco_url", "flickr_url"),
        *("clip", "frame", "date_captured", "boxes", "brightness", "sharpness", "hour", "box size"),
    }
)


def read_attributes(
    inputs: DataInputs, split: str, fields: Sequence[str] | None, *, pixels: bool
) -> tuple[list[Attribute], list[str]]:
    """Return the properties of the images of a split, and those that say nothing, with the reason.

    They are the groups of `frame-pattern` except clip and frame, the number of boxes and their
    median size, the hour, the `fields` of the images (None: all) and, with `pixels`, brightness and
    sharpness. One of the `fields` that does not divide images into few parts raises `DataError`.
    """
    attributes, left_out = [], []
    for name, values in _columns(inputs, split, fields, pixels=pixels):
        made = _attribute(name, values)
        if isinstance(made, str):
            if name in (fields or ()) and made != _ONE_VALUE:
                raise DataError(f"{split} cannot be searched by {name}, which fields names: {made}")
            left_out.append(f"{name}: {made}")
        else:
            attributes.append(made)
    return attributes, left_out


def unread_images(inputs: DataInputs, split: str) -> NDArray[np.int64]:
    """The rows of images whose pixels cannot be read, so that nobody knows how bright they are."""
    return np.array(sorted(inputs.image_looks(split).unreadable), dtype=np.int64)


def _columns(
    inputs: DataInputs, split: str, fields: Sequence[str] | None, *, pixels: bool
) -> Iterator[tuple[str, Sequence[Any]]]:
    project, dataset = inputs.project, inputs.dataset(split)
    pattern = project.frame_pattern
    for group, texts in {} if pattern is None else inputs.name_groups(split, pattern).items():
        if group not in ("clip", "frame"):
            yield group, texts
    yield "boxes", dataset.boxes_by_image().tolist()
    yield "box size", _median_sizes(dataset).tolist()
    timing = timing_of(project, split)
    time_field = None if timing is None else timing.time_field
    unit = "s" if timing is None else timing.unit
    known = image_fields(dataset)
    if time_field is None and "date_captured" in known:
        time_field = "date_captured"
    if time_field in known:
        stamps = inputs.images_with(split, time_field).fields[time_field]
        seconds = seconds_of_all(stamps.tolist(), unit)
        yield (
            "hour",
            [math.nan if np.isnan(second) else second % 86400 // 3600 for second in seconds],
        )
    wanted = [name for name in known if name not in _NO_PROPERTY and name != time_field]
    for name in wanted if fields is None else fields:
        with_field = dataclasses.replace(dataset, images=inputs.images_with(split, name))
        yield name, column(with_field, name, pattern)
    if pixels:
        looks = inputs.image_looks(split)
        yield "brightness", looks.column("brightness").tolist()
        yield "sharpness", looks.column("sharpness").tolist()


def _median_sizes(dataset: Dataset) -> NDArray[np.float64]:
    """(images,) the median of the root of the area of an image's boxes, NaN without any."""
    sizes = np.full(len(dataset.images), np.nan)
    rows = np.flatnonzero((dataset.boxes.image != UNLISTED) & ~dataset.boxes.crowd)
    rows = rows[np.argsort(dataset.boxes.image[rows], kind="stable")]
    image = dataset.boxes.image[rows]
    side = np.sqrt(np.maximum(geometry.area(dataset.boxes.xywh[rows]), 0))
    starts = np.flatnonzero(np.diff(image, prepend=-1))
    for start, end in pairwise([*starts, len(image)]):
        sizes[image[start]] = np.median(side[start:end])
    return sizes


def _attribute(name: str, values: Sequence[Any]) -> Attribute | str:
    """Divide images by a property; the reason where it does not divide them."""
    known = [value for value in values if value is not None and value == value]
    if any(not isinstance(value, (str, int, float)) for value in known):
        return "neither a number nor text"
    distinct = set(known)
    if len(distinct) < 2:
        return _ONE_VALUE if distinct else "no value"
    if len(distinct) <= _MOST_VALUES:
        ordered = sorted(distinct, key=lambda value: (isinstance(value, str), value))
        number = {value: index for index, value in enumerate(ordered)}
        index = [number.get(value, -1) for value in values]
        return Attribute(name, [_text(value) for value in ordered], np.array(index, dtype=np.int64))
    if any(isinstance(value, str) for value in known):
        return counted(len(distinct), "different text")
    return _quarters(
        name, np.array([math.nan if value is None else value for value in values], float)
    )


def _quarters(name: str, values: NDArray[np.float64]) -> Attribute:
    """Divide images into quarters by a number."""
    edges = np.unique(np.nanquantile(values, _QUARTERS))
    index = np.searchsorted(edges, values, side="left")
    shown = [f"{edge:.4g}" for edge in edges]
    names = [f"to {shown[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(shown)]
    names.append(f"over {shown[-1]}")
    return Attribute(name, names, np.where(np.isnan(values), -1, index).astype(np.int64))


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
