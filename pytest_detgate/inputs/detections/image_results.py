"""The results of a model on single images, as those of a split or probe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.images.options import refused_links
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.detections import ImageDetections, ImageResult, UnreadableImage
from pytest_detgate.errors import DetectorError
from pytest_detgate.gaps import Gap, gap
from pytest_detgate.record.formatting import counted


def detections_by_row(
    dataset: Dataset, rows: NDArray[np.int64], results: Mapping[Path, ImageResult]
) -> tuple[dict[int, ImageDetections], tuple[Gap, ...]]:
    """Return the detections by row, and the rows without a result; `DetectorError` if an image
    cannot be read."""
    by_row: dict[int, ImageDetections] = {}
    unreadable = []
    not_finite = []
    for row in rows.tolist():
        result = results[dataset.image_path(row)]
        name = dataset.images.file_name[row]
        if isinstance(result, UnreadableImage):
            unreadable.append(f"{name}: {result.reason}")
        elif isinstance(result, ImageDetections):
            by_row[row] = result
        else:
            not_finite.append(f"{name} ({result.output})")
    if unreadable:
        raise DetectorError(
            f"{len(unreadable)} of {counted(len(rows), 'image')} of {dataset.name} cannot be "
            f"read, first "
            f"{unreadable[0]}",
            of_data=True,
        )
    images = "image makes" if len(not_finite) == 1 else "images make"
    text = f"{images} the model give NaN or infinity"
    return by_row, gap("outputs-not-finite", "images", not_finite, text, of_data=False)


def refused_images(dataset: Dataset) -> dict[Path, UnreadableImage]:
    """Return the images that leave their folder by a link, which no model may read."""
    names = dataset.images.file_name.tolist()
    refused = refused_links(dataset.images_dir, names, dataset.image_options)
    return {
        dataset.image_path(row): UnreadableImage(refusal.reason) for row, refusal in refused.items()
    }
