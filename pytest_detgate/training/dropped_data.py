"""Images and boxes of an annotation file that a training dataset drops, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from pytest_detgate.dataset.ids import Id
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import Number, decode_json, number

if TYPE_CHECKING:
    from pytest_detgate.training.fed_data import FedBox, FedPart

ImageReason = Literal[
    "filter_empty_gt", "class_names", "min_size", "shared_id", "pipeline", "other"
]
BoxReason = Literal["class_names", "ignored", "degenerate", "no_image", "with_image", "other"]

XYWH = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class DroppedImage:
    """An image that the file lists and training never sees; `text` says why."""

    file_name: str
    reason: ImageReason
    text: str


@dataclass(frozen=True, slots=True)
class OddBox:
    """A box of the file, its class, and its image; None if the image is not listed."""

    file_name: str | None
    label: str
    xywh: XYWH


@dataclass(frozen=True, slots=True)
class DroppedBox(OddBox):
    """A box that training never sees."""

    reason: BoxReason


@dataclass(frozen=True, slots=True)
class MislabelledBox(OddBox):
    """A box that training sees as one of another class."""

    fed_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDrops:
    """An annotation file compared with the data that training gets of it.

    The file has `listed` images, `listed_empty` of them without boxes, and `boxes`; `fed` images
    reach training. Of the `samples` of an epoch, in which an image may be repeated,
    `empty_samples` have no box to learn. They include the images with nothing but crowd regions,
    which are `crowd_only` of the `fed` ones. `by_class` maps each class of the file to its boxes
    there and to those that are fed.
    """

    annotations: Path
    listed: int
    listed_empty: int
    fed: int
    boxes: int
    samples: int
    empty_samples: int
    crowd_only: int
    images_dropped: tuple[DroppedImage, ...]
    boxes_dropped: tuple[DroppedBox, ...]
    mislabelled: tuple[MislabelledBox, ...]
    by_class: dict[str, tuple[int, int]]


class _Image(msgspec.Struct, gc=False):
    id: Id | float
    file_name: str = ""
    width: Number | None = None
    height: Number | None = None


class _Annotation(msgspec.Struct):
    image_id: Id | float
    category_id: Id | float
    bbox: tuple[Number, Number, Number, Number]
    area: Number | None = None
    ignore: bool | int | None = None

    @property
    def xywh(self) -> XYWH:
        x, y, width, height = (number(side) for side in self.bbox)
        return x, y, width, height

    @property
    def corners(self) -> XYWH:
        x, y, width, height = self.xywh
        return x, y, x + width, y + height


class _Category(msgspec.Struct):
    id: Id | float
    name: str


class _CocoFile(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def drops_of(part: FedPart) -> PartDrops:
    """Compare the annotation file of a dataset with the data that it feeds.

    A file that is not a COCO file raises `DataError`.
    """
    path = Path(part.annotations)
    return _DropAnalysis(part, decode_json(read_bytes(path), _CocoFile, path)).result(path)


@dataclass(slots=True)
class _BoxDrops:
    dropped: list[DroppedBox] = field(default_factory=list)
    mislabelled: list[MislabelledBox] = field(default_factory=list)


class _DropAnalysis:
    def __init__(self, part: FedPart, file: _CocoFile) -> None:
        self._part = part
        self._file = file
        self._names = {category.id: category.name for category in file.categories}
        classes = set(part.classes)
        self._known = {key for key, name in self._names.items() if name in classes}
        # Of images that share an id, MMDetection uses the last.
        self._seen = {image.id: image for image in file.images}
        self._fed = {image.id: image for image in part.images}
        self._annotations: dict[Id | float, list[_Annotation]] = defaultdict(list)
        for annotation in file.annotations:
            self._annotations[annotation.image_id].append(annotation)

    def result(self, path: Path) -> PartDrops:
        dropped: list[DroppedImage] = []
        refused = set()
        for image in self._file.images:
            if (drop := self._drop_reason(image)) is not None:
                reason, text = drop
                dropped.append(DroppedImage(image.file_name, reason, text))
                if self._seen[image.id] is image:
                    refused.add(image.id)
        fed = [image for image in self._part.images if image.id not in refused]
        boxes = self._boxes(refused)
        empty = [image for image in fed if all(box.ignored for box in image.boxes)]
        return PartDrops(
            annotations=path,
            listed=len(self._file.images),
            listed_empty=sum(not self._annotations[image.id] for image in self._file.images),
            fed=len(fed),
            boxes=len(self._file.annotations),
            samples=sum(image.times for image in fed),
            empty_samples=sum(image.times for image in empty),
            crowd_only=sum(bool(image.boxes) for image in empty),
            images_dropped=tuple(dropped),
            boxes_dropped=tuple(boxes.dropped),
            mislabelled=tuple(boxes.mislabelled),
            by_class=self._by_class(boxes.dropped),
        )

    def _drop_reason(self, image: _Image) -> tuple[ImageReason, str] | None:
        part, seen = self._part, self._seen[image.id]
        if seen is not image:
            return "shared_id", (
                f"{seen.file_name} has the same id {image.id}, and is fed in its place, with the "
                "boxes of both"
            )
        fed = self._fed.get(image.id)
        if fed is not None:
            if fed.boxes or part.refuses_empty is None:
                return None
            return "pipeline", f"no box is left, and {part.refuses_empty} refuses such images"
        annotations = self._annotations[image.id]
        if part.filter_empty_gt and not any(
            annotation.category_id in self._known for annotation in annotations
        ):
            if not annotations:
                return "filter_empty_gt", "filter_empty_gt drops it: nothing is annotated on it"
            classes = sorted({self._name(annotation) for annotation in annotations})
            return "class_names", (
                "filter_empty_gt drops it: all its boxes are of classes that the configuration "
                f"does not name ({', '.join(classes)})"
            )
        width, height = (number(side or 0) for side in (image.width, image.height))
        if min(width, height) < part.min_size:
            return "min_size", (
                f"min_size = {part.min_size:g} drops it: {width:g} × {height:g} pixels"
            )
        return "other", (
            "indices omits it" if part.is_subset else "the code of the dataset omits it"
        )

    def _boxes(self, refused: set[Id | float]) -> _BoxDrops:
        boxes = _BoxDrops()
        for image_id, listed in self._annotations.items():
            image = self._seen.get(image_id)
            fed = self._fed.get(image_id)
            if image is None or fed is None or image_id in refused:
                for annotation in listed:
                    reason = self._skip_reason(annotation, image)
                    if reason is None:
                        reason = "no_image" if image is None else "with_image"
                    boxes.dropped.append(self._dropped(annotation, image, reason))
            else:
                self._match(listed, image, fed.boxes, boxes)
        return boxes

    def _match(
        self, annotations: list[_Annotation], image: _Image, fed: Sequence[FedBox], boxes: _BoxDrops
    ) -> None:
        """Match the boxes of one image with those that are fed, by corners and class."""
        classes = self._part.classes
        labels: dict[XYWH, list[int]] = defaultdict(list)
        for box in fed:
            labels[box.x1, box.y1, box.x2, box.y2].append(box.label)
        unmatched = []
        # Of two equal boxes, the one that may be fed comes first.
        for annotation in sorted(
            annotations, key=lambda annotation: self._skip_reason(annotation, image) is not None
        ):
            same, name = labels[annotation.corners], self._name(annotation)
            index = next((i for i, label in enumerate(same) if classes[label] == name), None)
            if index is None:
                unmatched.append(annotation)
            else:
                del same[index]
        unexplained = []
        for annotation in unmatched:
            reason = self._skip_reason(annotation, image)
            if reason is not None:
                boxes.dropped.append(self._dropped(annotation, image, reason))
            elif same := labels[annotation.corners]:
                name = classes[same.pop()]
                boxes.mislabelled.append(
                    MislabelledBox(image.file_name, self._name(annotation), annotation.xywh, name)
                )
            else:
                unexplained.append(annotation)
        # A dataset of the project may have moved the boxes that match none.
        n_moved = sum(map(len, labels.values()))
        for annotation in unexplained[n_moved:]:
            boxes.dropped.append(self._dropped(annotation, image, "other"))

    def _skip_reason(self, annotation: _Annotation, image: _Image | None) -> BoxReason | None:
        """Return why MMDetection's COCO dataset skips an annotation, even if its image is fed."""
        if annotation.category_id not in self._known:
            return "class_names"
        if annotation.ignore:
            return "ignored"
        x, y, width, height = annotation.xywh
        area = 0.0 if annotation.area is None else number(annotation.area)
        if not (width >= 1 and height >= 1 and area > 0):
            return "degenerate"
        if image is not None and image.width is not None and image.height is not None:
            inside_x = min(x + width, number(image.width)) - max(x, 0)
            inside_y = min(y + height, number(image.height)) - max(y, 0)
            if not (inside_x > 0 and inside_y > 0):
                return "degenerate"
        return None

    def _dropped(
        self, annotation: _Annotation, image: _Image | None, reason: BoxReason
    ) -> DroppedBox:
        name = None if image is None else image.file_name
        return DroppedBox(name, self._name(annotation), annotation.xywh, reason)

    def _name(self, annotation: _Annotation) -> str:
        return self._names.get(annotation.category_id, f"category {annotation.category_id}")

    def _by_class(self, dropped: Sequence[DroppedBox]) -> dict[str, tuple[int, int]]:
        counts = {category.name: [0, 0] for category in self._file.categories}
        for annotation in self._file.annotations:
            entry = counts.setdefault(self._name(annotation), [0, 0])
            entry[0] += 1
            entry[1] += 1
        for box in dropped:
            counts[box.label][1] -= 1
        return {name: (listed, fed) for name, (listed, fed) in counts.items()}
