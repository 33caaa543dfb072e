"""Advice of rules: only what fits the case is given."""

from __future__ import annotations

import re

import pytest

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.record.advice import fitting_advice
from pytest_detgate.record.measurement_labels import _LABELS, _OF_RULE
from pytest_detgate.rules.documentation.rule_page import how_to_fix
from pytest_detgate.rules.registry import rule_classes
from pytest_detgate.rules.rule import Rule
from pytest_detgate.scoring.metrics.error_kinds import KINDS as ERROR_KINDS

CHANGES = ("shift", "scale", "flip", "jpeg", "brightness", "blur")
ADVICE = """
    Look at the images.
    - `share` too low: Add frames with nothing to
      detect.
    - `share` too high: Remove some.
    - `boxes` only by its bound: Collect more frames.
    - MMDetection: Set `filter_empty_gt=False`.
    - other frameworks: Make sure that training keeps them.
"""
BOUNDS = Interval(low=1.0, high=9.0, confidence=0.95, method="exact Poisson")
FEW = Measurement.at_least("share", 0.1, 0.25)
MANY = Measurement.at_most("share", 0.9, 0.5)
BY_BOUND = Measurement.at_most("boxes", 4, 8, bound="upper", interval=BOUNDS)
OVER = Measurement.at_most("boxes", 12, 8)
HOLDS = Measurement.at_most("share", 0.3, 0.5)
TRAINS = "Set `filter_empty_gt=False`."


@pytest.mark.parametrize(
    ("measured", "advice"),
    [
        (FEW, "Look at the images. Add frames with nothing to detect."),
        (MANY, "Look at the images. Remove some."),
        (BY_BOUND, "Look at the images. Collect more frames."),
        (OVER, "Look at the images."),
        (HOLDS, "Look at the images."),
        (Measurement.at_least("share[cone]", 0.1, 0.25), "Look at the images. Add frames with"),
    ],
)
def test_advice_depends_on_the_side_of_the_limit(measured: Measurement, advice: str) -> None:
    given = fitting_advice(ADVICE, [measured], "mmdetection")

    assert given.removesuffix(f" {TRAINS}").startswith(advice)
    assert given.endswith(TRAINS)
    assert ("Add" in given, "Remove" in given) == ("Add" in advice, "Remove" in advice)


@pytest.mark.parametrize(
    ("framework", "advice"),
    [
        ("mmdetection", TRAINS),
        ("onnx", "Make sure that training keeps them."),
        (None, f"MMDetection: {TRAINS} Other frameworks: Make sure that training keeps them."),
    ],
)
def test_advice_for_another_framework_is_not_given(framework: str | None, advice: str) -> None:
    assert fitting_advice(ADVICE, [], framework) == f"Look at the images. {advice}"


def test_advice_without_cases_is_given_as_it_is() -> None:
    text = "Move whole clips - never images: to one side.\n  Then train again."

    assert fitting_advice(text, [FEW]) == (
        "Move whole clips - never images: to one side. Then train again."
    )


def test_advice_for_what_was_found() -> None:
    """By a value that is not zero, one of several of a name, or the label of the item."""
    text = """
        - `truncated` found: Fetch again.
        - `dropped[min_size]` found: Lower it.
        - `class` found: Check the labels.
    """
    none = [Measurement.shown("truncated", 0), Measurement.shown("dropped[other]", 2)]

    assert fitting_advice(text, none) == ""
    assert fitting_advice(text, [Measurement.shown("truncated", 1)]) == "Fetch again."
    assert fitting_advice(text, [Measurement.shown("dropped[min_size]", 1)]) == "Lower it."
    assert fitting_advice(text, none, label="class") == "Check the labels."


@pytest.mark.parametrize("kind", rule_classes().values(), ids=list(rule_classes()))
def test_cases_of_advice_name_values_that_rules_measure(kind: type[Rule]) -> None:
    names = re.findall(
        r"- `([\w-]+)(?:\[[\w-]+\])?` (?:too low|too high|only by its bound|found): ",
        how_to_fix(kind),
    )

    assert set(names) <= {*_LABELS, *_OF_RULE.get(kind.code, ()), *ERROR_KINDS, *CHANGES}


def test_advice_of_two_cases_is_given_once() -> None:
    advice = "Look.\n- `boxes` too high: Add frames.\n- `share` too high: Add frames."

    assert fitting_advice(advice, [OVER, MANY]) == "Look. Add frames."


def test_advice_for_one_change_of_an_image() -> None:
    advice = how_to_fix(rule_classes()["stability"])

    given = fitting_advice(advice, [], label="flip")

    assert given.startswith("Many detections are near the threshold if all changes fail.")
    assert given.endswith("Then leave `flip` out of `changes`.")
    assert "Train with images" not in given
