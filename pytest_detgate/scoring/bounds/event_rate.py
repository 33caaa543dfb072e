"""Bounds of how often something happens on clips, and of the share of events that is found."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.findings import Interval
from pytest_detgate.scoring.bounds.exact_intervals import binomial_interval, poisson_interval
from pytest_detgate.scoring.bounds.unseen_clip import lower_ratio, upper_ratio
from pytest_detgate.scoring.bounds.watched import watched_rate

_MOST_TIMES = 3.0
_FEW_CLIPS = 24.0


def count_interval(
    counts: NDArray[np.int64],
    hours: NDArray[np.float64],
    confidence: float,
    copies: float = 1.0,
) -> Interval:
    """Return the interval of the expected number of events, from the events of each of G ≥ 1 clips
    and the hours of each, (G,).

    Events that come one by one are Poisson over the hours of all clips (Garwood, Biometrika 1936;
    28:437-442), and the interval is never narrower than that. Where they cluster in clips it is
    wider: one more clip of average length joins those that were seen (see `unseen_clip`). It has
    more events than the worst clip (`unseen_events`), because the worst clip that was seen is not
    the worst there is, or as many in an hour, whichever gives more. In a clip that is shorter than
    the average, the events are counted over the average length.

    Where no clip has two events nothing shows that they cluster, and the interval is the exact one:
    3.00 hours without an event show less than 1 an hour, on few clips as on many.

    With `copies` it is the interval that so many times as many clips would give, all like these,
    still as a number on the clips that were seen.
    """
    poisson = poisson_interval(copies * int(counts.sum()), confidence)
    poisson = replace(poisson, low=poisson.low / copies, high=poisson.high / copies)
    if len(counts) < 2 or int(counts.max(initial=0)) < 2:
        return replace(poisson, method="exact Poisson over the hours")
    ones, number = np.ones(len(counts)), counts.astype(np.float64)
    unseen = unseen_events(number, copies * len(counts))
    by_clip = upper_ratio(number, ones, float(unseen.max()), confidence, copies) * len(counts)
    worst = float((unseen / np.maximum(hours, hours.mean())).max())
    by_hour = upper_ratio(number, hours, worst, confidence, copies) * float(hours.sum())
    high = max(by_clip, by_hour)
    low = min(lower_ratio(number, ones, confidence, copies) * len(counts), poisson.low)
    if high <= poisson.high and low >= poisson.low:
        return replace(poisson, method="exact Poisson over the hours")
    return Interval(
        low=low,
        high=max(high, poisson.high),
        confidence=confidence,
        method=f"over {counted(len(counts), 'clip')}, one more unlike them",
    )


def unseen_events(counts: NDArray[np.float64], clips: float) -> NDArray[np.float64]:
    """Return how many events a clip would have that is as much worse as an unseen clip may be,
    beside each of those that were seen, (G,): one more than 1 + 24 / `clips` times as many, and at
    most three times. The more clips were seen, the less an unseen one can add to their mean.

    24 and 3 are the least with which bounds at 95% hold in 94% of cases where the rates of clips
    are gamma with a standard deviation of twice the mean, and clips are 12 or more;
    `benchmarks/alarms.py` tries them on other laws.
    """
    return min(_MOST_TIMES, 1 + _FEW_CLIPS / clips) * counts + 1


def watched_count_interval(
    counts: NDArray[np.int64],
    hours: NDArray[np.float64],
    confidence: float,
    prior_hours: float,
    copies: float = 1.0,
) -> Interval:
    """The same as an interval that holds at every moment while clips are added (see `watched`),
    with a prior of so many hours. Where events cluster in clips it is at least as wide as that of
    one moment, which alone allows for that."""
    once = count_interval(counts, hours, confidence, copies)
    time = float(hours.sum())
    low, high = watched_rate(copies * int(counts.sum()), copies * time, prior_hours, confidence)
    return Interval(
        low=min(low * time, once.low),
        high=max(high * time, once.high),
        confidence=confidence,
        method="gamma-Poisson mixture, at every moment",
    )


def share_interval(
    units_found: NDArray[np.int64],
    total: NDArray[np.int64],
    confidence: float,
    copies: float = 1.0,
) -> Interval:
    """Return the interval of the share of events that is found, from those found and all of each
    clip, (G,), at least one in all.

    It leaves room for one more clip of average size on which none, or every one, is found, and is
    never narrower than the exact binomial one of independent events. `copies` as above.
    """
    exact = binomial_interval(
        copies * int(units_found.sum()), copies * int(total.sum()), confidence
    )
    clips = int(np.count_nonzero(total))
    if clips == int(total.sum()):
        return exact
    part, whole = units_found.astype(np.float64), total.astype(np.float64)
    return Interval(
        low=min(exact.low, lower_ratio(part, whole, confidence, copies)),
        high=max(exact.high, upper_ratio(part, whole, 1.0, confidence, copies)),
        confidence=confidence,
        method=f"over {counted(clips, 'clip')}, one more unlike them",
    )
