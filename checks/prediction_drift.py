"""The rule `prediction-drift`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from pytest_detgate.config.numbers import Count
from pytest_detgate.drift.features import Feature
from pytest_detgate.drift.predictions import (
    PREDICTION_FEATURES,
    Predictions,
    prediction_features,
)
from pytest_detgate.gaps import ANNOTATION_GAPS, DETECTION_GAPS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.drift_rule import DriftRule
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.options import (
    Threshold,
    allowed_missing_classes,
    require_names,
    threshold_of,
)
from pytest_detgate.rules.rule import Family, Target


class PredictionDrift(DriftRule, frozen=True, kw_only=True):
    """Detections on two data sets must look like one population: scores, boxes, classes.

    ## What it checks

    `between` names a reference and a tested split or probe, each with detections. Neither needs
    labels, so the tested one may be a folder of images from the place of use, as a probe with
    `unlabelled = true`.
    `distance[FEATURE]` is the total variation distance, from 0 to 1: the share of detections (or
    images) of one data set that would have to be in another bin for both to agree. The features and
    their bins are

    - `score`: scores of detections, in steps of 0.05;
    - `highest-score`: the highest score on each image, in the same steps, at any threshold;
    - `boxes-per-image`: 0 to 4 detections and then in doublings;
    - `class`: the class of detections.

    Detections count if their score is over `score-threshold`.

    A feature has drifted if its distance is over `max`, or over its limit in the table `features`,
    *and* chance alone would hardly do that, as in `split-drift`: whole clips are permuted, and
    `p[FEATURE]` is corrected for the number of features. `drifted` counts the features that have
    drifted.

    ## Why it matters

    A model meets images that nobody labelled. If it finds other classes there, fewer boxes, or is
    less sure, then the AP that was measured on the validation split says little about that place.

    ## How to fix

    Look at the bins that are named, then at images of them. If the place differs (fewer people,
    other machines), the distance is right: set a limit for that feature. If it does not, label some
    of its images and add them to training and validation.
    """

    code: ClassVar[str] = "prediction-drift"
    family: ClassVar[Family] = "model"
    names: ClassVar[tuple[str, ...]] = PREDICTION_FEATURES
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS
    spoiling_gaps: ClassVar[frozenset[GapKind]] = DETECTION_GAPS

    between: Annotated[
        tuple[str, str],
        Meta(description="The reference and the tested split or probe, e.g. val and a probe."),
    ]
    score_threshold: Threshold | None = None
    allow_missing_classes: Annotated[
        bool | Count,
        Meta(
            description="How many classes a result file that lists its classes may leave out; true "
            "for any number."
        ),
    ] = False

    @classmethod
    def recommended_tables(cls, project: Project) -> Iterator[dict[str, Any]]:
        return iter(())

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return allowed_missing_classes(self.allow_missing_classes)

    def require_between(self, project: Project) -> None:
        require_names("split or probe", self.between, project.datasets, "between")

    def targets(self, project: Project) -> Iterator[Target]:
        yield Target(label="-".join(self.between), datasets=self.between, detections=self.between)

    def observed(self, target: Target, inputs: Inputs, names: Sequence[str]) -> list[Feature]:
        threshold = threshold_of(self, inputs.project)
        reference, tested = (
            Predictions(inputs.dataset(name), inputs.detections(name), threshold)
            for name in target.datasets
        )
        return prediction_features(reference, tested, names)

    passing: ClassVar[Example] = Example(
        config="""
            [rules.prediction-drift]
            between = ["val", "street"]
            max = 0.2
            """,
        splits={"val": {f"yard_{n}.jpg": [("helmet_off", 10, 10, 30, 30)] for n in range(20)}},
        probes={"street": {f"road_{n}.jpg": [] for n in range(20)}},
        detections={
            "val": {
                f"yard_{n}.jpg": [("helmet_off", 0.5 + n / 50, 10, 10, 30, 30)] for n in range(20)
            },
            "street": {
                f"road_{n}.jpg": [("helmet_off", 0.5 + n / 50, 10, 10, 30, 30)] for n in range(20)
            },
        },
    )
    failing: ClassVar[Example] = Example(
        config="""
            [rules.prediction-drift]
            between = ["val", "street"]
            max = 0.2
            """,
        splits={"val": {f"yard_{n}.jpg": [("helmet_off", 10, 10, 30, 30)] for n in range(20)}},
        probes={"street": {f"road_{n}.jpg": [] for n in range(20)}},
        detections={
            "val": {f"yard_{n}.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)] for n in range(20)},
            "street": {f"road_{n}.jpg": [("helmet_off", 0.4, 10, 10, 30, 30)] for n in range(20)},
        },
    )
