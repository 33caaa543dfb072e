"""What an item has to look at, counted from its splits and probes before it looks.

An item that looked at less than it had to never passes. This is decided here, for every rule
alike: a rule only says which gaps it measures itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.gaps import Extent, Gap, GapKind, NotLookedAtError, Unit, described


def extent_of(
    datasets: Sequence[tuple[Dataset, Sequence[Gap]]], ignored: frozenset[GapKind]
) -> Extent:
    """How much of some splits and probes can be looked at.

    Each comes with the gaps in its detections. `ignored` are the kinds of gaps that make no
    difference to the item, or that it measures itself.
    """
    gaps = [
        one
        for dataset, of_detections in datasets
        for one in (*dataset.gaps, *of_detections)
        if one.kind not in ignored
    ]
    unit: Unit = "images" if not gaps else gaps[0].unit
    of_unit = [one for one in gaps if one.unit == unit]
    rows = sum(_rows(dataset, unit) for dataset, _ in datasets)
    to_look_at = rows + sum(one.count for one in of_unit if not one.listed)
    return Extent(
        unit=unit,
        to_look_at=to_look_at,
        looked_at=max(to_look_at - sum(one.count for one in of_unit), 0),
        left_out=described(gaps),
    )


def require_something(extent: Extent, names: Sequence[str]) -> None:
    """Raise `NotLookedAtError` where there is nothing to look at."""
    if not extent.to_look_at:
        where = " and ".join(names) or "the run"
        raise NotLookedAtError(f"{where}: there are no {extent.unit} to look at", extent)


def not_looked_at(extent: Extent, names: Sequence[str]) -> str:
    """What an item left out, in a sentence."""
    missing = extent.to_look_at - extent.looked_at
    where = f" of {' and '.join(names)}" if names else ""
    left_out = f" ({'; '.join(extent.left_out)})" if extent.left_out else ""
    return f"{missing:,} of {extent.to_look_at:,} {extent.unit}{where} were not looked at{left_out}"


def _rows(dataset: Dataset, unit: Unit) -> int:
    """How many of a unit the tables of a split or probe hold."""
    if unit == "annotations":
        return len(dataset.boxes)
    return len(dataset.classes) if unit == "classes" else len(dataset.images)
