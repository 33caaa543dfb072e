"""The rule `missing-labels`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count
from pytest_detgate.counts import counted_of
from pytest_detgate.dataset.images.folder_files import image_files
from pytest_detgate.dataset.labels.formats import LISTS_IMAGES
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, NO_PIXELS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import image_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target


class MissingLabels(CountRule, frozen=True, kw_only=True):
    """Somebody must have said of every image what is on it.

    ## What it checks

    `count` is the number of images that nobody has labelled: images without a label file (formats
    with one file for each image), or without an entry in the labels (`openimages`, and frames or
    tasks of `scalabel` and `labelstudio` whose labels are missing). An image with an empty label
    file, or with an entry without boxes, is labelled: nothing is on it. `empty` counts those.

    Formats that list their images (`coco`, `cvat`, `datumaro`, `scalabel`, `labelstudio`) say
    nothing of images that they leave out. With `max-unlisted`, `unlisted` counts the images in the
    images folder that no split and no probe lists. A folder that several splits share is looked at
    for each of them.

    ## Why it matters

    Training on an image without labels teaches that what it shows is background. An image that is
    not listed is not trained on at all, and its annotations are lost.

    ## How to fix

    - `count` too high: Label the images, or write an empty label file where nothing is on them. If
      a missing file means that nothing is on the image, write `missing-labels = "background"` for
      the split.
    - `unlisted` too high: Export the labels again, and look whether the names of images changed
      since. If the split is only a part of the folder, allow it with `max-unlisted`.
    """

    code: ClassVar[str] = "missing-labels"
    measures: ClassVar[str] = "count unlisted empty images"
    accepts_findings: ClassVar[bool] = True
    # It counts the images without labels itself.
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS | NO_PIXELS

    max_unlisted: (
        Annotated[
            Count,
            Meta(description="Images in the folder that nothing lists. Omitted: do not look."),
        ]
        | None
    ) = None

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        unlabelled = dataset.images.unlabelled
        missing = np.flatnonzero(unlabelled) if unlabelled is not None else np.empty(0, np.int64)
        unlisted = self._unlisted(dataset, inputs)
        empty = len(dataset.empty_images())
        message = (
            f"{counted_of(len(missing), len(dataset.images), 'image')} without labels, "
            f"{empty:,} labelled as empty"
        )
        measurements = [
            Measurement.at_most("count", len(missing), max(self.limit(target), self.max_unlabelled))
        ]
        if unlisted is not None:
            measurements.append(Measurement.at_most("unlisted", len(unlisted), self.max_unlisted))
            if unlisted:
                message += f"; {counted(len(unlisted), 'image')} in the folder that nothing lists"

        def findings() -> Iterator[Finding]:
            for name in unlisted or ():
                yield Finding(
                    text="no split and no probe lists it", dataset=dataset.name, image=name
                )

        return Outcome(
            message=message,
            measurements=[
                *measurements,
                Measurement.shown("empty", empty),
                Measurement.shown("images", len(dataset.images)),
            ],
            findings=chain(
                image_findings(dataset, missing, lambda row: "no labels"),
                findings(),
            ),
            findings_total=len(missing) + len(unlisted or ()),
        )

    def _unlisted(self, dataset: Dataset, inputs: Inputs) -> list[str] | None:
        """Names of the images in the folder of a split that no split or probe lists; None where
        the images are those of the folder, or where nobody asks."""
        project, folder = inputs.project, dataset.images_dir
        table = project.tables.dataset.splits[dataset.name]
        lists_images = table.data is None and table.format in LISTS_IMAGES
        if self.max_unlisted is None or not (lists_images and folder.is_dir()):
            return None
        listed = {
            os.path.normpath(dataset.images_dir / name)
            for dataset in map(inputs.tables, project.datasets)
            for name in dataset.images.file_name.tolist()
        }
        return [
            name
            for name in image_files(folder, dataset.image_options).images
            if os.path.normpath(folder / name) not in listed
        ]

    passing: ClassVar[Example] = Example(
        config="[rules.missing-labels]",
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []}},
    )
    failing: ClassVar[Example] = Example(
        config="""
            [dataset.splits.yolo]
            format = "yolo"
            annotations = "labels"
            images = "images"
            classes = ["helmet_off"]
            [rules.missing-labels]
            splits = ["yolo"]
            """,
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []}},
        files={"labels/a_1.txt": "0 0.5 0.5 0.2 0.2"},
    )
