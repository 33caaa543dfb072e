"""Ground truth and detections of two sizes, for benchmarks of whatever reads or scores them.

- `safety`: frames of surveillance clips, two thirds of them with nothing to find, and detections
  everywhere, mostly low-scored clutter;
- `val2017_like`: as many images, classes, boxes and detections as COCO's val2017 with 100
  detections an image.

Everything is drawn from a seeded generator, so files are the same wherever they are made. Run as
a script, it writes both sets into a folder and says what is in them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from coco_files import CLASSES, HEIGHT, WIDTH
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SAFETY_IMAGES, SAFETY_EMPTY, SAFETY_DETECTIONS = 20_341, 13_357, 300_000
SAFETY_CLASSES = CLASSES[:4]
VAL_IMAGES, VAL_BOXES, VAL_DETECTIONS_OF_AN_IMAGE = 5_000, 36_000, 100
# The ids that COCO skips between 1 and 90.
VAL_CATEGORY_IDS = np.setdiff1d(np.arange(1, 91), [12, 26, 29, 30, 45, 66, 68, 69, 71, 83])
VAL_RARE, VAL_BOXES_OF_A_RARE = 4, 10
LEAST_IOU = 0.3


class Files(NamedTuple):
    """A COCO annotation file and a COCO result file, a plain list, of the same images."""

    annotations: Path
    results: Path


def safety(folder: Path, seed: int = 0) -> Files:
    """The files of 20,341 frames, 13,357 of them empty, 4 classes and 300 thousand detections.

    Files that are there are used again.
    """
    return _kept(folder, "safety", seed, _draw_safety)


def val2017_like(folder: Path, seed: int = 0) -> Files:
    """The files of 5,000 images, 80 classes, 36 thousand boxes and 500 thousand detections.

    Files that are there are used again.
    """
    return _kept(folder, "val2017-like", seed, _draw_val2017_like)


@dataclass(frozen=True, kw_only=True)
class _Images:
    id: Integers
    file_name: list[str]
    size: Floats
    """(n, 2) width and height."""


@dataclass(frozen=True, kw_only=True)
class _Boxes:
    """Ground truth: row of the image, index of the class, (n, 4) x, y, width and height."""

    image: Integers
    category: Integers
    xywh: Floats
    area: Floats
    crowd: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Detections; columns as those of `_Boxes`."""

    image: Integers
    category: Integers
    xywh: Floats
    score: Floats


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    images: _Images
    category_id: Integers
    classes: list[str]
    boxes: _Boxes
    found: _Found


class _ImageEntry(msgspec.Struct, gc=False):
    id: int
    file_name: str
    width: int
    height: int


class _BoxEntry(msgspec.Struct, gc=False):
    id: int
    image_id: int
    category_id: int
    bbox: list[float]
    area: float
    iscrowd: int


class _FoundEntry(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: list[float]
    score: float


def _kept(
    folder: Path, name: str, seed: int, draw: Callable[[np.random.Generator], _Drawing]
) -> Files:
    files = Files(folder / f"{name}-{seed}.json", folder / f"{name}-{seed}-results.json")
    if not all(path.exists() for path in files):
        folder.mkdir(parents=True, exist_ok=True)
        drawing = draw(np.random.default_rng(seed))
        _write(files.annotations, _annotation_file(drawing))
        _write(files.results, _result_file(drawing))
    return files


def _write(path: Path, content: Any) -> None:
    # Under another name first, so that a file that is there is whole.
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.encode(content))
    unfinished.replace(path)


def _annotation_file(drawing: _Drawing) -> dict[str, Any]:
    images, boxes = drawing.images, drawing.boxes
    size = images.size.astype(np.int64).tolist()
    return {
        "images": [
            _ImageEntry(own, name, width, height)
            for own, name, (width, height) in zip(
                images.id.tolist(), images.file_name, size, strict=True
            )
        ],
        "categories": [
            {"id": own, "name": name}
            for own, name in zip(drawing.category_id.tolist(), drawing.classes, strict=True)
        ],
        "annotations": [
            _BoxEntry(*columns)
            for columns in zip(
                range(1, len(boxes.image) + 1),
                images.id[boxes.image].tolist(),
                drawing.category_id[boxes.category].tolist(),
                boxes.xywh.tolist(),
                boxes.area.tolist(),
                boxes.crowd.astype(np.int64).tolist(),
                strict=True,
            )
        ],
    }


def _result_file(drawing: _Drawing) -> list[_FoundEntry]:
    found = drawing.found
    return [
        _FoundEntry(*columns)
        for columns in zip(
            drawing.images.id[found.image].tolist(),
            drawing.category_id[found.category].tolist(),
            found.xywh.tolist(),
            found.score.tolist(),
            strict=True,
        )
    ]


