"""How much an item has to look at, counted from its splits and probes before it is evaluated.

An item that looked at less than it had to never passes. This is decided here, for every rule
alike: a rule only says which gaps it measures itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pytest_detgate.counts import part_verb, with_count
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.gaps import Extent, Gap, GapKind, NotLookedAtError, Unit, described


def extent_of(
    seen: Sequence[tuple[Dataset, DetectionTable | None]],
    ignored: frozenset[GapKind],
    allowed: Mapping[GapKind, int],
) -> Extent:
    """How much of some splits and probes can be looked at.

    Each comes with its detections where the item needs them. `ignored` are the kinds of gaps that
    make no difference to the item, or that it measures itself; of the `allowed` kinds so many
    things may be left out of each.
    """
    gaps: list[Gap] = []
    sizes: Counter[GapKind] = Counter()
    for dataset, detections in seen:
        own = [*dataset.gaps, *(() if detections is None else detections.gaps)]
        own = [gap for gap in own if gap.kind not in ignored]
        for kind in {gap.kind for gap in own}:
            of_kind = sum(gap.count for gap in own if gap.kind == kind)
            sizes[kind] = max(sizes[kind], of_kind)
        gaps += own
    excused = {kind for kind, size in sizes.items() if size <= allowed.get(kind, 0)}
    # What is not allowed decides; what is allowed is counted where there is nothing else.
    first = next((gap for gap in gaps if gap.kind not in excused), next(iter(gaps), None))
    unit: Unit = "images" if first is None else first.unit
    of_unit = [gap for gap in gaps if gap.unit == unit]
    to_look_at = sum(_rows(*part, unit) for part in seen)
    to_look_at += sum(gap.count for gap in of_unit if not gap.listed)
    return Extent(
        unit=unit,
        to_look_at=to_look_at,
        looked_at=max(to_look_at - sum(gap.count for gap in of_unit), 0),
        allowed=sum(gap.count for gap in of_unit if gap.kind in excused),
        left_out=described(gaps),
        of_data=all(gap.of_data for gap in gaps),
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
    units = with_count(extent.to_look_at, extent.unit)
    were = part_verb(missing, extent.to_look_at, "were")
    return f"{missing:,} of {units}{where} {were} not looked at{left_out}"


def _rows(dataset: Dataset, detections: DetectionTable | None, unit: Unit) -> int:
    """How many of a unit the tables of a split or probe hold."""
    if unit == "annotations":
        return len(dataset.boxes)
    if unit != "classes":
        return len(dataset.images)
    # A folder knows no classes, but what was found on it does.
    return len(dataset.classes or (() if detections is None else detections.classes))
