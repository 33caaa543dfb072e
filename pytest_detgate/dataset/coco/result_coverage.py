"""Which images and classes of a split or probe a result file covers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.gaps import Gap, gap


def coverage_gaps(
    dataset: Dataset,
    *,
    listed_images: NDArray[np.int64] | None,
    listed_classes: Sequence[str] | None,
    expected_classes: Sequence[str],
    detections: int,
) -> tuple[Gap, ...]:
    """What a result file leaves out.

    `listed_images` are the image rows that its own `images` name, `listed_classes` the names in
    its own `categories`; None where the file has no such list. Without a list of images a file
    with detections may have looked at every image, and one without any has shown nothing.
    `expected_classes` are those that a detector of this project has.
    """
    return (
        *_image_gaps(dataset, listed_images, detections),
        *_class_gaps(dataset, listed_classes, expected_classes),
    )


def _image_gaps(
    dataset: Dataset, listed: NDArray[np.int64] | None, detections: int
) -> Iterator[Gap]:
    names = dataset.images.file_name
    if listed is not None:
        missing = np.ones(len(names), dtype=np.bool_)
        missing[listed] = False
        yield from gap(
            "images-without-detections",
            "images",
            names[missing].tolist(),
            f"images of {dataset.name} are not listed in the result file",
            rows=np.flatnonzero(missing).tolist(),
        )
    elif not detections:
        yield from gap(
            "images-without-detections",
            "images",
            names.tolist(),
            f"images of {dataset.name}: the result file holds no detection and does not list the "
            "images that the detector saw",
            rows=range(len(names)),
            of_data=False,
        )


def _class_gaps(
    dataset: Dataset, listed: Sequence[str] | None, expected: Sequence[str]
) -> Iterator[Gap]:
    if listed is None:
        return
    missing = [name for name in expected if name not in listed]
    # A folder has no classes: what is missing adds to what was found.
    known = bool(dataset.classes)
    yield from gap(
        "classes-without-detections",
        "classes",
        missing,
        f"classes of {dataset.name} are not listed in the result file",
        listed=known,
    )
    if not listed and not missing:
        yield Gap(
            kind="classes-without-detections",
            unit="classes",
            count=1,
            text="the result file lists no class at all",
            listed=False,
        )
