"""The image that somebody probably meant by an id or a name that is not there."""

from __future__ import annotations

from pathlib import PurePosixPath

from pytest_detgate.dataset.ids import shown_id
from pytest_detgate.dataset.images.names import FileNames
from pytest_detgate.dataset.keys import near_key
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import nearest


def meant_image(written: str, dataset: Dataset) -> str:
    """Say which image of a split or probe is near a written id or name, else what is expected."""
    names, ids = dataset.images.file_name, dataset.images.id
    index = FileNames(names.tolist())
    near = index.near(written)
    if index.find_only(written, any_suffix=False) is not None:
        return f" by its id, as others are{near}: give the id or the file name of all"
    if near:
        return near
    folded = {near_key(str(image_id)): image_id for image_id in ids.tolist()}
    if near_key(written) in folded:
        return f"; did you mean {folded[near_key(written)]!r}?"
    hint = nearest(written, names.tolist())
    if hint or not len(names):
        return hint
    by_id = "" if ids[0] == names[0] else f"{shown_id(ids, 0)}, "
    stem = PurePosixPath(str(names[0])).stem
    return f"; expected an id, a file name or its stem, such as {by_id}{names[0]!r} or {stem!r}"
