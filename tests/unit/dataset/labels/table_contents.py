"""Everything that a reader makes of labels, to compare two ways of reading them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_detgate.dataset.tables import Dataset
from tests.unit.label_files import READERS, split


def table_contents(kind: str, dataset: Dataset) -> dict[str, Any]:
    """The tables of a data set in the folder of `split`, as plain values; fields of images are read
    again, as they are only when a rule asks for them."""
    images, boxes = dataset.images, dataset.boxes
    files = split(dataset.images_dir.parent, fields=dataset.known_fields)
    fields = READERS[kind](files).images.fields
    return {
        "images": images.file_name.tolist(),
        "size": np.nan_to_num([images.width, images.height], nan=-1).tolist(),
        "unlabelled": None if images.unlabelled is None else images.unlabelled.tolist(),
        "boxes": np.nan_to_num(boxes.xywh, nan=-1).tolist(),
        "classes": [dataset.classes[index] for index in boxes.category],
        "image": boxes.image.tolist(),
        "crowd": boxes.crowd.tolist(),
        "ids": boxes.id.tolist(),
        "fields": {name: column.tolist() for name, column in fields.items()},
        "gaps": dataset.gaps,
        "notes": dataset.notes,
        "sha256": dataset.sha256,
        "scores": dataset.has_scores,
    }
