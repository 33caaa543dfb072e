"""How much evidence shows a limit: exact numbers for independent clips, and for events in time.

"Shows" means that the upper bound at a confidence, as a rule would compute it from such evidence,
is at most the limit. A model that is good enough passes only if chance does not get in its way, so
a plan asks for more: enough that a model of a stated true rate passes with a stated power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST_EVENTS = 2000
"""No plan allows more events: the true rate is then as good as the limit."""


@dataclass(frozen=True, slots=True)
class Design:
    """So much time, in which at most `allowed` events may be seen; a model of the true rate that
    was asked for passes with the chance `power`."""

    size: float
    allowed: int
    power: float


def least_exposure(rate: float, confidence: float, events: int = 0) -> float:
    """Return the shortest time that shows that events come at most at a rate > 0, with so many
    seen: the inverse of the exact Poisson bound (Garwood 1936). With rate 1 and confidence 0.95 it
    is 3.00, and 4.74 with one event."""
    from scipy.special import gammaincinv

    return float(gammaincinv(events + 1, confidence)) / rate


def least_clips(share: float, confidence: float, events: int = 0) -> int:
    """Return the fewest independent clips, `events` of which fail, that show that at most a share
    of all clips fails, 0 < share < 1: the inverse of the exact binomial bound (Clopper and Pearson
    1934). For 0.05 and 0.01 at 0.95 it is 59 and 299 with none that fails."""
    from scipy.special import betainc

    def shown(clips: int) -> bool:
        return bool(betainc(events + 1, clips - events, share) >= confidence - 1e-12)

    low, high = events, events + 1
    while not shown(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def time_with_power(
    limit: float,
    rate: float,
    confidence: float,
    power: float,
    exposure: Callable[[float, float, int], float] = least_exposure,
) -> Design | None:
    """Return the shortest time after which a model whose events come at a true `rate` shows, with
    the chance `power`, that they come at most at the `limit`; None where the rate is not below the
    limit, or so near that more than `MOST_EVENTS` events would have to be allowed. `exposure` is
    the shortest time that shows it with a number of events."""
    from scipy.special import pdtr

    if rate >= limit:
        return None
    for allowed in range(MOST_EVENTS):
        # As soon as so many are allowed, the chance to stay within them only falls with time.
        time = exposure(limit, confidence, allowed)
        chance = float(pdtr(allowed, rate * time))
        if chance >= power:
            return Design(time, allowed, chance)
    return None
