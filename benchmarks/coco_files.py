"""COCO files of any size, written as a stream: clips of frames, some frames with nothing in them.

The numbers are drawn from a seeded generator, so a file is the same wherever it is made.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

CLASSES = ("person", "helmet_on_head", "helmet_off_head", "vest_on", "vest_off", "vehicle")
WIDTH, HEIGHT = 1920, 1080
FRAMES_OF_A_CLIP = 50
EMPTY_EVERY = 5
BOXES = 10
"""Boxes on a frame that is not empty, so that there are 8 an image on average."""
_AT_ONCE = 10_000


def write_coco(path: Path, images: int, *, first_clip: int = 0, seed: int = 0) -> Path:
    """Write a clean COCO file of `images` images and eight times as many boxes."""
    generator = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"info": {"description": "drawn for a benchmark"}, "licenses": [], ')
        categories = [{"id": at, "name": name} for at, name in enumerate(CLASSES, start=1)]
        file.write(f'"categories": {json.dumps(categories)}, "images": [')
        for start in range(0, images, _AT_ONCE):
            file.write(", " if start else "")
            rows = range(start, min(images, start + _AT_ONCE))
            file.write(", ".join(_image(row, first_clip) for row in rows))
        file.write('], "annotations": [')
        number = 1
        for start in range(0, images, _AT_ONCE):
            with_boxes = [
                row for row in range(start, min(images, start + _AT_ONCE)) if row % EMPTY_EVERY
            ]
            texts = _annotations(with_boxes, number, generator)
            file.write(", " if number > 1 and texts else "")
            file.write(", ".join(texts))
            number += len(texts)
        file.write("]}")
    return path


def _image(row: int, first_clip: int) -> str:
    clip, frame = divmod(row, FRAMES_OF_A_CLIP)
    name = f"site-{clip % 40:02d}/clip-{first_clip + clip:06d}_{frame:06d}.jpg"
    return (
        f'{{"id": {row + 1}, "file_name": "{name}", "width": {WIDTH}, "height": {HEIGHT}, '
        f'"license": 1, "date_captured": "2026-01-01 10:00:00"}}'
    )


def _annotations(rows: list[int], first: int, generator: np.random.Generator) -> list[str]:
    n = len(rows) * BOXES
    size = generator.uniform((8, 8), (400, 400), (n, 2)).round(2)
    corner = (generator.random((n, 2)) * (np.array([WIDTH, HEIGHT]) - size)).round(2)
    category = generator.integers(1, len(CLASSES) + 1, n)
    area = (size[:, 0] * size[:, 1]).round(2)
    return [
        f'{{"id": {first + at}, "image_id": {rows[at // BOXES] + 1}, "category_id": {kind}, '
        f'"bbox": [{x}, {y}, {width}, {height}], "area": {surface}, "iscrowd": 0, '
        f'"segmentation": []}}'
        for at, (kind, (x, y), (width, height), surface) in enumerate(
            zip(category.tolist(), corner.tolist(), size.tolist(), area.tolist(), strict=True)
        )
    ]
