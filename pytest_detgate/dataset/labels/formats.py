"""The label formats that a split may have, and the readers of those besides COCO."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from pytest_detgate.dataset.labels.tables import SplitFiles
    from pytest_detgate.dataset.tables import Dataset

LabelFormat: TypeAlias = Literal[
    "coco",
    "yolo",
    "voc",
    "cvat",
    "openimages",
    "labelme",
    "labelstudio",
    "kitti",
    "scalabel",
    "datumaro",
]
FORMATS: tuple[LabelFormat, ...] = get_args(LabelFormat)
GIVES_CLIPS: frozenset[str] = frozenset({"cvat", "kitti", "scalabel"})
"""Formats whose labels may name the clips of their images."""
LISTS_IMAGES: frozenset[str] = frozenset({"coco", "cvat", "datumaro", "scalabel", "labelstudio"})
"""Formats whose labels list the images; of others the images are those of the folder."""


def label_readers() -> Mapping[str, Callable[[SplitFiles], Dataset]]:
    """The reader of each format, by the name that `detgate.toml` gives it."""
    from pytest_detgate.dataset.labels.cvat.cvat import read_cvat
    from pytest_detgate.dataset.labels.datumaro import read_datumaro
    from pytest_detgate.dataset.labels.kitti import read_kitti
    from pytest_detgate.dataset.labels.labelme.labelme import read_labelme
    from pytest_detgate.dataset.labels.labelstudio.labelstudio import read_labelstudio
    from pytest_detgate.dataset.labels.openimages import read_openimages
    from pytest_detgate.dataset.labels.scalabel import read_scalabel
    from pytest_detgate.dataset.labels.voc import read_voc
    from pytest_detgate.dataset.labels.yolo.yolo import read_yolo

    readers = {
        "yolo": read_yolo,
        "voc": read_voc,
        "cvat": read_cvat,
        "openimages": read_openimages,
        "labelme": read_labelme,
        "labelstudio": read_labelstudio,
        "kitti": read_kitti,
        "scalabel": read_scalabel,
        "datumaro": read_datumaro,
    }
    return {name: _without_collector(read) for name, read in readers.items()}


def _without_collector(read: Callable[[SplitFiles], Dataset]) -> Callable[[SplitFiles], Dataset]:
    """The same reader, while which nothing is collected: it makes a million objects that all stay,
    and the collector looks through them again and again."""

    @functools.wraps(read)
    def reading(files: SplitFiles) -> Dataset:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return read(files)
        finally:
            if was_enabled:
                gc.enable()

    return reading