def _draw_safety(generator: np.random.Generator) -> _Drawing:
    clip_length = generator.integers(25, 56, SAFETY_IMAGES)
    ends = np.cumsum(clip_length)
    row = np.arange(SAFETY_IMAGES)
    clip = np.searchsorted(ends, row, side="right")
    frame = row - (ends - clip_length)[clip]
    images = _Images(
        id=row + 1,
        file_name=[
            f"clip-{of:04d}_{at:06d}.jpg"
            for of, at in zip(clip.tolist(), frame.tolist(), strict=True)
        ],
        size=np.tile(np.array([WIDTH, HEIGHT], dtype=np.float64), (SAFETY_IMAGES, 1)),
    )
    # Some clips are busy and others are not, so empty frames come in runs.
    busy = generator.normal(size=len(ends))[clip] + generator.normal(scale=0.5, size=SAFETY_IMAGES)
    filled = np.sort(np.argsort(busy)[SAFETY_EMPTY:])
    image = np.repeat(filled, generator.choice(4, len(filled), p=[0.45, 0.3, 0.15, 0.1]) + 1)
    category = generator.choice(4, len(image), p=[0.5, 0.3, 0.15, 0.05])
    side = np.exp(generator.normal(np.log(90), 0.75, len(image))).clip(10, 900)
    crowd = generator.random(len(image)) < 0.004
    side[crowd] = side[crowd].clip(300) * 1.5
    # A person is tall, a head is not.
    shape = np.array([0.45, 0.9, 0.9, 0.7])[category] * _spread(generator, len(image))
    xywh = _placed(generator, side, shape, images.size[image])
    boxes = _Boxes(
        image=image, category=category, xywh=xywh, area=_area(xywh).round(2), crowd=crowd
    )
    answers = _answers(generator, boxes, images, classes=4, recall=0.93)
    clutter = _clutter(
        generator,
        np.sort(generator.integers(0, SAFETY_IMAGES, SAFETY_DETECTIONS - len(answers.image))),
        images,
        generator.choice(4, SAFETY_DETECTIONS - len(answers.image), p=[0.4, 0.25, 0.2, 0.15]),
    )
    return _Drawing(
        images=images,
        category_id=np.arange(1, 5),
        classes=list(SAFETY_CLASSES),
        boxes=boxes,
        found=_in_order(_together(answers, clutter)),
    )


def _draw_val2017_like(generator: np.random.Generator) -> _Drawing:
    n = len(VAL_CATEGORY_IDS)
    own = np.sort(generator.choice(581_000, VAL_IMAGES, replace=False)) + 1
    long, short = np.full(VAL_IMAGES, 640), generator.choice([480, 427, 426, 360], VAL_IMAGES)
    upright = generator.random(VAL_IMAGES) < 0.25
    images = _Images(
        id=own,
        file_name=[f"{number:012d}.jpg" for number in own.tolist()],
        size=np.where(upright[:, None], np.c_[short, long], np.c_[long, short]).astype(np.float64),
    )
    # Most images hold a few boxes, some hold dozens.
    weight = generator.gamma(1.0, size=VAL_IMAGES) + 0.25
    image = np.sort(generator.choice(VAL_IMAGES, VAL_BOXES, p=weight / weight.sum()))
    often = 1 / np.arange(1, n + 1 - VAL_RARE) ** 0.9
    share = np.r_[
        often / often.sum() * (1 - VAL_RARE * VAL_BOXES_OF_A_RARE / VAL_BOXES),
        np.full(VAL_RARE, VAL_BOXES_OF_A_RARE / VAL_BOXES),
    ]
    category = generator.choice(n, VAL_BOXES, p=share)
    # Two boxes in five are small, and a quarter are large, as in COCO.
    bounds = np.log([6, 32, 96, 400])
    part = generator.choice(3, VAL_BOXES, p=[0.41, 0.34, 0.25])
    side = np.exp(generator.uniform(bounds[part], bounds[part + 1]))
    crowd = generator.random(VAL_BOXES) < 0.012
    side[crowd] = side[crowd].clip(120)
    xywh = _placed(generator, side, _spread(generator, VAL_BOXES, 0.5), images.size[image])
    boxes = _Boxes(
        image=image,
        category=category,
        xywh=xywh,
        # COCO's areas are those of the masks.
        area=(_area(xywh) * generator.uniform(0.5, 0.95, VAL_BOXES)).round(2),
        crowd=crowd,
    )
    answers = _answers(generator, boxes, images, classes=n, recall=0.8)
    # Enough clutter to fill every image, of which the best 100 detections are kept.
    everywhere = np.repeat(np.arange(VAL_IMAGES), VAL_DETECTIONS_OF_AN_IMAGE)
    clutter = _clutter(generator, everywhere, images, generator.choice(n, len(everywhere), p=share))
    found = _in_order(_together(answers, clutter))
    first = np.searchsorted(found.image, np.arange(VAL_IMAGES))
    best = np.arange(len(found.image)) - first[found.image] < VAL_DETECTIONS_OF_AN_IMAGE
    return _Drawing(
        images=images,
        category_id=VAL_CATEGORY_IDS,
        classes=[f"class-{number:02d}" for number in VAL_CATEGORY_IDS.tolist()],
        boxes=boxes,
        found=_rows(found, best),
    )


