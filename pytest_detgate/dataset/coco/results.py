"""Result files to detection tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_detgate.dataset.results.files import read_found
from pytest_detgate.dataset.results.reader import detection_table
from pytest_detgate.dataset.tables import Dataset, DetectionTable


def read_results(
    path: Path, dataset: Dataset, detector_classes: Sequence[str] = ()
) -> DetectionTable:
    """Read the detections of a split or probe from a result file.

    For what is matched and refused see `detection_table`. `detector_classes` replace the
    classes of a split or probe that has none, as a folder.
    """
    return detection_table(read_found([path]), dataset, detector_classes=detector_classes)
