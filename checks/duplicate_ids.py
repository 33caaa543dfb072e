"""The rule `duplicate-ids`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count
from pytest_detgate.counts import verb
from pytest_detgate.dataset.ids import id_column, repeated_key_rows, repeated_rows
from pytest_detgate.dataset.keys import keys, near_class_rows, near_rows
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import NO_PIXELS, ODD_ANNOTATIONS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations


class DuplicateIds(CountRule, frozen=True, kw_only=True):
    """No id may be used twice, and no file may be listed twice.

    ## What it checks

    `count` is the number of ids and names that are used more than once: `image_ids`,
    `category_ids`, `class_names`, `annotation_ids` and `file_names`. An id that is text and one
    that is a number can be the same id, a name in two Unicode forms is one name, and `./a.jpg` is
    `a.jpg`. Annotations without an id are not counted.

    `near_names` counts file names and class names that differ from another one only in letter case
    or in blanks; in class names a hyphen and an underscore are blanks, too. More than
    `max-near-names` fail.

    ## Why it matters

    If an image id is used twice, it is unknown which image a box belongs to. If an annotation id is
    used twice, evaluators differ: pycocotools gives another AP than its successors. An image that
    is listed twice counts twice in every metric, and usually has two sets of boxes. `a.jpg` and
    `A.JPG` are two files on one system and one on another. `helmet` and `Helmet `, or
    `safety-vest` and `safety_vest`, are two classes that were meant as one.

    ## How to fix

    Number the annotations again. For images, find out first which entry is the right one: two files
    that were merged without new numbers mix the boxes of different images. Write near names in one
    way, or allow those that are right with `max-near-names`.
    """

    code: ClassVar[str] = "duplicate-ids"
    measures: ClassVar[str] = (
        "count near_names image_ids category_ids class_names file_names annotation_ids"
    )
    safe_because: ClassVar[str | None] = (
        "Tools number what they write, so an id or a name that is used twice comes from a "
        "merge or from editing by hand."
    )
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ODD_ANNOTATIONS | NO_PIXELS

    max_near_names: Annotated[
        Count, Meta(description="Names near another one that are allowed.")
    ] = 0

    def known_today(self, values: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        near = max((int(measured["near_names"]) for measured in values.values()), default=0)
        more = {"max-near-names": near} if near > self.max_near_names else {}
        return {**super().known_today(values), **more}

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        category_id = id_column(dataset.category_id)
        names, classes = keys(dataset.images.file_name), keys(dataset.classes)
        groups = {
            "image_ids": repeated_rows(dataset.images.id),
            "category_ids": repeated_rows(category_id),
            "class_names": repeated_key_rows(classes),
            "file_names": repeated_key_rows(names),
            "annotation_ids": repeated_rows(dataset.boxes.id),
        }
        count = sum(map(len, groups.values()))
        near_files, near_classes = near_rows(names), near_class_rows(classes)
        n_near = sum(len(rows) - 1 for rows in (*near_files, *near_classes))

        def findings() -> Iterator[Finding]:
            for rows in groups["image_ids"]:
                of_id = f"image id {dataset.images.id[rows[0]]}"
                yield _of_image(dataset, rows, f"{of_id} is used", "image id")
            for rows in groups["category_ids"]:
                names = ", ".join(dataset.classes[row] for row in rows)
                text = f"category id {category_id[rows[0]]} is used {_times(rows)}: {names}"
                yield Finding(text=text, dataset=dataset.name)
            for rows in groups["class_names"]:
                text = f"class {dataset.classes[rows[0]]} is listed {_times(rows)}"
                yield Finding(text=text, dataset=dataset.name)
            for rows in groups["file_names"]:
                yield _of_image(dataset, rows, "the file is listed", "file name")
            for rows in groups["annotation_ids"]:
                yield _of_annotation(dataset, rows)
            yield from _of_near_names(dataset, near_files, near_classes)

        repeated = counted(count, "id or name", "ids or names")
        message = f"{repeated} {verb(count, 'are')} used more than once"
        if n_near:
            differ = verb(n_near, "differ")
            message += f"; {counted(n_near, 'name')} {differ} from another one only in spelling"
        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("count", count, self.limit(target)),
                Measurement.at_most("near_names", n_near, self.max_near_names),
                *(Measurement.shown(name, len(ids)) for name, ids in groups.items()),
            ],
            findings=findings(),
            findings_total=count + n_near,
        )

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import InExpectations, of_table

        if self.limit(target):
            return InExpectations(lacks="a number of ids that are allowed")
        kind = "expect_column_values_to_be_unique"
        return InExpectations(
            expectations=[
                of_table("images", kind, column="id"),
                of_table("images", kind, column="file_name"),
                of_table("annotations", kind, column="id"),
            ],
            lacks="classes that are listed twice, and names that differ only in spelling",
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


def _of_near_names(
    dataset: Dataset, files: Iterable[list[int]], classes: Iterable[list[int]]
) -> Iterator[Finding]:
    for kind, groups, names in (
        ("file", files, dataset.images.file_name.tolist()),
        ("class", classes, list(dataset.classes)),
    ):
        for first, *others in groups:
            for row in others:
                yield Finding(
                    text=f"{kind} {names[row]!r} differs from {names[first]!r} only in letter "
                    "case or blanks",
                    dataset=dataset.name,
                    image=names[row] if kind == "file" else None,
                    kind="near name",
                )


def _of_image(dataset: Dataset, rows: NDArray[np.int64], what: str, kind: str) -> Finding:
    names = dict.fromkeys(dataset.images.file_name[rows].tolist())
    others = f": {', '.join(names)}" if len(names) > 1 else ""
    return Finding(
        text=f"{what} {_times(rows)}{others}",
        dataset=dataset.name,
        image=next(iter(names)),
        kind=kind,
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
        kind=f"annotation {boxes.id[rows[0]]}",
    )


def _times(rows: NDArray[np.int64]) -> str:
    return "twice" if len(rows) == 2 else counted(len(rows), "time")
