"""What the top level of a COCO file holds."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pytest_detgate.dataset.ids import Id


class CocoCategory(msgspec.Struct):
    id: Id | float
    name: str
    supercategory: Any = None


class CocoFile(msgspec.Struct):
    """A COCO file with its long arrays still as text."""

    images: Raw
    categories: list[CocoCategory]
    annotations: Raw | UnsetType = UNSET


def long_arrays(file: CocoFile) -> list[Raw]:
    """The arrays that are still text."""
    return [file.images, *([] if file.annotations is UNSET else [file.annotations])]
