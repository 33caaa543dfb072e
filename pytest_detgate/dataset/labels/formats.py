"""The label formats that a split may have besides COCO."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import Dataset


def label_readers() -> Mapping[str, Callable[[SplitFiles], Dataset]]:
    """The reader of each format, by the name that `detgate.toml` gives it."""
    from pytest_detgate.dataset.labels.cvat import read_cvat
    from pytest_detgate.dataset.labels.openimages import read_openimages
    from pytest_detgate.dataset.labels.voc import read_voc
    from pytest_detgate.dataset.labels.yolo import read_yolo

    return {"yolo": read_yolo, "voc": read_voc, "cvat": read_cvat, "openimages": read_openimages}
