"""The images of a split whose label format does not list them, and which labels belong to each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.folder_files import image_files, other_files_gap
from pytest_detgate.dataset.images.names import (
    AmbiguousNameError,
    FileNames,
    listed_names,
    name_of_missing,
    require_one_line,
)
from pytest_detgate.dataset.images.sizes import sizes_of_files
from pytest_detgate.dataset.keys import keys
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Gap, gap

NO_LABEL = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFolder:
    """The images of a split: `rows` are their names in the order of the tables, with whether they
    are there. `index` finds those that are there, `others` are files that are no images, `gaps` and
    `notes` say so."""

    files: SplitFiles
    rows: dict[str, bool]
    index: FileNames
    others: tuple[str, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]

    def find(self, text: str, hints: Sequence[str] = (), label: str | None = None) -> str | None:
        """The image that a label means by a path; `DataError` where it may be several.

        Where near names count, it is the one image with a near name, else with that of the file
        `label` that has the path.
        """
        try:
            name = self.index.find(text, hints)
        except AmbiguousNameError as error:
            raise DataError(f"{self.files.labels}: {error}") from None
        if name is None and self.files.match_near:
            near = self.index.near_names
            name = near.only(text) or (None if label is None else near.only(label))
        return name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledImages:
    """One row an image: `names`, whether it `is_there` (n,) bool, and the number of its label,
    `label` (n,) int64, `NO_LABEL` for none. `gaps` and `notes` are facts about them."""

    names: list[str]
    is_there: NDArray[np.bool_]
    label: NDArray[np.int64]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]

    @property
    def unlabelled(self) -> NDArray[np.bool_]:
        """(n,) bool, the images without a label."""
        return np.asarray(self.label == NO_LABEL)


def split_images(files: SplitFiles, is_expected: Callable[[str], bool]) -> ImageFolder:
    """Find the images that the file `files.listed` names, else all of the folder.

    `is_expected` tells the files that may lie among them. One that is listed and not there keeps
    its name, so that it is missed where files are looked for. `DataError` where the folder cannot
    be read, a listed name may mean several images, or several lines mean one.
    """
    if not files.images.is_dir():
        raise DataError(f"{files.images}: no such folder of images")
    listed = image_files(files.images, files.image_options, is_expected)
    index = FileNames(listed.images, listed.others)
    if files.listed is None:
        gaps, notes = other_files_gap(listed.others, allowed=files.allow_other_files)
        return ImageFolder(
            files=files,
            rows=dict.fromkeys(listed.images, True),
            index=index,
            others=listed.others,
            gaps=gaps,
            notes=notes,
        )
    rows: dict[str, bool] = {}
    lines: dict[str, str] = {}
    with named(files.listed):
        for text in listed_names(files.listed):
            name = index.find(text)
            if name is None and files.match_near:
                name = index.near_names.only(text)
            meant = name or name_of_missing(text)
            require_one_line(lines, meant, text)
            rows.setdefault(meant, name is not None)
    return ImageFolder(files=files, rows=rows, index=index, others=(), gaps=(), notes=())


def with_labels(
    folder: ImageFolder, labels: Sequence[str], images: Sequence[str | None]
) -> LabelledImages:
    """Give each image its label; `images` are those that the labels, of which `labels` are the
    names, belong to, as a name of the folder or of one that is not there.

    Without a list of the split, labels of images that are not there make rows. An image with two
    labels, and a split in which no image has one, raise `DataError`.
    """
    files = folder.files
    rows = dict(folder.rows)
    name_of = dict(zip(keys(list(rows)), rows, strict=True))
    in_folder: frozenset[str] | None = None
    own: dict[str, int] = {}
    for number, (image, its_key) in enumerate(zip(images, keys(images), strict=True)):
        if image is None:
            continue
        name = name_of.get(its_key)
        if name is None:
            in_folder = in_folder or frozenset(folder.index.names)
            if files.listed is not None or image in in_folder:
                continue  # an image of another split
            name = name_of[its_key] = image
            rows[name] = False
        if name in own:
            by_name = (
                '; match-names = "near" under [dataset] goes by the names of the labels'
                if not rows[name] and not files.match_near
                else ""
            )
            raise DataError(
                f"{files.labels}: {name} has two labels, {labels[own[name]]} and {labels[number]}"
                f"{by_name}"
            )
        own[name] = number
    n_there = sum(rows.values())
    if n_there and not files.is_part and not any(rows[name] for name in own):
        raise DataError(
            f"{files.labels}: none of the {counted(n_there, 'image')} of {files.images} has a "
            f"label here; is it the right folder or file?{_hint(folder, labels, own)}"
        )
    names = list(rows)
    missing = [row for row, name in enumerate(names) if not rows[name]]
    absent = [row for row in missing if names[row] in own]
    gone = [row for row in missing if names[row] not in own]
    near = folder.index.near
    return LabelledImages(
        names=names,
        is_there=np.array(list(rows.values()), dtype=np.bool_),
        label=np.array([own.get(name, NO_LABEL) for name in names], dtype=np.int64),
        gaps=(
            *folder.gaps,
            *gap(
                "labels-without-image",
                "images",
                [f"{labels[own[names[row]]]}{near(names[row])}" for row in absent],
                "labels belong to missing images",
                rows=absent,
            ),
            *gap(
                "unreadable-images",
                "images",
                [f"{names[row]}{near(names[row])}" for row in gone],
                "listed images are missing",
                rows=gone,
            ),
        ),
        notes=folder.notes,
    )


def _hint(folder: ImageFolder, labels: Sequence[str], own: Mapping[str, int]) -> str:
    """An image that a label may mean, whose name is near."""
    near = next(((name, there) for name in own if (there := folder.index.near(name))), None)
    if near is None:
        return ""
    name, there = near
    hint = "" if folder.files.match_near else '; match-names = "near" under [dataset] takes it'
    return f" {labels[own[name]]} is the label of {name}{there}{hint}"


def image_sizes(
    files: SplitFiles, images: LabelledImages
) -> tuple[NDArray[np.float64], tuple[Gap, ...]]:
    """(n, 2) width and height of each image as its file says, NaN where it cannot be read; and the
    gap that those make which are there and cannot be read."""
    size = sizes_of_files(files.images, images.names, files.image_options)
    unreadable = images.is_there & np.isnan(size).any(axis=1)
    rows = np.flatnonzero(unreadable).tolist()
    names = [images.names[row] for row in rows]
    return size, gap("unreadable-images", "images", names, "images cannot be opened", rows=rows)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Put a file in front of what is wrong with a name in it."""
    try:
        yield
    except AmbiguousNameError as error:
        raise DataError(f"{path}: {error}") from None
