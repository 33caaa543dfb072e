"""Numbers, margins and scales as the page says and draws them."""

from __future__ import annotations

import math

import msgspec
import pytest

from pytest_detgate.findings import Interval, Measurement, Verdict
from pytest_detgate.record import formatting as words
from pytest_detgate.report.headline import headline_of
from pytest_detgate.report.page.rule_rows import Scale, scale_of
from tests.report.sample import rule, sample_report

POISSON = Interval(low=1.36632, high=9.15352, confidence=0.95, method="exact Poisson")


def bounded(value: float, limit: float, *, high: float, confidence: float = 0.95) -> Measurement:
    interval = Interval(low=0.0, high=high, confidence=confidence, method="exact Poisson")
    return Measurement.at_most("boxes", value, limit, bound="upper", interval=interval)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (61234, "61,234"),
        (-3, "-3"),
        (0.0, "0"),
        (0.25, "0.25"),
        (0.8771234, "0.8771"),
        (1322.5, "1,322.5"),
        (100.0, "100"),
        (0.0000123, "1.23e-05"),
        (math.nan, "not a number"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert words.number(value) == text


def test_a_value_never_reads_like_the_limit_it_missed() -> None:
    assert words.value_and_limit(0.84999999, 0.85) == ("0.84999999", "0.85")
    assert words.value_and_limit(0.85, 0.85) == ("0.85", "0.85")
    assert words.value_and_limit(math.nextafter(0.85, 0), 0.85) == ("0.8499999999999999", "0.85")


def test_differences_beyond_all_decimals_are_said_in_full() -> None:
    assert words.value_and_limit(1e-20, 2e-20) == ("1e-20", "2e-20")
    assert words.held_and_limit(bounded(0, 0, high=1.5e-20)) == ("1.5e-20", "0")


def test_times_without_a_zone_and_without_hours() -> None:
    assert words.moment("2026-11-27T10:05:00") == "27 November 2026, 10:05"
    assert words.moment("2026-11-27T10:05:00+02:00") == "27 November 2026, 08:05 UTC"
    assert words.hours_text(0) == "0 h"


@pytest.mark.parametrize(
    ("measurement", "text"),
    [
        (Measurement.at_most("boxes", 61, 21), "40 over"),
        (Measurement.at_most("boxes", 9, 25), "16 to spare"),
        (Measurement.at_most("boxes", 21, 21), "exactly at the limit"),
        (Measurement.at_least("ap", 0.877, 0.87), "0.007 to spare"),
        (Measurement.at_least("ap", 0.86998211, 0.87), "0.0000179 short"),
        (Measurement.at_most("ms", 2259.4, 25.0), "2,234 over"),
        (Measurement.at_most("change", 1e-20, 0.0), "1e-20 over"),
        (Measurement.shown("images", 6), ""),
    ],
)
def test_margins(measurement: Measurement, text: str) -> None:
    assert words.margin(measurement) == text


@pytest.mark.parametrize(
    ("measurement", "texts"),
    [
        (bounded(4, 8, high=9.15352), ("9.15", "8")),
        (bounded(4, 10, high=9.15352), ("9.15", "10")),
        (bounded(4000, 4100, high=4106.26), ("4,106", "4,100")),
        (bounded(0, 3, high=2.99573), ("2.996", "3")),
        (bounded(0, 3, high=3.0000004), ("3.0000004", "3")),
        (bounded(0, 3, high=3.0), ("3", "3")),
        # rounded to 9.15 it would stand on the wrong side of its limit
        (bounded(4, 9.152, high=9.15352), ("9.154", "9.152")),
        (bounded(4, 9.1534567, high=9.15352), ("9.154", "9.1534567")),
        (bounded(0, 0.01, high=0.0029912), ("0.00299", "0.01")),
        (bounded(0, 0.5, high=0.0), ("0", "0.5")),
        (Measurement.at_most("boxes", 4, 8, interval=POISSON), ("4", "8")),
        (
            Measurement.at_least(
                "ap",
                0.87,
                0.85,
                bound="lower",
                interval=Interval(low=0.84971, high=0.89, confidence=0.95, method="bootstrap"),
            ),
            ("0.8497", "0.85"),
        ),
    ],
)
def test_what_is_held_is_said_on_its_side_of_the_limit(
    measurement: Measurement, texts: tuple[str, str]
) -> None:
    assert words.held_and_limit(measurement) == texts


def test_the_margin_of_a_bound_is_its_own() -> None:
    assert words.margin(bounded(4, 8, high=9.15352)) == "1.15 over"
    assert words.margin(bounded(4, 10, high=9.15352)) == "0.846 to spare"


def test_intervals_say_their_confidence_and_method() -> None:
    assert words.ends_words(POISSON) == "[1.37, 9.15], 95%"
    wide = Interval(low=0.0, high=3120.4, confidence=0.975, method="bootstrap of 40 clips")
    assert words.ends_words(wide) == "[0, 3,120], 97.5%"
    assert words.method_words(wide) == (
        "bootstrap of 40 clips; each end is a one-sided bound at 97.5%"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.012, "0.01 s"), (12.34, "12.3 s"), (754.2, "12 min 34 s"), (11100, "3 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds).replace(words.NARROW, " ") == text


def test_moments_are_said_in_utc_and_odd_ones_left_alone() -> None:
    assert words.moment("2026-11-20T10:00:00Z") == "20 November 2026, 10:00 UTC"
    assert words.moment("2026-11-20T10:00:00+02:00") == "20 November 2026, 08:00 UTC"
    assert words.moment("yesterday") == "yesterday"


def test_control_characters_become_visible() -> None:
    # Marks of direction, separators of lines, and what no XML may hold.
    assert words.visible("\u061c\u200e\u200f\u2028\u2029\ufffe\uffff") == 7 * "\ufffd"
    assert words.visible("a\x00b\x1b[31mc\x7f\x9b\n\td\udcff") == "a␀b␛[31mc␡\ufffd\n\td?"


@pytest.mark.parametrize(
    ("measurement", "scale"),
    [
        # 0 to 1 for a floor in that range: lengths compare between rules
        (
            Measurement.at_least("ap", 0.8, 0.5),
            Scale(value=(0, 80), forbidden=(0, 50), limit=50),
        ),
        # a budget: 15% of room to the right of the greater number
        (
            Measurement.at_most("boxes", 40, 20),
            Scale(value=(0, 86.96), forbidden=(43.48, 56.52), limit=43.48),
        ),
        (
            Measurement.at_most("count", 1, 0),
            Scale(value=(0, 86.96), forbidden=(0, 100), limit=0),
        ),
        # nothing allowed and nothing found: there is no near and far
        (Measurement.at_most("count", 0, 0), None),
        # a fall: zero is at the right end
        (
            Measurement.at_least("change", -0.2, -0.1),
            Scale(value=(13.04, 86.96), forbidden=(0, 56.52), limit=56.52),
        ),
        # a bound that is held has room: 115% of 10 are 11.5
        (
            Measurement.at_most(
                "boxes",
                4,
                8,
                bound="upper",
                interval=Interval(low=1.0, high=10.0, confidence=0.95, method="exact Poisson"),
            ),
            Scale(value=(0, 34.78), forbidden=(69.57, 30.43), limit=69.57, interval=(8.7, 78.26)),
        ),
        # one that is not is cut where the scale of value and limit ends: at 9.2
        (
            Measurement.at_most(
                "boxes",
                4,
                8,
                interval=Interval(low=1.0, high=10.0, confidence=0.95, method="exact Poisson"),
            ),
            Scale(value=(0, 43.48), forbidden=(86.96, 13.04), limit=86.96, interval=(10.87, 89.13)),
        ),
    ],
)
def test_scales(measurement: Measurement, scale: Scale | None) -> None:
    assert scale_of(measurement) == scale


def test_nothing_to_compare_draws_no_scale() -> None:
    assert scale_of(Measurement.shown("images", 6)) is None


@pytest.mark.parametrize(
    ("verdict", "rules", "texts"),
    [
        ("passed", ["passed"], ("passed", "Clear to merge", "The only rule passed.")),
        ("passed", ["passed"] * 3, ("passed", "Clear to merge", "All 3 rules passed.")),
        (
            "passed",
            ["passed", "waived", "warned"],
            ("warned", "Clear to merge", "1 of 3 rules warned, 1 is waived and 1 passed."),
        ),
        ("failed", ["passed", "failed"], ("failed", "Blocked", "1 of 2 rules failed.")),
        (
            "failed",
            ["not-evaluated", "failed", "failed"],
            ("failed", "Blocked", "2 of 3 rules failed and 1 could not be evaluated."),
        ),
        (
            "not-evaluated",
            ["not-evaluated"],
            ("not-evaluated", "Blocked", "1 of 1 rule could not be evaluated."),
        ),
        # the page never reads better than the record or than its rules
        ("passed", ["failed"], ("failed", "Blocked", "1 of 1 rule failed.")),
        (
            "failed",
            ["passed"],
            (
                "not-evaluated",
                "Blocked",
                "No rule failed, yet the run did not pass. The terminal output says more.",
            ),
        ),
        (
            "passed",
            [],
            (
                "not-evaluated",
                "Blocked",
                "No rule was evaluated. The terminal output says more.",
            ),
        ),
    ],
)
def test_headlines(verdict: Verdict, rules: list[Verdict], texts: tuple[str, str, str]) -> None:
    results = [rule(f"rule[{number}]", outcome, "") for number, outcome in enumerate(rules)]
    report = msgspec.structs.replace(sample_report(), verdict=verdict, rules=results)

    headline = headline_of(report)

    assert (headline.verdict, headline.word, headline.sentence) == texts
