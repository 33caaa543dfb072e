"""The images of a split whose labels do not list them, and what label formats share."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from tests.campaign.oracle.folders import is_image, names_below, size_of
from tests.campaign.oracle.labels import Image, Labels
from tests.campaign.oracle.reading import (
    NotKnownHereError,
    NotLookedAtError,
    key_of,
    name_of,
    number,
    text,
    text_of,
)
from tests.campaign.project import Entry, read

Files = dict[str, Entry]


def list_images(files: Files, labels: Labels, listed: Any = None) -> dict[str, int]:
    """List the image files of a split whose labels do not; the index of each by its stem.

    `listed` is a file that names them, one a line, by as much of their path as it likes.
    """
    there = [
        name
        for name in names_below(files, labels.folder)
        if is_image(files, f"{labels.folder}/{name}")
    ]
    chosen = there if listed is None else _named(files, text(listed, "list of images"), there)
    rows: dict[str, int] = {}
    for name in chosen:
        image = Image(key_of(name), name)
        size = size_of(files, f"{labels.folder}/{name}")
        if size is not None:
            image.width, image.height = size
        stem = name_of(PurePosixPath(name).with_suffix("").as_posix())
        if stem in rows and labels.format == "openimages":
            # Only a line of the file would be the label of both.
            raise NotKnownHereError(f"two images {stem!r}")
        if stem in rows:
            raise NotLookedAtError(f"two images share the label of {stem!r}")
        rows[stem] = len(labels.images)
        labels.images.append(image)
    return rows


def add_sizes(files: Files, labels: Labels) -> None:
    """Take a size that the labels do not give from the file of the image."""
    for image in labels.images:
        size = size_of(files, f"{labels.folder}/{image.file_name}")
        if size is not None and (image.width is None or image.height is None):
            image.width, image.height = size


def require_some_label(rows: dict[str, int], unlabelled: set[str]) -> None:
    """Refuse labels that belong to none of the images."""
    if rows and len(unlabelled) == len(rows):
        raise NotLookedAtError("no image has a label here")


def _named(files: Files, path: str, there: list[str]) -> list[str]:
    """The image that each line means: the one with the longest matching tail, or one that is
    missing."""
    chosen: dict[str, None] = {}
    for line in text_of(read(files, path), path).splitlines():
        if not line.strip():
            continue
        wanted = name_of(line.strip())
        best = meant_by(wanted, there)
        if len(best) > 1:
            raise NotLookedAtError(f"{path}: {line!r} means {len(best)} images")
        chosen[best[0] if best else wanted] = None
    return list(chosen)


def meant_by(wanted: str, names: list[str]) -> list[str]:
    """The images that a path may mean: those with the longest tail of it, where need be with
    another suffix than is written, or with one where none is."""
    best = longest_tails(wanted, names)
    stem = str(PurePosixPath(wanted).with_suffix(""))
    stems = {name: str(PurePosixPath(name_of(name)).with_suffix("")) for name in names}
    near = longest_tails(stem, list(stems.values()))
    return best or [name for name in names if stems[name] in near]


def longest_tails(wanted: str, names: list[str]) -> list[str]:
    """The names that share the most last parts with a path, at least one."""
    lengths = {name: _tail(wanted.split("/"), name_of(name).split("/")) for name in names}
    longest = max(lengths.values(), default=0)
    return [name for name, length in lengths.items() if length == longest > 0]


def is_tail(name: str, other: str) -> bool:
    """Whether a path ends with the other one, whichever is longer."""
    return name.endswith(f"/{other}") or other.endswith(f"/{name}")


def _tail(first: list[str], other: list[str]) -> int:
    """How many last parts two paths share."""
    length = 0
    while length < min(len(first), len(other)) and first[-1 - length] == other[-1 - length]:
        length += 1
    return length


def corners(left: Any, top: Any, right: Any, bottom: Any) -> tuple[float, float, float, float]:
    """A box from its corners."""
    x, y, end, base = map(number, (left, top, right, bottom))
    return (x, y, end - x, base - y)


def name_classes(labels: Labels) -> None:
    """The classes of a format that lists none: those that occur."""
    occur = sorted(
        {
            annotation.category
            for annotation in labels.annotations
            if annotation.category is not None
        }
    )
    labels.category_key = {key_of(name): name for name in occur}
    labels.ids += [("category", key) for key in labels.category_key]
