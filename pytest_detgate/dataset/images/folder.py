"""A folder of images as a data set without boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pytest_detgate.dataset.images.folder_files import image_files, other_files_gap
from pytest_detgate.dataset.images.options import AS_SHOWN, ImageOptions
from pytest_detgate.dataset.tables import BoxTable, Dataset, ImageTable, object_column
from pytest_detgate.errors import DataError


def read_folder(
    folder: Path, name: str, options: ImageOptions = AS_SHOWN, *, allow_other_files: bool = False
) -> Dataset:
    """Every image in `folder` and its sub-folders, sorted by name, as the probe `name`.

    Classes are not known: the folder says only that there is nothing to detect. Files that are no
    images, and folders that were not looked into, are a gap unless they are allowed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    listed = image_files(folder, options)
    gaps, notes = other_files_gap(listed.others, allowed=allow_other_files)
    file_names = object_column(listed.images)
    n = len(file_names)
    return Dataset(
        name=name,
        images_dir=folder,
        images=ImageTable(
            id=file_names.copy(),
            file_name=file_names,
            width=np.full(n, np.nan),
            height=np.full(n, np.nan),
        ),
        boxes=BoxTable(
            id=np.empty(0, dtype=np.int64),
            image_id=np.empty(0, dtype=np.int64),
            category_id=np.empty(0, dtype=np.int64),
            image=np.empty(0, dtype=np.int64),
            category=np.empty(0, dtype=np.int64),
            xywh=np.empty((0, 4)),
            area=np.empty(0),
            crowd=np.empty(0, dtype=np.bool_),
        ),
        classes=(),
        notes=notes,
        gaps=gaps,
        image_options=options,
    )
