"""What evidence an item lacks: how many clips, like those that were seen, would show its limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_detgate.counts import verb
from pytest_detgate.findings import Measurement
from pytest_detgate.record.formatting import counted
from pytest_detgate.scoring.bounds.resampling import LEAST_UNITS, Units
from pytest_detgate.scoring.bounds.sample_size import least_clips

MOST_TIMES = 100_000.0
"""More than so many times the evidence is as good as never."""
_CLOSE = 1.02


@dataclass(frozen=True, slots=True)
class Claim:
    """A limit that evidence may show.

    `text` says what would be shown: `less than 5% of frames with a false box`. `is_shown` tells
    whether it would be if there were so many times as many clips, all like those that were seen.
    """

    measured: Measurement
    text: str
    is_shown: Callable[[float], bool]

    @classmethod
    def by_bound(
        cls, measured: Measurement, text: str, bound_at: Callable[[float], float]
    ) -> Claim:
        """A claim that is shown where the bound keeps within the limit."""
        return cls(measured, text, lambda times: _holds(measured, bound_at(times)))

    @property
    def times(self) -> float:
        """How many times the evidence it takes: 1 where it is shown already, infinite where no
        number of such clips shows it, since the value itself is beyond its limit or too near it."""
        return times_needed(self.is_shown)

    @property
    def is_met(self) -> bool:
        """Whether the value itself is within its limit."""
        return _holds(self.measured, float(self.measured.value))

    @property
    def is_flawless(self) -> bool:
        """Whether nothing went wrong on what was seen."""
        return self.measured.value == (0 if self.measured.relation == "<=" else 1)

    @property
    def is_absolute(self) -> bool:
        """Whether the limit allows nothing at all to go wrong."""
        return self.measured.limit == (0 if self.measured.relation == "<=" else 1)


def _holds(measured: Measurement, value: float) -> bool:
    assert measured.limit is not None
    return value <= measured.limit if measured.relation == "<=" else value >= measured.limit


def times_needed(holds: Callable[[float], bool]) -> float:
    """Return the least number of times from 1 on, to 2%, for which something holds that goes on to
    hold; infinite where it is more than `MOST_TIMES`."""
    if holds(1.0):
        return 1.0
    low, high = 1.0, 2.0
    while not holds(high):
        low, high = high, 2 * high
        if low >= MOST_TIMES:
            return math.inf
    while high / low > _CLOSE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def needs_text(
    claims: Sequence[Claim], units: int, unit: str, flawless: str, which: str = ""
) -> str | None:
    """Say what is lacking to show the limit that takes most, from what was seen on `units` clips or
    images; None where nothing is, or a value is beyond its limit, so that evidence is not what is
    lacking.

    `flawless` says what went well on them if nothing went wrong: `no false box on`. `which` says
    which of the clips or images they are: ` with worker`.
    """
    hardest = hardest_claim(claims)
    if hardest is None:
        return None
    times, claim = hardest
    looked = looked_at(units)
    if math.isinf(times):
        many = counted(int(MOST_TIMES) * units, unit)
        return f"not even {many} like these{which} would show {claim.text}; {looked}"
    needed = _fewest(claim, units, times)
    several = counted(needed, unit)
    lead = f"{flawless} {several}" if claim.is_flawless else f"{several} like these"
    lead += which
    return f"{lead} would show {claim.text}; {looked}"


def hardest_claim(claims: Sequence[Claim]) -> tuple[float, Claim] | None:
    """Return the claim that takes most and how many times the evidence it takes; None where nothing
    is lacking, or a value is beyond its limit. No evidence shows that nothing ever goes wrong: such
    a limit is about what was seen."""
    judged = [claim for claim in claims if claim.measured.limit is not None]
    if any(not claim.is_met for claim in judged):
        return None
    open_claims = [claim for claim in judged if not claim.is_absolute]
    lacking = [(times, claim) for claim in open_claims if (times := claim.times) > 1]
    return max(lacking, key=lambda pair: pair[0], default=None)


def few_units_text(
    measured: Measurement, units: Units, text: str, confidence: float, flawless: str
) -> str:
    """Say what is lacking where there are too few units for any bound: at the best, with nothing
    wrong on them, so many would show the limit of a share."""
    limit = float(measured.limit or 0)
    worst = limit if measured.relation == "<=" else 1 - limit
    least = least_clips(worst, confidence) if 0 < worst < 1 else LEAST_UNITS
    needed = counted(max(least, LEAST_UNITS), units.kind)
    return f"{flawless} {needed} would show {text}; {looked_at(units.count)}"


def looked_at(units: int) -> str:
    """`12 were looked at`, as the end of a sentence on clips or images."""
    return f"{units:,} {verb(units, 'were')} looked at"


def _fewest(claim: Claim, units: int, times: float) -> int:
    """The whole number of units that shows it, at or just below so many times those seen."""
    fewest = math.ceil(times * units)
    least = max(units, math.floor(times / _CLOSE * units))
    while fewest > least and claim.is_shown(max((fewest - 1) / units, 1.0)):
        fewest -= 1
    return fewest
