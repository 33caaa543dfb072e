"""Which image of a split or probe a result file means: by id, by file name, or by its stem."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.ids import repeated, rows_of, shown_id
from pytest_detgate.dataset.images.names import AmbiguousNameError, FileNames
from pytest_detgate.dataset.images.paths import is_absolute, parts_of
from pytest_detgate.dataset.results.found_rows import FoundRows
from pytest_detgate.dataset.results.meant_images import meant_image
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError, nearest

Rows = NDArray[np.int64]


class ImageRows(NamedTuple):
    """The image row of each detection, `UNLISTED` where it is one of another split or probe, and
    the rows of the images that the file lists; None where it has no list. `note` says that the
    file has paths in other folders, or nothing."""

    of_detections: Rows
    listed: Rows | None
    note: str = ""


class DatasetImages:
    """The images of one split or probe, by what result files call them."""

    def __init__(self, dataset: Dataset, results: FoundRows) -> None:
        self.dataset = dataset
        self._path = results.path
        self._has_file_of_image = results.has_names
        self._rows: dict[Any, int] = {}
        self._written: dict[int, str] = {}

    def by_id(self, wanted: NDArray[Any]) -> Rows:
        """The rows of images by their ids."""
        twice = repeated(self.dataset.images.id)
        if twice and len(wanted):
            raise DataError(
                f"{self._path}: image id {twice[0]!r} is used for several images of "
                f"{self.dataset.name}; add an `images` list with file names to the result file"
            )
        return rows_of(wanted, self.dataset.images.id)

    def by_name(self, wanted: NDArray[Any]) -> Rows:
        """The rows of images by as much of their path as is written, with or without suffix; a
        number is a stem that is this number. `DataError` where that may be several images, and
        where several images of the file, in other folders, would be one."""
        for value in dict.fromkeys(wanted.tolist()):
            if value not in self._rows:
                self._rows[value] = self._row(value)
                self._refuse_other_folder(value, self._rows[value])
        rows = (self._rows[value] for value in wanted.tolist())
        return np.fromiter(rows, dtype=np.int64, count=len(wanted))

    def file(self, row: int) -> str:
        """The real path of an image."""
        return os.path.realpath(self.dataset.image_path(row))

    def note_on_folders(self) -> str:
        """Say for how many images the paths in the file are in other folders than the images that
        they were taken for; nothing where all may be the same."""
        others = [(row, text) for row, text in self._written.items() if self._is_elsewhere(row)]
        if not others:
            return ""
        row, text = others[0]
        images = "image of" if len(others) == 1 else "images of"
        return (
            f"{self._path}: {len(others):,} {images} {self.dataset.name} matched by name only, in "
            f"other folders: {text!r} is taken for {self.dataset.image_path(row)}"
        )

    def _is_elsewhere(self, row: int) -> bool:
        """Whether the folders before a name disagree. Of an absolute path only the last tells
        something: the file may come from another machine."""
        written = parts_of(self._written[row])
        if is_absolute(self._written[row]):
            written = written[-2:]
        paths = os.path.normpath(self.dataset.image_path(row)), self.file(row)
        return not any(_may_be_one(written, parts_of(path)) for path in paths)

    def _row(self, value: object) -> int:
        text = str(value)
        if not text.strip("./\\"):
            return UNLISTED
        try:
            name = self._index.find(text, any_suffix=False)
        except AmbiguousNameError as error:
            example = str(self.dataset.images.file_name[0])
            raise DataError(
                f"{self._path}: image {error}; expected a file name such as {example!r}"
            ) from None
        names = set() if name is None else {name}
        if text.isdigit() and (isinstance(value, int) or not names):
            names.update(self._numeric_stems.get(int(text), ()))
        if len(names) > 1:
            raise DataError(
                f"{self._path}: image {value!r} may be any of {counted(len(names), 'file')} of "
                f"{self.dataset.name}: {', '.join(sorted(names)[:5])}; expected a file name"
            )
        return self._row_of_name[names.pop()] if names else UNLISTED

    def _refuse_other_folder(self, value: object, row: int) -> None:
        """Raise `DataError` where another path of the file was taken for this image before."""
        if row == UNLISTED or not isinstance(value, str):
            return
        other = self._written.setdefault(row, value)
        # In a folder with a file for each image, two files are two images.
        is_one = not self._has_file_of_image and _may_be_one(parts_of(value), parts_of(other))
        if other != value and not is_one:
            raise DataError(
                f"{self._path}: {other!r} and {value!r} are two images of the file, and both would "
                f"be {self.dataset.images.file_name[row]} of {self.dataset.name}; give a file with "
                "the images of this split alone"
            )

    @cached_property
    def _index(self) -> FileNames:
        names = self.dataset.images.file_name
        if repeated(names):
            raise DataError(
                f"{self._path}: cannot be matched by file name: {self.dataset.name} lists "
                f"{repeated(names)[0]!r} more than once"
            )
        return FileNames(names.tolist())

    @cached_property
    def _row_of_name(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._index.names)}

    @cached_property
    def _numeric_stems(self) -> dict[int, list[str]]:
        """Images by the number that their stem is: Ultralytics writes `000123.jpg` as 123."""
        stems: dict[int, list[str]] = {}
        for name in self._index.names:
            stem = PurePosixPath(name).stem
            if stem.isdigit():
                stems.setdefault(int(stem), []).append(name)
        return stems


def _may_be_one(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two paths agree in as many folders as both have."""
    shared = min(len(first), len(second)) - 1
    return shared < 1 or first[-1 - shared : -1] == second[-1 - shared : -1]


class _Assigned(NamedTuple):
    """Rows of the split or probe, and which of the wanted are in no split or probe at all."""

    own: Rows
    missing: NDArray[np.bool_]


