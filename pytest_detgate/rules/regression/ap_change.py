"""How AP changed from a baseline, in the draws of a bootstrap and by swapping detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DataError
from pytest_detgate.findings import Interval
from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.inputs.compared.comparable import BaselineAp
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rules.metrics.score_rules import require_p_value
from pytest_detgate.rules.regression.ap_noise import DEFAULT, ApNoise
from pytest_detgate.scoring.bounds.exact_limits import widened
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.swap import p_value_of_fall
from pytest_detgate.scoring.score_card import ApMetric


@dataclass(frozen=True, slots=True, eq=False)
class ApChange:
    """The change of AP on a split from a baseline, in so many draws."""

    inputs: Inputs
    split: str
    baseline: Baseline
    metric: ApMetric
    replicates: int
    seed: int

    def of(self, before: float, category: int | None) -> NDArray[np.float64]:
        """(B,) the change in every draw, of one class or of all. `before` is the AP of the
        baseline, which a recorded baseline has in every draw."""
        own = self.inputs.replicates(self.split, "all", self.replicates, self.seed)
        others = self.baseline.replicates(self.split, self.replicates, self.seed)
        values = own.values_of(self.metric, category)
        return values - (before if others is None else others.values_of(self.metric, category))

    def units(self, category: int | None) -> int:
        """How many units hold ground truth."""
        own = self.inputs.replicates(self.split, "all", self.replicates, self.seed)
        return own.seen(self.metric, category).units

    def bounds_of(
        self, value: float, before: float, category: int | None
    ) -> Callable[[Intervals], Interval]:
        """A function that gives the interval of the change from `before` to `value`, of one class
        or of all, by any intervals."""

        def changes(intervals: Intervals) -> Interval:
            drawn, units = self.of(before, category), self.units(category)
            # On clips unlike all that were seen AP may fall to 0, or rise to 1.
            interval = intervals.of_draws(drawn, (-before, 1 - before), units)
            return widened(interval, value - before, value - before)

        return changes

    def noise(self, before: BaselineAp) -> ApNoise:
        """The standard error of the change, over all classes and of each."""
        classes = {
            name: _spread(self.of(before.classes[name] or 0.0, category))
            for category, name in enumerate(self.inputs.dataset(self.split).classes)
        }
        spread = _spread(self.of(before.ap, None))
        return ApNoise(spread, "standard error by the bootstrap", classes)

    def p_value(self, least: float) -> float:
        """The chance of such a fall if both models are equally good; `TooLittleEvidenceError` where
        it could never be below `least`."""
        other = self.baseline.matches(self.split)
        if other is None:
            raise DataError(
                f"min-p-value needs a checkpoint as the baseline, and {self.baseline.record.path} "
                "is a report"
            )
        most = self.inputs.project.tables.scoring.max_detections
        resampling = self.inputs.resampling(self.split, self.replicates, self.seed)
        require_p_value(resampling.units, least)
        matches = self.inputs.matches(self.split)
        return p_value_of_fall(matches, other, resampling, self.metric, most)


def _spread(drawn: NDArray[np.float64]) -> float:
    """The standard deviation over the draws in which AP is defined."""
    defined = drawn[~np.isnan(drawn)]
    return float(defined.std()) if len(defined) else DEFAULT
