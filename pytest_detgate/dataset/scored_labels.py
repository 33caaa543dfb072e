"""Labels that have scores, as detections do: a result file that was named as ground truth would
agree with the model that wrote it."""

from __future__ import annotations

from pytest_detgate.counts import counted
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError

LABELS = "if they are labels, such as pseudo-labels that somebody checked,"
"""Begins what a person has to do where scores do not mean detections."""
_ADVICE = (
    f"if these are detections, give them by --detgate-predictions NAME=FILE; {LABELS} write "
    "scored-labels = true beside annotations"
)


class ScoredLabelsError(DataError):
    """Labels have scores, and nothing says that they are labels nevertheless; `seen` says where and
    which."""

    def __init__(self, seen: str) -> None:
        super().__init__(f"{seen}; {_ADVICE}")
        self.seen = seen


def require_no_scores(dataset: Dataset) -> None:
    """Raise `ScoredLabelsError` where labels have scores."""
    if dataset.has_scores:
        every = counted(len(dataset.boxes), "annotation")
        have = "has" if len(dataset.boxes) == 1 else "all have"
        raise ScoredLabelsError(
            f"{dataset.annotations}: its {every} {have} a `score`, as detections have"
        )
