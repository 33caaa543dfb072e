"""What the limits of the rules on alarms ask of evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_detgate.findings import Bound
from pytest_detgate.record.formatting import number
from pytest_detgate.rules.alarms.class_events import events_of_class
from pytest_detgate.rules.planned_limits import Observed, PlannedLimit
from pytest_detgate.rules.rule import Target

if TYPE_CHECKING:
    from pytest_detgate.inputs.inputs import Inputs


def planned_of_rate(
    limits: Iterable[float],
    probe: str,
    confidence: float,
    *,
    by_bound: bool,
    is_watched: bool = False,
) -> Iterator[PlannedLimit]:
    """Yield the limits on the false alarms of a probe, each given as a number an hour."""
    for limit in limits:
        yield PlannedLimit(
            text=f"at most {number(limit)} false alarm{'' if limit == 1 else 's'} an hour",
            dataset=probe,
            kind="rate",
            limit=limit,
            confidence=confidence,
            by_bound=by_bound,
            flawless="no false alarm in",
            is_watched=is_watched,
        )


def planned_of_events(
    target: Target, floor: float, score: float, confidence: float, bound: Bound
) -> PlannedLimit:
    """The floor of the share of the events of a class that have an alarm."""
    split, name = target.datasets[0], target.label

    def observe(inputs: Inputs) -> Observed:
        events_found, events = events_of_class(inputs, split, name, score, None).found_by_clip()
        return (events - events_found)[events > 0], events[events > 0]

    return PlannedLimit(
        text=f"alarms for at least {number(floor)} of the events of {name or 'each class'}",
        dataset=split,
        kind="share",
        limit=1 - floor,
        confidence=confidence,
        by_bound=bound != "point",
        flawless="an alarm for every event on",
        things="events",
        metric="recall",
        category=name,
        is_floor=True,
        observe=None if name is None else observe,
    )