def image_rows(results: FoundRows, dataset: Dataset, others: Sequence[Dataset]) -> ImageRows:
    """Match the images of a result file to those of a split or probe.

    `others` are further ones that the file serves; an image of theirs is no image of this one. An
    image of none of them raises `DataError` with an example of what is expected.
    """
    served = [DatasetImages(served_dataset, results) for served_dataset in (dataset, *others)]
    if results.images is not None:
        return _rows_of_listed(results, served)
    if results.file_name is not None or results.has_names:
        names = results.image if results.file_name is None else results.file_name
        assigned = _assigned(results, served, names, DatasetImages.by_name)
        _refuse_missing(results, assigned, lambda row: repr(names[row]), dataset)
        listed = _looked_at(results, served)
        return ImageRows(assigned.own, listed, served[0].note_on_folders())
    assigned = _assigned(results, served, results.image, DatasetImages.by_id)
    if assigned.missing.any():
        # Ids of one file are all of one kind: a stem may happen to be the id of another image.
        named = _assigned(results, served, results.image, DatasetImages.by_name)
        if np.count_nonzero(named.missing) < np.count_nonzero(assigned.missing):
            assigned = named
    if dataset.annotations is None and len(results) and assigned.missing.all():
        raise DataError(
            f"{results.path}: {dataset.name} is a folder, so its images have no ids; add an "
            "`images` list with file names, or use the file name as image_id"
        )
    _refuse_missing(
        results, assigned, lambda row: f"image_id {shown_id(results.image, row)}", dataset
    )
    return ImageRows(assigned.own, None, served[0].note_on_folders())


def _rows_of_listed(results: FoundRows, served: Sequence[DatasetImages]) -> ImageRows:
    assert results.images is not None
    listed, path = results.images, results.path
    if repeated(listed.id):
        raise DataError(f"{path}: image id {repeated(listed.id)[0]!r} is used twice")
    position = rows_of(results.image, listed.id)
    results.refuse_first(
        position == UNLISTED,
        lambda row: f"image_id {shown_id(results.image, row)} is not among its images",
    )
    assigned = _assigned(results, served, listed.file_name, DatasetImages.by_name)
    _refuse_listed_twice(results, assigned.own, served[0].dataset)
    missing = _Assigned(assigned.own[position], assigned.missing[position])
    _refuse_missing(
        results, missing, lambda row: repr(listed.file_name[position[row]]), served[0].dataset
    )
    listed_rows = assigned.own[assigned.own != UNLISTED]
    return ImageRows(missing.own, listed_rows, served[0].note_on_folders())


def _refuse_listed_twice(results: FoundRows, own: Rows, dataset: Dataset) -> None:
    """Raise `DataError` for an image that a file lists under two ids: the detections of two images
    would be those of one."""
    assert results.images is not None
    rows, count = np.unique(own[own != UNLISTED], return_counts=True)
    for row in rows[count > 1][:1].tolist():
        ids = [
            shown_id(results.images.id, row_of_list)
            for row_of_list in np.flatnonzero(own == row)[:2].tolist()
        ]
        name = dataset.images.file_name[row]
        raise DataError(
            f"{results.path}: lists {name} of {dataset.name} twice, as image {ids[0]} and {ids[1]}"
        )


def _looked_at(results: FoundRows, served: Sequence[DatasetImages]) -> Rows | None:
    """The rows of the images that the file has a file for, where only those may have been seen."""
    if results.looked_at is None:
        return None
    rows = _assigned(results, served, results.looked_at, DatasetImages.by_name)
    if rows.missing.any():
        first = results.looked_at[int(np.flatnonzero(rows.missing)[0])]
        dataset = served[0].dataset
        hint = nearest(str(first), dataset.images.file_name.tolist())
        raise DataError(f"{results.path}: {first!r} is not an image of {dataset.name}{hint}")
    own: Rows = rows.own[rows.own != UNLISTED]
    return own


def _assigned(
    results: FoundRows,
    served: Sequence[DatasetImages],
    wanted: NDArray[Any],
    look_up: Callable[[DatasetImages, NDArray[Any]], Rows],
) -> _Assigned:
    own, *others = (look_up(images, wanted) for images in served)
    missing = own == UNLISTED
    for images, rows in zip(served[1:], others, strict=True):
        missing &= rows == UNLISTED
        _refuse_shared(results, wanted, (served[0], own), (images, rows))
    return _Assigned(own, np.asarray(missing))


def _refuse_shared(
    results: FoundRows,
    wanted: NDArray[Any],
    own: tuple[DatasetImages, Rows],
    other: tuple[DatasetImages, Rows],
) -> None:
    """Raise `DataError` where an id is that of two images, which are not one file."""
    both = np.flatnonzero((own[1] != UNLISTED) & (other[1] != UNLISTED))
    pairs = dict.fromkeys(zip(own[1][both].tolist(), other[1][both].tolist(), strict=True))
    for row, other_row in pairs:
        if own[0].file(row) != other[0].file(other_row):
            row_found = int(both[(own[1][both] == row) & (other[1][both] == other_row)][0])
            raise DataError(
                f"{results.path}: image {wanted[row_found : row_found + 1].tolist()[0]!r} is "
                f"{own[0].dataset.images.file_name[row]!r} of {own[0].dataset.name} and "
                f"{other[0].dataset.images.file_name[other_row]!r} of {other[0].dataset.name}; "
                "give a file for each"
            )


def _refuse_missing(
    results: FoundRows, rows: _Assigned, say: Callable[[int], str], dataset: Dataset
) -> None:
    def text(row: int) -> str:
        example = say(row)
        written = example.removeprefix("image_id ").strip("'")
        return f"{example} is not an image of {dataset.name}{meant_image(written, dataset)}"

    results.refuse_first(rows.missing, text)
