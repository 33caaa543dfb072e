"""Probes that are a part of a split."""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePosixPath

from tests.campaign.oracle.labels import Image, Labels
from tests.campaign.oracle.reading import NotLookedAtError, name_of, number, text, text_of
from tests.campaign.oracle.split_images import meant_by
from tests.campaign.project import Entry, read

Table = dict[str, object]
_SITE = re.compile(r"site == '([^']*)'")
_BOXES = re.compile(r"boxes (==|>) (\d+)")
_WIDTH = re.compile(r"width > (\d+)")


def chosen_rows(files: dict[str, Entry], table: Table, split: Labels, pattern: str) -> list[int]:
    """The rows of a split that a query chooses; refused where that is not certain of all."""
    rows = list(range(len(split.images)))
    condition = text(table["where"]).strip() if "where" in table else ""
    strays = [
        name for name in split.strays if not (table.get("empty") and _has_objects(split, name))
    ]
    if not all(_is_elsewhere(stray, condition, pattern) for stray in strays):
        raise NotLookedAtError("labels of missing images")
    if "list" in table:
        listed = _listed(files, text(table["list"]), split)
        rows = [row for row in rows if row in listed]
    if "where" in table:
        rows = [row for row in rows if _holds(condition, split, row, pattern)]
    if table.get("empty"):
        empty = [row for row in rows if not split.of_image(row)]
        unknown = {*split.unlabelled, *split.shapes}
        if any(
            _stem(split.images[row]) in unknown or split.images[row].file_name in unknown
            for row in empty
        ):
            raise NotLookedAtError("nobody said that an image is empty")
        rows = empty
    if not rows:
        raise NotLookedAtError("no image is chosen")
    return rows


def part_of(split: Labels, rows: list[int]) -> Labels:
    """The labels of some images of a split."""
    location = {row: index for index, row in enumerate(rows)}
    images = [split.images[row] for row in rows]
    own = {_stem(image) for image in images} | {image.file_name for image in images}
    return dataclasses.replace(
        split,
        images=images,
        annotations=[
            dataclasses.replace(annotation, image=location[annotation.image])
            for annotation in split.annotations
            if annotation.image in location
        ],
        unlabelled=[name for name in split.unlabelled if name in own],
        shapes=[name for name in split.shapes if name in own],
    )


def _stem(image: Image) -> str:
    return name_of(PurePosixPath(image.file_name).with_suffix("").as_posix())


def _listed(files: dict[str, Entry], path: str, split: Labels) -> set[int]:
    names = [image.file_name for image in split.images]
    rows = set()
    for line in text_of(read(files, path), path).splitlines():
        if line.strip():
            best = meant_by(name_of(line.strip()), names)
            if len(best) != 1:
                raise NotLookedAtError(f"{path}: {line!r} means {len(best)} images")
            rows.add(names.index(best[0]))
    return rows


def _has_objects(split: Labels, stray: str) -> bool:
    """Whether the label of a missing image has objects, so that the image is not empty."""
    stem = name_of(PurePosixPath(stray).with_suffix("").as_posix())
    return any(
        split.of_image(row) for row, image in enumerate(split.images) if _stem(image) == stem
    )


def _is_elsewhere(stray: str, condition: str, pattern: str) -> bool:
    """Whether the name of a missing image says that the condition leaves it out."""
    site = _SITE.fullmatch(condition)
    match = re.search(pattern, f"{PurePosixPath(stray).stem}.png")
    return site is not None and match is not None and match["site"] != site[1]


def _holds(condition: str, split: Labels, row: int, pattern: str) -> bool:
    image = split.images[row]
    if site := _SITE.fullmatch(condition):
        match = re.search(pattern, image.file_name)
        own = image.fields.get("site") if match is None else match["site"]
        if own is None:
            raise NotLookedAtError(f"{image.file_name} has no site")
        return str(own) == site[1]
    if boxes := _BOXES.fullmatch(condition):
        count = len(split.of_image(row))
        return count == int(boxes[2]) if boxes[1] == "==" else count > int(boxes[2])
    if width := _WIDTH.fullmatch(condition):
        if image.width is None:
            raise NotLookedAtError(f"{image.file_name} has no width")
        return number(image.width) > int(width[1])
    raise NotLookedAtError(f"where = {condition!r} is none that is known here")
