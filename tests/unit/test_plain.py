"""Results as plain JSON types."""

from __future__ import annotations

import enum
import math
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.evidence import Bar, BarChart, Evidence, LineChart, Panel, Series
from pytest_detgate.findings import Finding, Interval, Measurement, Table
from pytest_detgate.plain import encode, plain

NUMPY_SCALARS = [
    (np.int64(7), 7),
    (np.uint8(7), 7),
    (np.float64(0.5), 0.5),
    (np.float32(0.5), 0.5),
    (np.float16(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.bool_(True), True),
    (np.str_("helmet"), "helmet"),
    (np.array(7), 7),
]


class Level(enum.IntEnum):
    HIGH = 7


def chart(values: Any) -> Evidence:
    series = Series(name="a", x=[0.0, 1.0], y=values)
    panels = [Panel(label="AP", series=[series])]
    return Evidence(charts=[LineChart(title="t", about="a", label="x", panels=panels)])


@pytest.mark.parametrize(("value", "expected"), NUMPY_SCALARS, ids=lambda value: repr(value))
def test_numpy_scalar_becomes_python_own_value(value: Any, expected: object) -> None:
    table = plain(Table(columns=["a"], rows=[[value]]), "it")

    assert table.rows == [[expected]]
    assert type(table.rows[0][0]) is type(expected)
    assert msgspec.json.decode(encode(table), type=Table) == table


def test_every_container_is_walked() -> None:
    bars = np.array([0.25, 0.5])
    result = plain(
        Evidence(
            charts=[
                BarChart(
                    title=np.str_("t"),
                    about="a",
                    label="x",
                    bars=[Bar(name="b", value=bars[0], passed=bars[0] < bars[1])],
                    span=(np.float64(0), np.float64(1)),
                ),
                *chart(bars).charts,
            ],
            frames_total=cast(Any, np.count_nonzero(bars)),
        ),
        "it",
    )

    assert isinstance(result.charts[0], BarChart)
    assert result.charts[0].bars[0].passed is True
    assert result.charts[0].span == (0.0, 1.0)
    assert isinstance(result.charts[1], LineChart)
    assert result.charts[1].panels[0].series[0].y == [0.25, 0.5]
    assert type(result.frames_total) is int
    assert msgspec.json.decode(encode(result), type=Evidence) == result


def test_subclass_of_a_python_type_becomes_that_type() -> None:
    class Name(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "another"

    table = plain(Table(columns=[Name("a")], rows=[[Level.HIGH]]), "it")

    assert table == Table(columns=["a"], rows=[[7]])
    assert type(table.columns[0]) is str
    assert type(table.rows[0][0]) is int


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_what_is_not_finite_is_refused_where_it_stands(value: float) -> None:
    """msgspec would write null, and a chart would show a gap where something went wrong."""
    location = (
        r"^it cannot be written: charts\[0\]\.panels\[0\]\.series\[0\]\.y\[1\] is -?(nan|inf)$"
    )

    with pytest.raises(DetgateError, match=location):
        plain(chart([0.5, value]), "it")


def test_no_value_is_none() -> None:
    assert plain(chart([0.5, None]), "it") == chart([0.5, None])


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (object(), "object is neither a number nor text"),
        (1 + 2j, "complex is neither a number nor text"),
        (np.array([1, 2]), "Expected .*, got `array`"),
        (10**20, r"rows\[0\]\[0\] is a number of more than 64 bits"),
    ],
)
def test_what_a_field_cannot_hold_is_refused(cell: Any, reason: str) -> None:
    with pytest.raises(DetgateError, match=f"^it cannot be written: .*{reason}"):
        plain(Table(columns=["a"], rows=[[cell]]), "it")


def test_a_box_of_a_finding_may_be_what_is_not_finite() -> None:
    finding = Finding(text="box", box=tuple(np.array([0, 0, np.nan, np.inf])))

    box = plain(finding, "it", finite=False).box

    assert box is not None
    assert [type(value) for value in box] == [float] * 4
    assert math.isnan(box[2])


@pytest.mark.parametrize(("value", "limit"), [(np.int64(3), np.float64(2.5)), (3, 2.5)])
def test_limit_of_any_kind_is_judged_by_pythons_own_truth(value: Any, limit: Any) -> None:
    interval = Interval(low=np.float64(2), high=np.float64(4), confidence=0.95, method="exact")

    over = Measurement.at_most("boxes", value, limit, bound="upper", interval=interval)

    assert over.passed is False
    assert Measurement.at_least("boxes", value, limit).passed is True
    assert (type(over.value), type(over.limit)) == (int, float)
    assert over.interval is not None
    assert (type(over.interval.low), type(over.interval.high)) == (float, float)


@pytest.mark.parametrize("limit", [math.inf, math.nan, np.float64("inf"), "7", None, True])
def test_limit_that_nothing_can_break_is_none(limit: Any) -> None:
    if limit is None:
        assert Measurement.at_most("boxes", 3, limit).passed is None
        return
    with pytest.raises(DetgateError, match="the limit of boxes must be a finite number, found"):
        Measurement.at_most("boxes", 3, limit)


@pytest.mark.parametrize("value", ["7", None, True, np.bool_(False), 1j, [1], np.array([1, 2])])
def test_value_that_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(DetgateError, match="boxes is not a number: "):
        Measurement.shown("boxes", value)
