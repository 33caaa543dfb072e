"""What a rule reports: measured values, the places they come from, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from pytest_detgate.errors import DetgateError
from pytest_detgate.plain import OVER_64_BITS, is_writable, plain_number

Verdict = Literal["passed", "failed", "warned", "waived", "not-evaluated"]
Relation = Literal["<=", ">="]
Bound = Literal["point", "lower", "upper"]
IntervalMethod = Literal["auto", "percentile"]
"""How intervals are computed: `auto` leaves room for clips unlike those that were seen;
`percentile` takes the bare quantiles of a bootstrap."""
INDEPENDENT_IMAGES = "independent images"
"""What the method of an interval counts where images have no clips."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """Two one-sided bounds of a value, each with the confidence `confidence`.

    `method` says how they were computed: `exact Poisson`, `bootstrap of 40 clips`.
    """

    low: float
    high: float
    confidence: float
    method: str


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value and, if the rule sets one, its limit.

    `passed` is None if there is no limit: the value is informational. `bound` says what was
    compared with the limit: the value itself (`point`), or one bound of its `interval`.
    """

    name: str
    value: float | int
    limit: float | int | None = None
    relation: Relation | None = None
    passed: bool | None = None
    bound: Bound = "point"
    interval: Interval | None = None

    @classmethod
    def shown(cls, name: str, value: float | int, interval: Interval | None = None) -> Measurement:
        """Report a value without judging it."""
        return cls(name=name, value=_number(name, value), interval=_interval(name, interval))

    @classmethod
    def at_most(
        cls,
        name: str,
        value: float | int,
        limit: float | int | None,
        *,
        bound: Literal["point", "upper"] = "point",
        interval: Interval | None = None,
    ) -> Measurement:
        """Hold a value, or the upper end of its interval, against an upper limit; without a
        limit it is only shown."""
        return cls._judged(name, value, limit, "<=", bound, interval)

    @classmethod
    def at_least(
        cls,
        name: str,
        value: float | int,
        limit: float | int | None,
        *,
        bound: Literal["point", "lower"] = "point",
        interval: Interval | None = None,
    ) -> Measurement:
        """Hold a value, or the lower end of its interval, against a lower limit; without a
        limit it is only shown."""
        return cls._judged(name, value, limit, ">=", bound, interval)

    def without_limit(self) -> Measurement:
        """The same value, not judged."""
        return Measurement(name=self.name, value=self.value, interval=self.interval)

    @property
    def judged_value(self) -> float | int:
        """The number that the limit was compared with."""
        if self.bound == "point" or self.interval is None:
            return self.value
        return self.interval.low if self.bound == "lower" else self.interval.high

    @classmethod
    def _judged(
        cls,
        name: str,
        value: float | int,
        limit: float | int | None,
        relation: Relation,
        bound: Bound,
        interval: Interval | None,
    ) -> Measurement:
        if limit is None:
            return cls.shown(name, value, interval)
        if bound != "point" and interval is None:
            raise DetgateError(f"{name} is judged by its {bound} bound, which it does not have")
        number = _number(name, value)
        limit = _limit(name, limit)
        measured = cls(name=name, value=number, bound=bound, interval=_interval(name, interval))
        passed = (
            measured.judged_value <= limit if relation == "<=" else measured.judged_value >= limit
        )
        return msgspec.structs.replace(measured, limit=limit, relation=relation, passed=passed)


def can_break(measured: Measurement, others: Sequence[Measurement] = ()) -> bool:
    """Whether any data or model could break the limit of a value that a built-in rule measures.

    Nothing breaks a floor of 0, a largest share of 1, a fall to an AP below 0 or a gain to one
    over 1, or a limit on a number that is not below the total, which `others` may tell:
    `images_total` is that of `images`, and `baseline` the AP that a change starts from.
    """
    if measured.limit is None:
        return False
    kind = measured.name.partition("[")[0]
    is_share = kind in _SHARES and 0 <= measured.value <= 1
    shown = {measurement.name: measurement.value for measurement in others}
    # The bound of a change may go further than the change itself.
    baseline = (
        shown.get("baseline") if measured.name == kind and measured.bound == "point" else None
    )
    if measured.relation == ">=":
        if kind == "change":
            return measured.limit > -(1 if baseline is None else baseline)
        return measured.limit > 0 or not (is_share or measured.name in _COUNTS)
    totals = [shown[name] for name in _totals_of(measured.name, shown) if name in shown]
    if is_share:
        totals.append(1)
    if kind == "suspicious_gain":
        totals.append(1 - (baseline or 0))
    return all(measured.limit < total for total in totals)


def _totals_of(name: str, shown: Mapping[str, float | int]) -> list[str]:
    """The names that the total of a number may have."""
    # A rule that counts faults shows of how many things; `areas` says that one may have two. Where
    # there is none yet, the next data may have some.
    names = [] if "areas" in shown else _TOTALS.get(name, [])
    return [f"{name}_total", *[each for each in names if shown.get(each, 0) > 0][:1]]


_TOTALS = {
    "count": ["annotations", "boxes", "images"],
    "dropped": ["images"],
    "lost": ["baseline"],
}
# Values from 0 to 1, and numbers of things that a rule compares with a floor.
_SHARES = frozenset(
    {
        *("share", "image_share", "dropped_share", "effective_empty_share"),
        *("ap", "ar", "recall", "ece", "dap", "score_difference", "distance", "trivial_ap"),
        *(
            "clip_share",
            "lost_share",
            "appeared_share",
            "relative_drop",
            "rpc",
            "miss_rate",
            "cpm",
            "olrp",
        ),
    }
)
_COUNTS = frozenset({"clips", "sites"})


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers behind a verdict, for a chart or for reading: a curve, a matrix, a trend.

    A cell is None if there is no value.
    """

    columns: list[str]
    rows: list[list[float | int | str | bool | None]]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a person should look at.

    `dataset` names the split or probe, `image` is the `file_name` in it, `box` is `[x, y, width,
    height]` in pixels of that image. `other` is what a leaked image was found in: an image of the
    other split, or its clip. `kind` tells the faults apart that a rule may find at one place.
    """

    text: str
    dataset: str | None = None
    image: str | None = None
    box: tuple[float, float, float, float] | None = None
    label: str | None = None
    score: float | None = None
    other: str | None = None
    kind: str | None = None


def _number(name: str, value: object) -> float | int:
    """Python's own number; `DetgateError` for what cannot be compared."""
    number = plain_number(value)
    if number is None:
        raise DetgateError(f"{name} is not a number: {str(value)[:80]} ({type(value).__name__})")
    if isinstance(number, float) and not math.isfinite(number):
        raise DetgateError(f"{name} could not be computed: it came out as {number}")
    if not is_writable(number):
        raise DetgateError(f"{name} is {OVER_64_BITS}")
    return number


def _limit(name: str, limit: object) -> float | int:
    number = plain_number(limit)
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        raise DetgateError(f"the limit of {name} must be a finite number, found {limit}")
    if not is_writable(number):
        raise DetgateError(f"the limit of {name} is {OVER_64_BITS}")
    return number


def _interval(name: str, interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    low = _number(f"the interval of {name}", interval.low)
    high = _number(f"the interval of {name}", interval.high)
    return msgspec.structs.replace(interval, low=low, high=high)
