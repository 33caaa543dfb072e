"""Images in the order in which a GPU makes the least work of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from pytest_detgate.dataset.images.opening import image_size
from pytest_detgate.dataset.images.options import ImageOptions


def alike(images: Sequence[Path]) -> list[Path]:
    """The images, those of one size next to each other.

    Only images of one shape go through a model together; a batch that holds many sizes is mostly
    filled up with repetitions. Of each file no more than its head is read.
    """
    return sorted(images, key=_size)


def _size(image: Path) -> tuple[int, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Whoever decodes it says what is wrong.
        return image_size(str(image), ImageOptions()) or (0, 0)
