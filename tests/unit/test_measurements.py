"""Values held against limits, and limits that nothing can break."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.findings import Interval, Measurement, can_break

WIDE = Interval(low=2.0, high=6.0, confidence=0.95, method="exact Poisson")


@pytest.mark.parametrize(
    ("limit", "most", "least"), [(3, False, True), (4, True, True), (5, True, False)]
)
def test_a_value_that_equals_its_limit_holds(limit: int, most: bool, least: bool) -> None:
    assert Measurement.at_most("boxes", 4, limit).passed is most
    assert Measurement.at_least("boxes", 4, limit).passed is least


@pytest.mark.parametrize("limit", [5.9, 6.0])
def test_the_upper_end_of_an_interval_under_a_ceiling(limit: float) -> None:
    """The value, 4, is under both limits; the upper end, 6, is under one of them."""
    measurement = Measurement.at_most("boxes", 4, limit, bound="upper", interval=WIDE)

    assert (measurement.passed, measurement.judged_value) == (limit == 6, 6.0)
    assert (measurement.name, measurement.value, measurement.limit, measurement.relation) == (
        "boxes",
        4,
        limit,
        "<=",
    )
    assert (measurement.bound, measurement.interval) == ("upper", WIDE)


@pytest.mark.parametrize("limit", [2.0, 2.1])
def test_the_lower_end_of_an_interval_over_a_floor(limit: float) -> None:
    measurement = Measurement.at_least("recall", 4, limit, bound="lower", interval=WIDE)

    assert (measurement.passed, measurement.judged_value) == (limit == 2, 2.0)
    assert (measurement.name, measurement.value, measurement.limit, measurement.relation) == (
        "recall",
        4,
        limit,
        ">=",
    )
    assert (measurement.bound, measurement.interval) == ("lower", WIDE)


def test_an_interval_beside_a_value_changes_no_verdict() -> None:
    shown = Measurement.at_most("boxes", 4, 5, interval=WIDE)

    assert (shown.passed, shown.judged_value, shown.interval) == (True, 4, WIDE)


def test_without_a_limit_a_value_is_shown() -> None:
    expected = Measurement(name="boxes", value=4, interval=WIDE)

    assert Measurement.shown("boxes", 4, WIDE) == expected
    assert Measurement.at_most("boxes", 4, None, bound="upper", interval=WIDE) == expected
    assert Measurement.at_least("boxes", 4, None, interval=WIDE) == expected
    judged = Measurement.at_most("boxes", 4, 2, bound="upper", interval=WIDE)
    assert judged.without_limit() == expected


def test_a_bound_without_an_interval_is_refused() -> None:
    with pytest.raises(DetgateError) as caught:
        Measurement.at_most("boxes", 4, 5, bound="upper")
    assert str(caught.value) == "boxes is judged by its upper bound, which it does not have"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 90, f"boxes is not a number: {'x' * 80} (str)"),
        (None, "boxes is not a number: None (NoneType)"),
        (float("nan"), "boxes could not be computed: it came out as nan"),
        (float("inf"), "boxes could not be computed: it came out as inf"),
    ],
)
def test_a_value_that_is_no_number_is_refused(value: Any, message: str) -> None:
    with pytest.raises(DetgateError) as caught:
        Measurement.shown("boxes", value)
    assert str(caught.value) == message
    with pytest.raises(DetgateError) as caught:
        Measurement.at_most("boxes", value, 5)
    assert str(caught.value) == message


@pytest.mark.parametrize("limit", ["5", float("nan"), float("-inf")])
def test_a_limit_that_is_no_number_is_refused(limit: Any) -> None:
    with pytest.raises(DetgateError) as caught:
        Measurement.at_least("boxes", 4, limit)
    assert str(caught.value) == f"the limit of boxes must be a finite number, found {limit}"


@pytest.mark.parametrize("end", ["low", "high"])
def test_an_end_that_is_no_number_is_refused(end: str) -> None:
    ends: dict[str, Any] = {"low": 2.0, "high": 6.0, end: float("nan")}
    interval = Interval(**ends, confidence=0.95, method="exact Poisson")

    with pytest.raises(DetgateError, match=r"^the interval of boxes could not be computed"):
        Measurement.shown("boxes", 4, interval)
    with pytest.raises(DetgateError, match=r"^the interval of boxes could not be computed"):
        Measurement.at_most("boxes", 4, 5, interval=interval)


@pytest.mark.parametrize(
    ("name", "value", "limit", "breaks"),
    [
        ("boxes", 3, 0, True),  # a rule of the project may measure what is below 0
        ("recall", 0.5, 0, False),
        ("recall[cone]", 0.5, 0, False),
        ("recall", 0.5, 0.01, True),
        ("recall", 0.0, 0, False),
        ("recall", 1.0, 0, False),
        ("recall", 50, 0, True),  # no share
        ("recall", -0.5, 0, True),
        ("clips", 3, 0, False),
        ("clips", 3, 1, True),
    ],
)
def test_floors_that_nothing_breaks(name: str, value: float, limit: float, breaks: bool) -> None:
    assert can_break(Measurement.at_least(name, value, limit)) is breaks


@pytest.mark.parametrize(
    ("name", "value", "limit", "others", "breaks"),
    [
        ("share", 0.5, 1, {}, False),
        ("share", 0.5, 0.99, {}, True),
        ("share", 2, 1, {}, True),  # no share
        ("boxes", 3, 1_000_000, {}, True),
        ("images", 3, 5, {"images_total": 5}, False),
        ("images", 3, 4, {"images_total": 5}, True),
        ("images", 3, 6, {"boxes_total": 5}, True),
        ("share", 0.5, 0.9, {"share_total": 0.9}, False),
        ("share", 0.5, 0.9, {"share_total": 2}, True),
        ("clip_share", 0.5, 1, {}, False),
        ("trivial_ap", 0.5, 1, {}, False),
        ("suspicious_gain", 0.1, 1, {}, False),
        ("suspicious_gain", 0.1, 0.5, {"baseline": 0.5}, False),
        ("suspicious_gain", 0.1, 0.5, {"baseline": 0.25}, True),
        ("change", 5, 1, {}, True),  # false boxes, not AP
        ("count", 0, 4, {"boxes": 4}, False),
        ("count", 0, 3, {"boxes": 4}, True),
        ("count", 0, 9, {"annotations": 9}, False),
        ("count", 0, 4, {"boxes": 4, "areas": 0}, True),
        ("count", 0, 4, {"classes": 4}, True),
        ("count", 0, 0, {"boxes": 0}, True),  # the next data may have some
        ("dropped", 0, 2, {"images": 2}, False),
        ("dropped", 0, 2, {"boxes": 2}, True),
        ("lost", 1, 5, {"baseline": 5}, False),
        ("lost", 1, 4, {"baseline": 5}, True),
    ],
)
def test_ceilings_that_nothing_breaks(
    name: str, value: float, limit: float, others: dict[str, float], breaks: bool
) -> None:
    shown = [Measurement.shown(other, total) for other, total in others.items()]

    assert can_break(Measurement.at_most(name, value, limit), shown) is breaks


@pytest.mark.parametrize(
    ("name", "limit", "breaks"),
    [
        ("change", -1, False), ("change", -0.8, False), ("change", -0.7, True),
        ("change[helmet]", -1.1, False), ("change[helmet]", -0.9, True),
    ],
)  # fmt: skip
def test_falls_that_no_model_can_have(name: str, limit: float, breaks: bool) -> None:
    """AP was 0.8, of the class it is not known."""
    measured = Measurement.at_least(name, 0, limit)

    assert can_break(measured, [Measurement.shown("baseline", 0.8)]) is breaks


def test_a_value_without_a_limit_breaks_none() -> None:
    assert not can_break(Measurement.shown("boxes", 3))