def _answers(
    generator: np.random.Generator, boxes: _Boxes, images: _Images, *, classes: int, recall: float
) -> _Found:
    """What a detector finds of the boxes: most of them, some twice, some as another class."""
    is_found = generator.random(len(boxes.image)) < recall
    first = np.flatnonzero(is_found)
    sure = generator.beta(4, 2, len(first))
    again = np.repeat(np.arange(len(first)), generator.binomial(3, 0.15, len(first)))
    confused = np.flatnonzero(generator.random(len(first)) < 0.12)
    of = np.r_[np.arange(len(first)), again, confused]
    box = first[of]
    category = boxes.category[box]
    other = (category + generator.integers(1, classes, len(box))) % classes
    is_confused = np.arange(len(box)) >= len(first) + len(again)
    fading = np.where(np.arange(len(box)) < len(first), 1.0, generator.uniform(0.2, 1.0, len(box)))
    return _Found(
        image=boxes.image[box],
        category=np.where(is_confused, other, category),
        xywh=_jittered(generator, boxes.xywh[box], images.size[boxes.image[box]]),
        score=_rounded(sure[of] * fading),
    )


def _clutter(
    generator: np.random.Generator, image: Integers, images: _Images, category: Integers
) -> _Found:
    n = len(image)
    side = np.exp(generator.normal(np.log(60), 0.8, n)).clip(4, 500)
    return _Found(
        image=image,
        category=category,
        xywh=_placed(generator, side, _spread(generator, n, 0.5), images.size[image]),
        score=_rounded(generator.beta(0.8, 8, n) * 0.9),
    )


def _spread(generator: np.random.Generator, n: int, sigma: float = 0.25) -> Floats:
    """Factors around 1."""
    return np.exp(generator.normal(0, sigma, n))


def _placed(generator: np.random.Generator, side: Floats, shape: Floats, size: Floats) -> Floats:
    """Boxes of area `side` squared and of width over height `shape`, anywhere in images."""
    extent = np.stack([side * np.sqrt(shape), side / np.sqrt(shape)], axis=1)
    extent = np.minimum(extent, 0.98 * size)
    corner = generator.random(extent.shape) * (size - extent)
    return _in_cents(np.hstack([corner, extent]))


def _jittered(generator: np.random.Generator, xywh: Floats, size: Floats) -> Floats:
    """Boxes moved and resized, in the image, each with an IoU of at least 0.3 with its own."""
    sigma = generator.gamma(1.2, 0.06, (len(xywh), 1))
    moved = xywh + generator.normal(size=xywh.shape) * sigma * np.tile(xywh[:, 2:], 2)
    while True:
        inside = _in_cents(_cut_to_image(moved, size))
        far = _iou(inside, xywh) < LEAST_IOU
        if not far.any():
            return inside
        moved[far] = (moved[far] + xywh[far]) / 2


def _cut_to_image(xywh: Floats, size: Floats) -> Floats:
    start = xywh[:, :2].clip(0, size)
    end = (xywh[:, :2] + xywh[:, 2:]).clip(0, size)
    return np.hstack([start, (end - start).clip(0)])


def _in_cents(xywh: Floats) -> Floats:
    """Rounded down to hundredths of a pixel, so that no box leaves its image."""
    return np.floor(xywh * 100) / 100


def _rounded(score: Floats) -> Floats:
    # Three decimals make ties, as detectors in half precision do.
    return score.round(3).clip(0.001, 1)


def _area(xywh: Floats) -> Floats:
    area: Floats = xywh[:, 2] * xywh[:, 3]
    return area


def _iou(one: Floats, other: Floats) -> Floats:
    """(n,) intersection over union of each pair of boxes."""
    start = np.maximum(one[:, :2], other[:, :2])
    end = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    overlap = (end - start).clip(0).prod(axis=1)
    iou: Floats = overlap / (_area(one) + _area(other) - overlap)
    return iou


def _together(one: _Found, other: _Found) -> _Found:
    return _Found(
        image=np.r_[one.image, other.image],
        category=np.r_[one.category, other.category],
        xywh=np.r_[one.xywh, other.xywh],
        score=np.r_[one.score, other.score],
    )


def _in_order(found: _Found) -> _Found:
    """Image by image, best first, as detectors write them."""
    return _rows(found, np.lexsort((-found.score, found.image)))


def _rows(found: _Found, rows: NDArray[Any]) -> _Found:
    return _Found(
        image=found.image[rows],
        category=found.category[rows],
        xywh=found.xywh[rows],
        score=found.score[rows],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for draw in (safety, val2017_like):
        started = time.perf_counter()
        files = draw(options.folder, options.seed)
        seconds = time.perf_counter() - started
        truth = msgspec.json.decode(files.annotations.read_bytes())
        found = msgspec.json.decode(files.results.read_bytes())
        boxes = truth["annotations"]
        filled = len({box["image_id"] for box in boxes})
        print(
            f"{draw.__name__}: {len(truth['images']):,} images "
            f"({len(truth['images']) - filled:,} empty), {len(truth['categories'])} classes, "
            f"{len(boxes):,} boxes ({sum(box['iscrowd'] for box in boxes)} crowds), "
            f"{len(found):,} detections, {files.results.stat().st_size / 1e6:.0f} MB "
            f"({seconds:.1f} s)"
        )


if __name__ == "__main__":
    main()
