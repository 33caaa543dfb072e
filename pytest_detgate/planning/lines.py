"""What a limit asks for, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from pytest_detgate.counts import verb
from pytest_detgate.planning.evidence import Known, Size
from pytest_detgate.record.formatting import counted, hours_text, number, percent
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.scoring.bounds.power import (
    MOST_CLIPS,
    Kind,
    LimitTest,
    chance_to_pass,
    clips_to_pass,
)
from pytest_detgate.scoring.bounds.resampling import LEAST_UNITS
from pytest_detgate.scoring.bounds.sample_size import (
    MOST_EVENTS,
    least_clips,
    least_exposure,
    time_with_power,
)
from pytest_detgate.scoring.bounds.watched import watched_exposure

FRACTIONS = (0.5, 0.2, 0.1)
"""True rates that are planned for, as parts of the limit."""
ALARMS = (1, 2, 3, 5, 10)
"""Numbers of alarms whose hours a plan gives."""


def lines_of(
    limit: PlannedLimit, known: Known, power: float, rates: Sequence[float]
) -> Iterator[str]:
    """Say how much evidence there is, the least that shows a limit, and what it takes for a model
    of a true rate to pass with a power."""
    decides = f"its bound at {percent(limit.confidence)}" if limit.by_bound else "the value itself"
    if limit.least_units:
        decides = "an exact test over clips"
    yield f"{limit.text} ({decides} decides)"
    size = known.size
    yield "there are " + ("no data yet" if size is None else _seen(size))
    if limit.kind == "rate":
        yield from _rate_lines(limit, size, power, rates)
        return
    least = _least(limit)
    never = "; fewer can never show it" if limit.least_units else ""
    evidence = f"{limit.flawless} {_evidence(least, size)}".lstrip()
    yield f"the least that shows it: {evidence}{never}"
    if limit.by_bound and size is not None and size.units < least:
        yield f"so {counted(least - size.units, _unit(size))} more, even if nothing goes wrong"
    if limit.has_power:
        yield from _power_lines(limit, known, power, rates)
    elif limit.kind == "boxes" and limit.limit >= 1:
        yield "how often a model passes is not known for one box a frame or more"


def _seen(size: Size) -> str:
    others = f"; {counted(size.others, f'other {_unit(size)}')} {verb(size.others, 'have')} none"
    return size.text() + (others if size.others else "")


def _least(limit: PlannedLimit) -> int:
    """The fewest clips, or frames, that show a limit if nothing goes wrong on them."""
    if limit.kind == "boxes":
        return math.ceil(least_exposure(limit.limit, limit.confidence))
    shown = least_clips(limit.limit, limit.confidence) if 0 < limit.limit < 1 else 1
    few = LEAST_UNITS if limit.things == "boxes" or limit.kind == "fall" else 1
    return max(shown, few, limit.least_units)


def _power_lines(
    limit: PlannedLimit, known: Known, power: float, rates: Sequence[float]
) -> Iterator[str]:
    kind: Kind = "boxes" if limit.kind == "boxes" else "share"
    test = LimitTest(kind, limit.limit, limit.confidence, limit.by_bound)
    law = known.law
    if not limit.by_bound:
        yield from _value_lines(limit, known, test, rates)
        return
    if limit.metric == "AP":
        yield "AP is taken to behave like a recall of the same value"
    if known.about:
        yield f"two frames of a clip are alike to {law.correlation:.2g} ({known.about})"
    for true_rate, share in _true_rates(limit, rates):
        line = f"a model with a true {true_rate} passes"
        if known.size is not None and known.size.units:
            now = chance_to_pass(test, law, share, known.size.units)
            line += f" now in {_chance(now)}"
        needed = clips_to_pass(test, law, share, power)
        if needed is None:
            yield f"{line}; no number of clips up to {MOST_CLIPS:,} passes it in {percent(power)}"
            continue
        promised = chance_to_pass(test, law, share, needed)
        comma = ", " if "now" in line else " "
        yield f"{line}{comma}in {_chance(promised)} with {_evidence(needed, known.size)}" + _more(
            needed, known.size
        )


def _value_lines(
    limit: PlannedLimit, known: Known, test: LimitTest, rates: Sequence[float]
) -> Iterator[str]:
    """What a value without a bound lets through: luck passes, on few clips above all."""
    size, worse = known.size, 2 * limit.limit
    if size is None or not size.units:
        yield "a value of a few clips is luck; to be sure, let its bound decide"
        return
    # Of a model that gets everything wrong nobody has to know.
    twice = [(_rate_text(limit, worse), worse)] if worse < 1 else []
    for true_rate, share in (*_true_rates(limit, rates), *twice):
        now = chance_to_pass(test, known.law, share, size.units)
        yield f"a model with a true {true_rate} passes now in {_chance(now)}"


def _rate_lines(
    limit: PlannedLimit, size: Size | None, power: float, rates: Sequence[float]
) -> Iterator[str]:
    from scipy.special import pdtr

    exposure = _exposure(limit)
    least = exposure(limit.limit, limit.confidence, 0)
    hours = None if size is None else size.hours
    more = "" if hours is None or hours >= least else f", {hours_text(least - hours)} more"
    yield f"the least that shows it: {limit.flawless} {hours_text(least)}{more}"
    if limit.by_bound:
        seen = [f"{alarms} in {_hours_of(limit, alarms)} h" for alarms in ALARMS]
        yield f"the least with alarms, rounded: {', '.join(seen)}"
    yield "alarms are taken to come one by one; in clusters they take more"
    if hours is None and not limit.by_bound:
        yield "a value of a few hours is luck; to be sure, let its bound decide"
        return
    twice = [] if limit.by_bound else [(_rate_text(limit, 2 * limit.limit), 2 * limit.limit)]
    for true_rate, rate in (*_true_rates(limit, rates), *twice):
        parts = []
        if hours is not None:
            allowed = _allowed(limit, hours)
            now = float(pdtr(allowed, rate * hours)) if allowed >= 0 else 0.0
            parts.append(f"now in {_chance(now)}")
        if limit.by_bound:
            parts.append(_with_power(limit, rate, power, hours))
        yield f"a model with a true {true_rate} passes {', '.join(parts)}".rstrip()


def _with_power(limit: PlannedLimit, rate: float, power: float, hours: float | None) -> str:
    """The hours with which a model of a true rate passes with a power."""
    design = time_with_power(limit.limit, rate, limit.confidence, power, _exposure(limit))
    if design is None:
        return f"in no time with up to {MOST_EVENTS:,} alarms in {percent(power)}"
    new = "" if hours is None else f" ({hours_text(max(design.size - hours, 0))} more)"
    size, alarms = hours_text(design.size), counted(design.allowed, "alarm")
    return f"in {_chance(design.power)} with {size} and at most {alarms}{new}"


def _allowed(limit: PlannedLimit, hours: float) -> int:
    """The most alarms in so many hours with which a rate is within its limit."""
    if not limit.by_bound:
        return math.floor(limit.limit * hours)
    allowed, exposure = -1, _exposure(limit)
    while exposure(limit.limit, limit.confidence, allowed + 1) <= hours:
        allowed += 1
    return allowed


def _hours_of(limit: PlannedLimit, alarms: int) -> str:
    hours = _exposure(limit)(limit.limit, limit.confidence, alarms)
    return number(hours, max(2 - math.floor(math.log10(hours)), 0))


def _exposure(limit: PlannedLimit) -> Callable[[float, float, int], float]:
    """What gives the shortest time that shows a rate at a confidence with a number of events."""
    return watched_exposure if limit.is_watched else least_exposure


def _true_rates(limit: PlannedLimit, rates: Sequence[float]) -> Iterator[tuple[str, float]]:
    """The true rates to plan for, in words and as what goes wrong: those that are given, where they
    are better than the limit, else parts of the limit."""
    given = [1 - rate if limit.is_floor else rate for rate in rates]
    better = [rate for rate in given if 0 <= rate < limit.limit]
    for wrong in better or [part * limit.limit for part in FRACTIONS]:
        yield _rate_text(limit, wrong), wrong


def _rate_text(limit: PlannedLimit, wrong: float) -> str:
    """A true rate in words: `recall of 0.95`."""
    words = {"rate": "rate of {} an hour", "boxes": "rate of {} boxes a frame"}
    text = words.get(limit.kind, f"{limit.metric} of {{}}")
    return text.format(number(1 - wrong if limit.is_floor else wrong))


def _evidence(units: int, size: Size | None) -> str:
    if size is None:
        return counted(units, "clip")
    if not (size.has_clips and size.units):
        return counted(units, _unit(size))
    return size.text(units).replace(", ", " (", 1) + ")"


def _more(units: int, size: Size | None) -> str:
    if size is None or units <= size.units:
        return ""
    return f": {counted(units - size.units, f'new {_unit(size)}')}"


def _unit(size: Size) -> str:
    return "clip" if size.has_clips else "frame"


def _chance(chance: float) -> str:
    """A chance in whole percent; of some thousands of drawn sets nothing is certain."""
    if 0 < chance < 0.005:
        return "under 1%"
    return "over 99%" if chance >= 0.995 else f"{chance:.0%}"
