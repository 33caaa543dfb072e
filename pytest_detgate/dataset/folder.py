"""A folder of pictures as a data set without boxes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from pytest_detgate.dataset.image_options import AS_SHOWN, ImageOptions
from pytest_detgate.dataset.tables import BoxTable, Dataset, ImageTable
from pytest_detgate.errors import DataError

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def read_folder(folder: Path, name: str, options: ImageOptions = AS_SHOWN) -> Dataset:
    """Every picture in `folder` and its sub-folders, sorted by name, as the probe `name`.

    Classes are not known: the folder says only that there is nothing to detect.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    file_names = np.array(picture_names(folder), dtype=object)
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
        image_options=options,
    )


def picture_names(folder: Path) -> list[str]:
    """Every picture in a folder and its sub-folders, relative to it, sorted."""
    found = []
    for directory, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        relative = Path(directory).relative_to(folder)
        found += [
            (relative / file).as_posix()
            for file in files
            if not file.startswith(".") and Path(file).suffix.lower() in PICTURE_SUFFIXES
        ]
    return sorted(found)
