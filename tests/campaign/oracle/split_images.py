"""The images of a split whose labels do not list them, and what label formats share."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from tests.campaign.oracle.folders import is_image, names_below, size_of
from tests.campaign.oracle.labels import Image, Labels
from tests.campaign.oracle.reading import NotLookedAtError, key_of, name_of, number
from tests.campaign.project import Entry

Files = dict[str, Entry]


def list_images(files: Files, labels: Labels) -> dict[str, int]:
    """List the image files of a split whose labels do not; the index of each by its stem."""
    rows: dict[str, int] = {}
    for name in names_below(files, labels.folder):
        if not is_image(files, f"{labels.folder}/{name}"):
            continue
        image = Image(key_of(name), name)
        size = size_of(files, f"{labels.folder}/{name}")
        if size is not None:
            image.width, image.height = size
        stem = name_of(PurePosixPath(name).with_suffix("").as_posix())
        if stem in rows:
            raise NotLookedAtError(f"two images share the label of {stem!r}")
        rows[stem] = len(labels.images)
        labels.images.append(image)
    return rows


def corners(left: Any, top: Any, right: Any, bottom: Any) -> tuple[float, float, float, float]:
    """A box from its corners."""
    x, y, end, base = map(number, (left, top, right, bottom))
    return (x, y, end - x, base - y)


def name_classes(labels: Labels) -> None:
    """The classes of a format that lists none: those that occur."""
    occur = sorted({one.category for one in labels.annotations if one.category is not None})
    labels.category_key = {key_of(name): name for name in occur}
    labels.ids += [("category", key) for key in labels.category_key]
