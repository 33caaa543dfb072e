"""Classes in another order: detections of one class are on boxes of another, class by class.

Class numbers that count from another start, or in another order, give a detector that finds every
object and names each wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.wrong_results.truth_pairs import TruthPairs

MIN_IOU = 0.5
MIN_OF_CLASS = 3
MIN_FOUND = 10
MIN_IN_ORDER = 0.6
MAX_AS_GIVEN = 0.25
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class OtherOrder:
    """Classes that seem to be in another order: how they are mistaken, the share of the found
    objects whose class is right then, and as given."""

    name: str
    share: float
    share_as_given: float

    def __str__(self) -> str:
        return (
            f"the classes look {self.name}: {self.share:.0%} of the objects found have the right "
            f"class then, against {self.share_as_given:.0%} as given"
        )


def other_order(
    pairs: TruthPairs,
    category: NDArray[np.int64],
    names: Sequence[str],
    truth_names: Sequence[str],
) -> OtherOrder | None:
    """Return how the classes of detections seem to be mistaken, if they do.

    `category` are the classes of all detections, of which `pairs` holds the best, as indices into
    `names`; the ground truth has indices into `truth_names`.
    """
    if not len(pairs):
        return None
    iou = pairs.iou(pairs.xywh)
    has_pair = np.maximum.reduceat(iou, pairs.start) >= MIN_IOU
    if np.count_nonzero(has_pair) < MIN_FOUND:
        return None
    order = np.lexsort((-iou, pairs.detection))
    truth = pairs.category[order[pairs.start]][has_pair]
    own = {name: index for index, name in enumerate(truth_names)}
    own_class = np.array([own.get(name, -1) for name in names], dtype=np.int64)
    given = own_class[category[pairs.row]][has_pair]
    table = np.zeros((len(truth_names), len(truth_names)), dtype=np.int64)
    is_known = given >= 0
    np.add.at(table, (given[is_known], truth[is_known]), 1)
    total = int(table.sum())
    as_given = float(np.trace(table)) / max(total, 1)
    if as_given > MAX_AS_GIVEN:
        return None
    for shift in (1, -1):
        meant = np.arange(len(table)) + shift
        in_order = _in_order(table, meant, total)
        if in_order is not None:
            return OtherOrder(
                f"off by one ({_listed(table, meant, truth_names)})", in_order, as_given
            )
    # Only detections that look wrong pay for this import.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-table)
    meant = np.full(len(table), -1)
    meant[rows] = columns
    in_order = _in_order(table, meant, total)
    if in_order is None:
        return None
    name = f"to be in another order ({_listed(table, meant, truth_names)})"
    return OtherOrder(name, in_order, as_given)


def _in_order(table: NDArray[np.int64], meant: NDArray[np.int64], total: int) -> float | None:
    """The share of the found objects that have the right class where `meant` are the classes that
    detections of each class mean; None where detections do not speak for it.

    A detector that calls everything by one name says nothing about the order of classes.
    """
    rows = np.flatnonzero((meant >= 0) & (meant < len(table)))
    right = np.zeros(len(table), dtype=np.int64)
    right[rows] = table[rows, meant[rows]]
    of_class = table.sum(axis=1)
    speaks = (right >= MIN_OF_CLASS) & (2 * right > of_class) & (meant != np.arange(len(table)))
    share = float(right[of_class >= MIN_OF_CLASS].sum()) / total
    return share if np.count_nonzero(speaks) >= 2 and share >= MIN_IN_ORDER else None


def _listed(table: NDArray[np.int64], meant: NDArray[np.int64], names: Sequence[str]) -> str:
    """The classes that are mistaken, those with most detections first."""
    order = np.argsort(-table.sum(axis=1), kind="stable").tolist()
    moved = [
        f"{names[row]!r} is on {names[meant[row]]!r}"
        for row in order
        if 0 <= meant[row] < len(names) and meant[row] != row and table[row, meant[row]]
    ]
    return ", ".join(moved[:_SHOWN]) + (", ..." if len(moved) > _SHOWN else "")
