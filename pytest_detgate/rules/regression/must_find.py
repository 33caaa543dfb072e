"""Images and objects that a model may never miss."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.rules.rule import OptionError, option_check, refuse


class MustFind(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Objects that may never be missed: all of an image, or one annotation. With both, the
    annotation must be on the image."""

    image: (
        Annotated[
            str,
            Meta(min_length=1, description="File name of an image, or a pattern such as `gate_*`."),
        ]
        | None
    ) = None
    annotation: Annotated[int | str, Meta(description="Id of an annotation.")] | None = None


@option_check
def require_entries(entries: Sequence[MustFind], key: str) -> None:
    """Refuse entries that name nothing."""
    for number, entry in enumerate(entries):
        if entry.image is None and entry.annotation is None:
            refuse(OptionError("names nothing; give image or annotation", key, entry=number))


def objects_named(
    entries: Sequence[MustFind], dataset: Dataset, box: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which objects entries name, (G,), from their rows in the table of boxes, (G,).

    `DataError` for an entry that names no object that is to be found: a name with a mistake would
    guard nothing.
    """
    image = dataset.images.file_name[dataset.boxes.image[box]].tolist()
    ids = [str(value) for value in dataset.boxes.id[box].tolist()]
    named = np.zeros(len(box), dtype=np.bool_)
    for entry in entries:
        inside = np.ones(len(box), dtype=np.bool_)
        if entry.image is not None:
            inside &= [entry.image == name or fnmatch.fnmatchcase(name, entry.image)
                       for name in image]  # fmt: skip
        if entry.annotation is not None:
            inside &= [str(entry.annotation) == annotation for annotation in ids]
        if not inside.any():
            raise DataError(f"must-find: {_named(entry, dataset)}")
        named |= inside
    return named


def _named(entry: MustFind, dataset: Dataset) -> str:
    """Say that an entry names no object, with the nearest name."""
    where = "" if entry.image is None else f" on image {entry.image!r}"
    if entry.annotation is not None:
        return f"{dataset.name} has no annotation {entry.annotation!r} to find{where}"
    names = dataset.images.file_name.tolist()
    known = any(fnmatch.fnmatchcase(name, entry.image or "") for name in names)
    hint = "" if known else nearest(entry.image or "", names)
    return f"{dataset.name} has no object to find{where}{hint}"
