"""The rule `trivial-baseline`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Share
from pytest_detgate.config.wording import unknown
from pytest_detgate.dataset.images.sizes import with_sizes_of_files
from pytest_detgate.dataset.slices import NO_SLICE, names_in
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.options import require_limit
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse
from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
from pytest_detgate.scoring.score_card import ApMetric, ScoreCard
from pytest_detgate.scoring.trivial_baseline import trivial_detections

_UNSEEN = -2
"""The group of an image that no training image is in; `NO_SLICE` is another number."""


class TrivialBaseline(ScoreRule, frozen=True, kw_only=True):
    """The model must be better than a detector that never looks at an image.

    ## What it checks

    The trivial detector knows the boxes of the training split and nothing else: on each image of
    the evaluated split it finds the same boxes, the means of `boxes` groups of the training boxes
    of each class (k-means of their edges, in shares of the image). The score of a mean box is the
    share of training images on which it would have been right, at IoU ≥ 0.5. With `by = "site"` it
    also knows which camera an image comes from, and takes the means of that camera.

    - `trivial_ap`: the AP of that detector, at most `max`;
    - `margin`: the AP of the model minus `trivial_ap`, at least `min-margin`;
    - `ap`: the AP of the model.

    The table has the same by class. The default metric is AP50: a mean box seldom fits any better.

    ## Why it matters

    Where cameras are fixed, objects are at the same places all year. A model may learn these
    places: it has a high AP on images of the same cameras, and finds nothing on a new one. If a
    detector that never looks has an AP of 0.6, an AP of 0.7 shows little.

    ## How to fix

    - `trivial_ap` too high: the evaluated split has the same cameras as the training split, and
      few places. Evaluate on other cameras: see `clip-overlap`, and the command `split`.
    - `margin` too low: train with random shifts, scales and flips, and with images of more
      cameras. `stability[shift]` shows whether the model depends on the place.
    """

    code: ClassVar[str] = "trivial-baseline"
    measures: ClassVar[str] = "trivial_ap margin ap"

    min_margin: (
        Annotated[Share, Meta(description="Smallest AP of the model above that of the baseline.")]
        | None
    ) = None
    max: Annotated[Share, Meta(description="Largest AP of the baseline.")] | None = None
    metric: ApMetric = "AP50"
    boxes: Annotated[int, Meta(ge=1, le=100, description="Mean boxes of each class.")] = 10
    by: (
        Annotated[
            str,
            Meta(min_length=1, description="What the baseline knows of an image, such as site."),
        ]
        | None
    ) = None
    training: (
        Annotated[str, Meta(description="Split of the training boxes. Omitted: that of training.")]
        | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "min-margin", "max")
        split = self._training(project)
        if self.training is not None and self.training not in project.splits:
            refuse(OptionError(unknown("split", self.training, project.splits), "training"))
        elif split == project.evaluate_on:
            refuse(
                OptionError(
                    f"the training boxes are those of the evaluated split, {split!r}; name the "
                    "training split",
                    "training",
                )
            )
        if self.by is not None:
            try:
                names_in(self.by)
            except DataError as error:
                refuse(OptionError(str(error), "by"))

    def _training(self, project: Project) -> str | None:
        return project.training_split if self.training is None else self.training

    def targets(self, project: Project) -> Iterator[Target]:
        split = project.evaluate_on
        training = self._training(project) or split
        yield Target(datasets=(training, split), detections=(split,))

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        training, split = target.datasets
        model = inputs.scores(split)
        trained, tested = inputs.dataset(training), inputs.dataset(split)
        if not len(trained.boxes):
            raise DataError(f"{training} has no boxes, so there are no mean boxes")
        detections = trivial_detections(
            trained,
            _sizes(trained),
            tested,
            _sizes(tested),
            self.boxes,
            self._groups(inputs.project, training, split),
        )
        if not len(detections):
            raise DataError(f"{training} has no boxes on images of a known size")
        scoring = inputs.project.tables.scoring
        trivial = evaluate(tested, detections, scoring.engine, scoring.max_detections)
        ap, trivial_ap = (_metric_value(card, self.metric, split) for card in (model, trivial))
        return Outcome(
            message=(
                f"{self.metric} {ap:.3f} on {split}, {ap - trivial_ap:.3f} above the "
                f"{trivial_ap:.3f} of a detector that only knows "
                f"{counted(len(trained.boxes), 'box')} of {training}"
            ),
            measurements=[
                Measurement.at_most("trivial_ap", trivial_ap, self.max),
                Measurement.at_least("margin", ap - trivial_ap, self.min_margin),
                Measurement.shown("ap", ap),
            ],
            tables={"By class": _table(model, trivial, self.metric)},
        )

    def _groups(
        self, project: Project, training: str, split: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """The number of the group of each image of both splits; those that only the evaluated
        split has, and images without one, get a number that no training image has."""
        if self.by is None:
            return None
        own, other = (project.slices(name, self.by) for name in (training, split))
        number = {label: index for index, label in enumerate(own.labels)}
        of_label = np.array([number.get(label, _UNSEEN) for label in other.labels], np.int64)
        in_any = other.of_image != NO_SLICE
        of_tested = np.full(len(other.of_image), _UNSEEN, dtype=np.int64)
        of_tested[in_any] = of_label[other.of_image[in_any]]
        return own.of_image, of_tested

    passing: ClassVar[Example] = Example(
        config="[rules.trivial-baseline]\nmin-margin = 0.3",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]},
            "val": {"b_1.jpg": [("helmet_off", 60, 60, 30, 30)]},
        },
        detections={"val": {"b_1.jpg": [("helmet_off", 0.8, 60, 60, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.trivial-baseline]\nmin-margin = 0.3",
        splits={
            "train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]},
            "val": {"b_1.jpg": [("helmet_off", 12, 12, 30, 30)]},
        },
        detections={"val": {"b_1.jpg": [("helmet_off", 0.8, 12, 12, 30, 30)]}},
    )


def _sizes(dataset: Dataset) -> NDArray[np.float64]:
    """(images, 2) width and height, read from the files where the labels do not say them."""
    images = dataset.images
    stated = np.column_stack([images.width, images.height])
    names = images.file_name.tolist()
    return with_sizes_of_files(dataset.images_dir, names, stated, dataset.image_options)


def _metric_value(card: ScoreCard, metric: ApMetric, split: str) -> float:
    value = card.value_of(metric)
    if value is None:
        raise DataError(f"{metric} is not defined on {split}: it has no box to find")
    return value


def _table(model: ScoreCard, trivial: ScoreCard, metric: ApMetric) -> Table:
    return Table(
        columns=["class", f"{metric} of the model", f"{metric} of the trivial baseline"],
        rows=[
            [name, getattr(score, metric), getattr(trivial.classes[name], metric)]
            for name, score in model.classes.items()
        ],
    )
