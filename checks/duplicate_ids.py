"""The rule `duplicate-ids`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.identity import id_column, repeated_rows
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ODD_ANNOTATIONS, GapKind
from pytest_detgate.gate.example import Example
from pytest_detgate.gate.rule import CountRule, Inputs, Outcome, Target


class DuplicateIds(CountRule, frozen=True, kw_only=True):
    """No id may stand for two things, and no file may be listed twice.

    ## What it checks

    `count` is the number of ids and file names that are used more than once: `image_ids`,
    `category_ids`, `annotation_ids` and `file_names`. An id written as text and as a number is
    the same id. Annotations without an id are not counted.

    ## Why it matters

    With an image id used twice nobody can say which picture a box belongs to. With an annotation
    id used twice evaluators differ: pycocotools gives another AP than its successors. A picture
    listed twice counts twice in every figure, and usually has two sets of boxes.

    ## How to mend

    Number the annotations anew. For images find out first which entry is the right one: two files
    that were merged without new numbers mix the boxes of different pictures.
    """

    code: ClassVar[str] = "duplicate-ids"
    ignored_gaps: ClassVar[frozenset[GapKind]] = ODD_ANNOTATIONS | {"unreadable-images"}

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        category_id = id_column(dataset.category_id)
        groups = {
            "image_ids": repeated_rows(dataset.images.id),
            "category_ids": repeated_rows(category_id),
            "file_names": repeated_rows(dataset.images.file_name),
            "annotation_ids": repeated_rows(dataset.boxes.id),
        }
        count = sum(map(len, groups.values()))

        def findings() -> Iterator[Finding]:
            for rows in groups["image_ids"]:
                yield _of_image(dataset, rows, f"image id {dataset.images.id[rows[0]]} is used")
            for rows in groups["category_ids"]:
                names = ", ".join(dataset.classes[row] for row in rows)
                text = f"category id {category_id[rows[0]]} is used {_times(rows)}: {names}"
                yield Finding(text=text, dataset=dataset.name)
            for rows in groups["file_names"]:
                yield _of_image(dataset, rows, "the file is listed")
            for rows in groups["annotation_ids"]:
                yield _of_annotation(dataset, rows)

        return Outcome(
            message=f"{count} {'id or file name is' if count == 1 else 'ids or file names are'} "
            "used more than once",
            measurements=[
                Measurement.at_most("count", count, self.max),
                *(Measurement.shown(name, len(found)) for name, found in groups.items()),
            ],
            findings=findings(),
            findings_total=count,
        )

    passing: ClassVar[Example] = Example(
        config="[rules.duplicate-ids]",
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.duplicate-ids]",
        splits={"train": {"a_1.jpg": [], "a_2.jpg": []}},
        added={"train": {"images": [{"id": 2, "file_name": "a_3.jpg"}]}},
    )


def _of_image(dataset: Dataset, rows: NDArray[np.int64], what: str) -> Finding:
    names = dict.fromkeys(dataset.images.file_name[rows].tolist())
    others = f": {', '.join(names)}" if len(names) > 1 else ""
    return Finding(
        text=f"{what} {_times(rows)}{others}", dataset=dataset.name, image=next(iter(names))
    )


def _of_annotation(dataset: Dataset, rows: NDArray[np.int64]) -> Finding:
    boxes = dataset.boxes
    images = [image for image in boxes.image[rows].tolist() if image != UNLISTED]
    names: list[Any] = list(dict.fromkeys(dataset.images.file_name[images].tolist()))
    others = f": {', '.join(names)}" if len(names) > 1 else ""
    return Finding(
        text=f"annotation id {boxes.id[rows[0]]} is used {_times(rows)}{others}",
        dataset=dataset.name,
        image=names[0] if names else None,
    )


def _times(rows: NDArray[np.int64]) -> str:
    return "twice" if len(rows) == 2 else f"{len(rows)} times"
