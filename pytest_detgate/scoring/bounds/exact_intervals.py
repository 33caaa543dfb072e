"""Exact intervals of counts and shares: what a few frames can prove, and no more.

Both ends are one-sided bounds at the confidence that is asked for.
"""

from __future__ import annotations

from pytest_detgate.findings import Interval


def poisson_interval(count: int, confidence: float) -> Interval:
    """The interval of the expected count where `count` independent events were seen.

    Garwood, Biometrika 1936; 28:437-442. The low end is 0 for a count of 0.
    """
    # SciPy is imported where it is used: many runs of the gate never ask for an interval.
    from scipy.special import gammaincinv

    return Interval(
        low=float(gammaincinv(count, 1 - confidence)) if count else 0.0,
        high=float(gammaincinv(count + 1, confidence)),
        confidence=confidence,
        method="exact Poisson",
    )


def binomial_interval(successes: float, trials: float, confidence: float) -> Interval:
    """The interval of a share of which `successes` of `trials` were seen, trials > 0; either may
    be a fraction, where trials are counted in effect.

    Clopper and Pearson, Biometrika 1934; 26:404-413.
    """
    from scipy.special import betaincinv

    failures = trials - successes
    return Interval(
        low=float(betaincinv(successes, failures + 1, 1 - confidence)) if successes else 0.0,
        high=float(betaincinv(successes + 1, failures, confidence)) if failures else 1.0,
        confidence=confidence,
        method="exact binomial",
    )
