"""Numbers as the charts of the record have them, and how many: nothing is compared with these."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

BARS = 30
"""Bars, or names of a histogram, that a chart has at most beside one for all together: the page
draws no more."""
SMALL = 0.1
"""Hundredths of a share that are not told apart in a sentence."""


def six_digits(value: float) -> float:
    """A number to the six digits that a drawing can show at most."""
    return float(f"{value:.6g}")


def plotted(values: Iterable[float | None]) -> list[float | None]:
    """Values of a curve to six digits; None where there is none, or no finite one."""
    return [
        None if value is None or not np.isfinite(value) else six_digits(value) for value in values
    ]


def at_score(threshold: float) -> str:
    """A score threshold in a sentence: `0.30`, or with a third digit where two do not tell it."""
    short = f"{threshold:.2f}"
    return short if float(short) == threshold else f"{threshold:.3f}"


def points(share: float, of: str) -> str:
    """A difference of shares in a sentence: `11 points of recall`, `0.4 points of recall`,
    `no recall`."""
    size = abs(share) * 100
    if not size:
        return f"no {of}"
    if size < SMALL:
        return f"less than {SMALL} points of {of}"
    said = f"{size:.0f}" if size >= 10 else f"{size:.1f}".removesuffix(".0")
    return f"{said} point{'' if said == '1' else 's'} of {of}"
