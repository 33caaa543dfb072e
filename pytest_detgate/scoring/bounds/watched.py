"""Bounds of a rate that hold at every moment, however often one looks while time is added.

A bound for one moment does not: a person who looks after each clip and stops as soon as it is
below the limit passes too often. Here the chance that the bound is ever below the true rate is at
most the error.

For events that are Poisson with a rate r, N of them in the time T, the likelihood under a gamma
prior of r over that under r itself is, for a prior with shape 1 and time b,

    M(r) = b / (b + T) · N! · (r (b + T))^-N · e^(r T),

a martingale that starts at 1. By Ville's inequality it ever reaches 1 / error with a chance of at
most the error. The rates at which it has not are the interval (Robbins 1970; Howard et al., Annals
of Statistics 2021; Lindon and Malek, NeurIPS 2022).
"""

from __future__ import annotations

import math

from pytest_detgate.scoring.bounds.crossing import crossing


def watched_rate(
    events: float, time: float, prior_time: float, confidence: float
) -> tuple[float, float]:
    """Return both ends of the rate of `events` ≥ 0 in a `time` > 0, each at a confidence. They are
    closest where the true rate is about 1 / `prior_time`, which must not depend on the events."""
    seen = events / time

    def over(rate: float) -> float:
        return _log_ratio(events, rate * time, rate * prior_time) + math.log(1 - confidence)

    high = 2 * seen + 1 / time
    while over(high) < 0:
        high *= 2
    if not events:
        return 0.0, crossing(over, 1e-12 / time, high)
    low = seen / 2
    while over(low) < 0:
        low /= 2
    return crossing(over, low, seen), crossing(over, seen, high)


def watched_exposure(rate: float, confidence: float, events: int = 0) -> float:
    """Return the shortest time after which so many events show, whenever one looks, that they come
    at most at a rate > 0, which also sets the prior. With rate 1 and confidence 0.95 it is 4.74,
    and 7.21 with one event."""

    def over(expected: float) -> float:
        return _log_ratio(events, expected, 1.0) + math.log(1 - confidence)

    high = 2.0 * (events + 1)
    while over(high) < 0:
        high *= 2
    return crossing(over, events, high) / rate


def _log_ratio(events: float, expected: float, prior: float) -> float:
    """The logarithm of M, from the number expected in the time and in the prior's time."""
    ratio = math.log(prior / (prior + expected)) + math.lgamma(events + 1) + expected
    return ratio - events * math.log(prior + expected) if events else ratio
