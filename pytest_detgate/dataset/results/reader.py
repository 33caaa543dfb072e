"""Result files to one table of the detections of a split or probe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import MAX_AREA, area, usable_area
from pytest_detgate.dataset.coco.result_coverage import coverage_gaps
from pytest_detgate.dataset.images.sizes import with_sizes_of_files
from pytest_detgate.dataset.results.class_ids import UNKNOWN, Numbering, class_rows
from pytest_detgate.dataset.results.files import joined_digest
from pytest_detgate.dataset.results.found_rows import FoundRows
from pytest_detgate.dataset.results.image_names import image_rows
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable
from pytest_detgate.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """What one file says of a split or probe: columns of its detections there, and the images and
    classes that it lists, None where it has no list."""

    results: FoundRows
    classes: tuple[str, ...]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    xywh: NDArray[np.float64]
    score: NDArray[np.float64]
    listed: NDArray[np.int64] | None
    note: str


def detection_table(
    files: Sequence[FoundRows],
    dataset: Dataset,
    *,
    detector_classes: Sequence[str] = (),
    others: Sequence[Dataset] = (),
    numbering: Numbering = UNKNOWN,
) -> DetectionTable:
    """Return the detections of all images of a split or probe.

    Where a file lists its images and classes they are matched by name, and those that no file lists
    are gaps of the table. `others` are further splits and probes that the same files serve.
    `detector_classes` replace the classes of a split or probe that has none, as a folder.
    What does not fit, and an image with detections in two files, raises `DataError`.
    """
    parts = [_part(results, dataset, others, numbering) for results in files]
    _refuse_overlaps(parts, dataset)
    classes = tuple(dict.fromkeys(name for part in parts for name in part.classes))
    index = {name: row for row, name in enumerate(classes)}
    image = np.concatenate([part.image for part in parts])
    listed = [part.listed for part in parts if part.listed is not None]
    unlisting = [part.results for part in parts if part.listed is None and len(part.results)]
    # A bare list without rows says of no image that it was seen, beside files that name theirs too.
    all_list = bool(listed) and not unlisting
    listed_images = np.unique(np.concatenate(listed)) if all_list else None
    return DetectionTable(
        classes=classes,
        image=image,
        category=np.concatenate(
            [
                np.array([index[name] for name in part.classes], dtype=np.int64)[part.category]
                for part in parts
            ]
        ),
        xywh=np.concatenate([part.xywh for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        sha256=joined_digest([(part.results.path, part.results.sha256) for part in parts]),
        covers_known=all_list,
        gaps=coverage_gaps(
            dataset,
            listed_images=listed_images,
            listed_classes=_listed_by_all(parts),
            expected_classes=dataset.classes or detector_classes,
            detections=len(image),
        ),
        notes=(
            *(note for part in parts for note in part.results.notes),
            *(part.note for part in parts if part.note),
            *(_unlisted(unlisting, image, dataset) if unlisting and listed_images is None else ()),
        ),
    )


def _part(
    results: FoundRows, dataset: Dataset, others: Sequence[Dataset], numbering: Numbering
) -> _Part:
    images = image_rows(results, dataset, others)
    classes, category = class_rows(results, dataset, numbering)
    own = np.flatnonzero(images.of_detections != UNLISTED)
    image = images.of_detections[own]
    xywh = _pixels(results, own, image, dataset)
    _refuse_boundless(results, own, xywh)
    return _Part(
        results=results,
        classes=classes,
        image=image,
        category=category[own],
        xywh=xywh,
        score=results.score[own],
        listed=images.listed,
        note=images.note,
    )


def _pixels(
    results: FoundRows, own: NDArray[np.int64], image: NDArray[np.int64], dataset: Dataset
) -> NDArray[np.float64]:
    if results.xywh is not None:
        return results.xywh[own]
    assert results.shares is not None
    images = dataset.images
    size = np.full((len(images), 2), 1.0)
    used = np.unique(image)
    size[used] = with_sizes_of_files(
        dataset.images_dir,
        images.file_name[used].tolist(),
        np.column_stack([images.width[used], images.height[used]]),
        dataset.image_options,
    )
    unknown = used[np.isnan(size[used]).any(axis=1)]
    if len(unknown):
        raise DataError(
            f"{results.path}: its boxes are shares of their image, and the size of "
            f"{images.file_name[unknown[0]]} is not known: it cannot be opened"
        )
    with np.errstate(over="ignore"):
        pixels: NDArray[np.float64] = results.shares[own] * np.tile(size, 2)[image]
    return pixels


def _refuse_boundless(
    results: FoundRows, own: NDArray[np.int64], xywh: NDArray[np.float64]
) -> None:
    """Raise `DataError` for a box that no image can have. AP leaves it out without a word, and what
    is computed of it is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        is_box = (np.abs(xywh) <= MAX_AREA).all(axis=1) & usable_area(area(xywh))
    wrong = np.zeros(len(results), dtype=np.bool_)
    wrong[own[~is_box]] = True
    results.refuse_first(
        wrong, lambda row: f"box {xywh[own == row][0].tolist()} is larger than any image"
    )


def _refuse_overlaps(parts: Sequence[_Part], dataset: Dataset) -> None:
    """Raise `DataError` for an image that has detections in two files: one of them twice, or two
    models in one."""
    seen: dict[int, _Part] = {}
    for part in parts if len(parts) > 1 else ():
        for row in np.unique(part.image).tolist():
            if row in seen:
                raise DataError(
                    f"{part.results.path}: has detections of {dataset.images.file_name[row]}, "
                    f"and so has {seen[row].results.path}; several files of a split must "
                    "share no image"
                )
        seen.update(dict.fromkeys(np.unique(part.image).tolist(), part))


def _listed_by_all(parts: Sequence[_Part]) -> tuple[str, ...] | None:
    """The classes that each file lists which has images here, in it or beside it: on the images of
    any other file a class was not looked for. None where no such file lists classes."""
    lists = [
        part.classes
        for part in parts
        if (part.results.classes is not None or part.results.class_names is not None)
        and (part.listed is None or len(part.listed))
    ]
    return (
        tuple(name for name in lists[0] if all(name in listed for listed in lists))
        if lists
        else None
    )


def _unlisted(
    files: Sequence[FoundRows], image: NDArray[np.int64], dataset: Dataset
) -> Iterator[str]:
    """What a reader must know of files that do not say which images they cover, if images lack
    rows."""
    total = len(dataset.images)
    without = total - len(np.unique(image))
    if not without:
        return
    yield (
        f"{files[0].path} {files[0].kind}: images without rows count as images without detections "
        f"({without:,} of {total:,})"
    )
