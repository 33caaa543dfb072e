"""What the rule `shortcut` shows of properties that tell a class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_detgate.evidence import BARS, Bar, BarChart, left_out
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.scoring.shortcuts import Shortcut


class ClassByProperty(NamedTuple):
    """How well a property tells the class of that name."""

    name: str
    property: str
    power: Shortcut


def shortcut_measurements(
    tested: Sequence[ClassByProperty], shortcuts: Sequence[ClassByProperty], judged: int
) -> list[Measurement]:
    """Return the number of shortcuts, which must be 0, and the value of each."""
    return [
        Measurement.at_most("shortcuts", len(shortcuts), 0),
        *(
            Measurement.shown(
                f"{test.property}[{test.name}]", test.power.value, test.power.interval
            )
            for test in shortcuts
        ),
        Measurement.shown("largest", max((test.power.value for test in tested), default=0.0)),
        Measurement.shown("judged", judged),
    ]


def shortcut_findings(shortcuts: Sequence[ClassByProperty], split: str) -> list[Finding]:
    """Return a finding for each shortcut."""
    return [
        Finding(
            text=f"{test.property} alone tells {test.name}: "
            f"{test.power.value:.2f}, at least {test.power.interval.low:.2f}",
            dataset=split,
            label=test.name,
        )
        for test in shortcuts
    ]


def shortcut_tables(
    tested: Sequence[ClassByProperty], not_judged: Iterable[tuple[str, int]]
) -> dict[str, Table]:
    """Return the values of all pairs, and on how many images the classes are that have none."""
    return {
        "what properties tell": Table(
            columns=["class", "property", "value", "lower bound", "upper bound"],
            rows=[
                [
                    test.name,
                    test.property,
                    round(test.power.value, 4),
                    round(test.power.interval.low, 4),
                    round(test.power.interval.high, 4),
                ]
                for test in tested
            ],
        ),
        "classes that are not judged": Table(
            columns=["class", "images with it"],
            rows=[[name, images] for name, images in not_judged],
        ),
    }


def shortcut_chart(tested: Sequence[ClassByProperty], split: str, limit: float) -> BarChart:
    """Draw the pairs with the highest bounds beside the limit."""
    return BarChart(
        title="What properties of the image alone tell",
        about=f"1: the property tells the images of {split} with the class from those "
        f"without it. A lower bound over {limit:g} is a shortcut."
        + left_out(len(tested), BARS, "with the highest bounds", "pairs"),
        label="share named with the class, less without",
        bars=[
            Bar(
                name=f"{test.name} by {test.property}",
                value=test.power.value,
                low=test.power.interval.low,
                high=test.power.interval.high,
                limit=limit,
                passed=test.power.interval.low <= limit,
            )
            for test in tested[:BARS]
        ],
    )
