"""How bright and how sharp images are."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.images.opening import open_image
from pytest_detgate.dataset.images.options import refused_links
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.progress import Progress
from pytest_detgate.regular_file import read_regular

# JPEG decodes to a part of its size for a fraction of the cost.
_SIDE = 256
_AT_ONCE = 1000


def appearance_of(dataset: Dataset, progress: Progress) -> NDArray[np.float64]:
    """Return the mean grey level, from 0 to 255, and the sharpness of each image, (n, 2).

    Sharpness is the variance of the Laplacian of an image that is at most 256 pixels wide and high.
    Both are NaN for an image that cannot be read.
    """
    options = dataset.image_options
    names = dataset.images.file_name.tolist()
    refused = refused_links(dataset.images_dir, names, options)
    found = np.full((len(names), 2), np.nan)
    rows = [row for row in range(len(names)) if row not in refused]

    def measure(row: int) -> tuple[float, float]:
        try:
            content = read_regular(dataset.image_path(row))
            return _measure(content, options.max_pixels)
        except Exception:  # each decoder has its own errors; `image-files` names them
            return np.nan, np.nan

    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
        progress.task(f"looking at images of {dataset.name}", len(names), "images") as advance,
    ):
        warnings.simplefilter("ignore")
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            found[some] = list(pool.map(measure, some))
            advance(len(some))
    return found


def _measure(content: bytes, max_pixels: int) -> tuple[float, float]:
    with open_image(content, max_pixels) as image:
        image.draft("L", (_SIDE, _SIDE))
        image.thumbnail((_SIDE, _SIDE))
        grey = np.asarray(image.convert("L"), dtype=np.float64)
    if min(grey.shape) < 3:
        return float(grey.mean()), 0.0
    edges = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(grey.mean()), float((edges - 4 * grey[1:-1, 1:-1]).var())
