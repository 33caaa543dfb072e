"""The base class of rules on what was lost and gained since a baseline, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import ScoreThreshold
from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.errors import DataError
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.metrics.score_rules import (
    OwnConfidence,
    OwnReplicates,
    OwnSeed,
    TooLittle,
    draws_of,
    require_draws,
    require_least_draws,
    require_p_value,
    seed_of,
)
from pytest_detgate.rules.options import Threshold, threshold_of
from pytest_detgate.rules.regression.regression_rules import FirstRun
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.bounds.sign_flip import p_values_of_losses
from pytest_detgate.scoring.comparison.lost_objects import ObjectChange


@dataclass(frozen=True, slots=True, eq=False)
class LossTest:
    """The net losses of some groups, by name, in each unit: `net` (S, units)."""

    names: list[str]
    net: NDArray[np.float64]
    units: Units

    @classmethod
    def of_objects(cls, change: ObjectChange, units: Units) -> LossTest:
        """Test the objects of a split that were lost and gained."""
        return cls(*change.net_losses(units), units)

    @classmethod
    def of_images(
        cls, worse: NDArray[np.int64], better: NDArray[np.int64], units: Units
    ) -> LossTest:
        """Test things that came and went, from the image row of each."""
        came = np.bincount(units.of_image[worse], minlength=units.count)
        went = np.bincount(units.of_image[better], minlength=units.count)
        return cls(["all boxes"], (came - went).astype(np.float64)[None], units)


class LossRule(ScoreRule, frozen=True, kw_only=True):
    """A rule that compares single objects and boxes of two models, each at its operating point."""

    compares: ClassVar[bool] = True

    min_p_value: (
        Annotated[
            float, Meta(gt=0, lt=1, description="Smallest p-value of a loss, by flipping clips.")
        ]
        | None
    ) = None
    score_threshold: Threshold | None = None
    baseline_threshold: (
        Annotated[ScoreThreshold, Meta(description="Operating point of the baseline.")] | None
    ) = None
    bound: Annotated[
        Literal["point", "upper"],
        Meta(description="What is compared with max-lost-share: the share, or its upper bound."),
    ] = "point"
    confidence: OwnConfidence | None = None
    replicates: OwnReplicates | None = None
    seed: OwnSeed | None = None
    too_little: TooLittle = "fail"
    first_run: FirstRun = "refuse"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_draws(self, project, exact=True)
        if self.min_p_value is not None:
            require_least_draws(draws_of(self, project), "min-p-value", "min-p-value")

    def thresholds(self, project: Project) -> tuple[float, float]:
        """The operating points of the gated model and of the baseline."""
        own = threshold_of(self, project)
        return own, own if self.baseline_threshold is None else self.baseline_threshold

    def p_values(self, test: LossTest, project: Project) -> tuple[list[Measurement], str]:
        """The least p-value of the groups of a test, if the rule limits it, and whose it is, as the
        end of a sentence; `TooLittleEvidenceError` where so few units never have one below."""
        if self.min_p_value is None:
            return [], ""
        require_p_value(test.units, self.min_p_value)
        values = p_values_of_losses(test.net, draws_of(self, project), seed_of(self, project))
        group = int(values.argmin())
        p_value, net = float(values[group]), int(test.net[group].sum())
        text = f"; p-value {p_value:.3g}, least for {test.names[group]} ({net:+d} lost less gained)"
        return [Measurement.at_least("p_value", p_value, self.min_p_value)], text


def known_detections(baseline: Baseline, name: str) -> DetectionTable:
    """Return the baseline's detections on a split or probe; `DataError` where it has none."""
    detections = baseline.detections(name)
    if detections is None:
        raise DataError(
            f"the baseline {baseline.record.path} records numbers and no detections, so single "
            "objects cannot be compared: name a checkpoint with --detgate-baseline"
        )
    return detections
