"""Read-only column tables: one row an image, one row a box, one row a detection.

Arrays are frozen, so that a rule that changes its input fails at once instead of changing its
neighbour's answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.images.options import AS_SHOWN, ImageOptions
from pytest_detgate.dataset.keys import composed
from pytest_detgate.gaps import Gap

UNLISTED = -1
"""Row number of an image or class that the file refers to but does not list."""


class _Frozen:
    __slots__ = ()

    def __post_init__(self) -> None:
        for column in fields(self):  # type: ignore[arg-type]
            value = getattr(self, column.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            elif isinstance(value, Mapping):
                for array in value.values():
                    array.flags.writeable = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageTable(_Frozen):
    """One row an image.

    `id` as in the file (int64, or object where ids are text), `file_name` (n,) object,
    `width` and `height` (n,) float64 pixels, NaN where the file does not say,
    `fields` further columns that were asked for, None where an image lacks the field.
    `unlabelled` (n,) bool, where the format can tell, says that nobody said what is on the image:
    its label file is missing, which is not the same as an empty one.
    """

    id: NDArray[Any]
    file_name: NDArray[np.object_]
    width: NDArray[np.float64]
    height: NDArray[np.float64]
    fields: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    unlabelled: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.file_name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoxTable(_Frozen):
    """One row a ground-truth box.

    `image` and `category` (n,) int64 are row numbers into the images and the classes, `UNLISTED`
    where the file refers to one it does not list; `xywh` (n, 4) float64 in pixels; `area` (n,)
    float64, NaN where the file does not say; `crowd` (n,) bool. `id`, `image_id`, `category_id`
    as in the file; `id` is None where an annotation has none. `shares` (n, 4), of a format that
    writes them, are the boxes in shares of their image: those have no pixels (NaN in `xywh`) where
    the size of the image is not known.
    """

    id: NDArray[Any]
    image_id: NDArray[Any]
    category_id: NDArray[Any]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    xywh: NDArray[np.float64]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    shares: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: NDArray[np.int64]) -> BoxTable:
        """The same with some of its rows."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        taken: dict[str, Any] = {
            name: None if column is None else column[rows] for name, column in columns.items()
        }
        return BoxTable(**taken)

    @property
    def shapes(self) -> NDArray[np.float64]:
        """(n, 4) boxes that can be compared with those of the same image: in pixels, or in shares
        of the image where its size is not known."""
        if self.shares is None:
            return self.xywh
        return np.where(np.isnan(self.xywh), self.shares, self.xywh)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectionTable(_Frozen):
    """One row a detection.

    `image` (n,) int64 row numbers into the images of its split or probe, `category` (n,) int64
    indices into `classes`, `xywh` (n, 4) float64 in pixels, `score` (n,) float64.
    `score_floor` is the score below which its maker wrote nothing, where that is known, and
    `sha256` that of the result file that they were read from, if they were. `gaps` are the images
    and classes of which it is not known what the detector finds, `notes` facts that a reader of
    the report must know. `covers_known` says that it is known which images the detector saw.
    `uncut` (n, 4) are the boxes before they were cut at the edges of their images, where they were.
    """

    classes: tuple[str, ...]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    xywh: NDArray[np.float64]
    score: NDArray[np.float64]
    score_floor: float = 0.0
    sha256: str | None = None
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    covers_known: bool = True
    uncut: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        _Frozen.__post_init__(self)
        object.__setattr__(self, "classes", composed(self.classes))

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: NDArray[np.int64]) -> DetectionTable:
        """The same with some of its rows."""
        return replace(
            self,
            image=self.image[rows],
            category=self.category[rows],
            xywh=self.xywh[rows],
            score=self.score[rows],
            uncut=None if self.uncut is None else self.uncut[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part(_Frozen):
    """What a probe is a part of: the `whole` split, and the probe's `rows` (n,) int64 of its
    images, in its order. `query` says which images those are."""

    whole: Dataset
    rows: NDArray[np.int64]
    query: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """One split or probe: its images, its ground-truth boxes and its class names.

    `category_id` are the file's own ids of the classes, `supercategories` the groups that they are
    in, where the file says so. `has_class_list` is False where the classes are those that boxes
    have, `has_class_numbers` True where a class is its number in a list of names, from 0.
    `has_scores` says that labels have scores, as detections do.
    `placeholders` are names in the file that are no class, `chosen` the only classes that
    count, where `detgate.toml` lists them; `file_classes` are then id and name of all that the file
    lists. `notes` are facts about the file that a reader of the report must know, `gaps` what
    nothing can look at: an item passes over none of them unless its rule measures them.
    `image_options` say how its images are read. `known_fields` are the image fields that its format
    gives, except for COCO's, whose file has any. `part` is set for a probe that is a query over a
    split; its `sha256` is then that of the images and boxes that it has.
    """

    name: str
    images_dir: Path
    images: ImageTable
    boxes: BoxTable
    classes: tuple[str, ...]
    category_id: tuple[int | str, ...] = ()
    supercategories: tuple[str | None, ...] = ()
    has_class_list: bool = True
    has_class_numbers: bool = False
    has_scores: bool = False
    placeholders: tuple[str, ...] = ()
    file_classes: tuple[tuple[int | str, str], ...] | None = None
    chosen: tuple[str, ...] | None = None
    annotations: Path | None = None
    sha256: str | None = None
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    image_options: ImageOptions = AS_SHOWN
    known_fields: tuple[str, ...] = ()
    part: Part | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", composed(self.classes))

    def image_path(self, row: int) -> Path:
        """The image of a row."""
        return self.images_dir / str(self.images.file_name[row])

    def all_classes(self) -> tuple[tuple[int | str, ...], tuple[str, ...]]:
        """Ids and names of all classes that the file lists, those too that do not count."""
        if self.file_classes is None:
            return self.category_id, self.classes
        ids, names = zip(*self.file_classes, strict=True) if self.file_classes else ((), ())
        return ids, composed(names)

    def boxes_by_image(self) -> NDArray[np.int64]:
        """(images,) number of annotations of each image, of any kind."""
        image = self.boxes.image
        if image.min(initial=0) == UNLISTED:
            image = image[image != UNLISTED]
        return np.bincount(image, minlength=len(self.images))

    def empty_images(self) -> NDArray[np.int64]:
        """Rows of the images whose labels say that there is nothing on them."""
        empty = self.boxes_by_image() == 0
        if self.images.unlabelled is not None:
            empty &= ~self.images.unlabelled
        for gap in self.gaps:
            if gap.kind == "shapes-not-boxes":
                empty[list(gap.rows)] = False
        return np.flatnonzero(empty)


def object_column(values: Sequence[Any]) -> NDArray[np.object_]:
    """A column of any objects, sequences among them."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
