"""Recall of the evaluated split over the threshold, and the floors that it has to meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pytest_detgate.errors import DataError
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rules.options import unknown_classes
from pytest_detgate.scoring.metrics.operating_point import RecallCurve, recall_curve


@dataclass(frozen=True, slots=True)
class PointRecall:
    """Recall of all classes `together` and of each, over the threshold.

    `floors` are those of the classes that have one; `missing` says which floors have no recall.
    """

    together: RecallCurve
    classes: Mapping[str, RecallCurve]
    floors: Mapping[str, float]
    missing: list[DataError]

    def measured(self, threshold: float) -> Iterator[Measurement]:
        yield Measurement.shown("recall", self.together.recall(threshold))
        for name, curve in self.classes.items():
            recall = curve.recall(threshold)
            yield Measurement.at_least(f"recall[{name}]", recall, self.floors.get(name))


def point_recall(
    inputs: Inputs,
    split: str,
    floor_of: Callable[[str], float | None],
    named: Iterable[str] | None,
) -> PointRecall:
    """`floor_of` gives the floor of a class, `named` are the classes that the rule names.

    Raises a DataError if the split has no box to find.
    """
    matches = inputs.matches(split)
    lowest = inputs.detections(split).score_floor
    of_class = {
        name: recall_curve(matches, category, score_floor=lowest)
        for category, name in enumerate(matches.candidates.columns.classes)
    }
    missing = unknown_classes(named, [*of_class])
    missing += [
        DataError(f"class {name!r} has no ground truth in {split}: its recall is undefined")
        for name, curve in of_class.items()
        if curve is None and floor_of(name) is not None
    ]
    together = recall_curve(matches, score_floor=lowest)
    if together is None:
        raise next(iter(missing), DataError(f"{split} has no box to find"))
    classes = {name: curve for name, curve in of_class.items() if curve is not None}
    floors = {name: floor for name in classes if (floor := floor_of(name)) is not None}
    return PointRecall(together, classes, floors, missing)
