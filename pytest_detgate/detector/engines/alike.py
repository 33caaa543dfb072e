"""Images in the order in which a GPU makes the least work of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from PIL import Image


def alike(images: Sequence[Path]) -> list[Path]:
    """The images, those of one size next to each other.

    Only images of one shape go through a model together; a batch that holds many sizes is mostly
    filled up with repetitions. Of each file no more than its head is read.
    """
    return sorted(images, key=_size)


def _size(image: Path) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(image) as picture:
                return picture.size
    except Exception:  # whoever decodes it says what is wrong
        return (0, 0)
