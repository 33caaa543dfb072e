"""Numbers in charts and in their sentences."""

from __future__ import annotations

import math

import pytest

from pytest_detgate.record.formatting import plotted, points_text, threshold_text


def test_curves_have_six_digits_and_gaps_where_there_is_no_value() -> None:
    assert plotted([0.123456789, 1234567.0, None, math.nan, math.inf, 0]) == [
        *(0.123457, 1234570.0, None, None, None, 0)
    ]


@pytest.mark.parametrize(
    ("threshold", "text"), [(0.3, "0.30"), (0.0, "0.00"), (0.305, "0.305"), (2 / 3, "0.667")]
)
def test_thresholds_in_a_sentence(threshold: float, text: str) -> None:
    assert threshold_text(threshold) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.114, "11 points of recall"),
        (-0.114, "11 points of recall"),
        (0.024, "2.4 points of recall"),
        (0.01, "1 point of recall"),
        (0.0004, "less than 0.1 points of recall"),
        (0.0, "no recall"),
    ],
)
def test_differences_in_a_sentence(share: float, text: str) -> None:
    assert points_text(share, "recall") == text
