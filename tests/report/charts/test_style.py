"""Colours of charts: legible on the page, and told apart by the colour-blind."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.report.charts.svg import SERIES, TONES

TEMPLATES = Path(str(files("pytest_detgate.templates")))
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
SCHEMES = ("light", "dark")


def colours(scheme: str) -> dict[str, str]:
    """The variables of a scheme: what the dark one does not set is that of the light one."""
    collected: dict[str, str] = {}
    for name in ("style.css", "charts.css"):
        text = (TEMPLATES / name).read_text("utf-8")
        first, *rest = re.findall(r":root \{(.*?)\}", text, re.S)
        for block in [first, *rest[: scheme == "dark"]]:
            collected.update(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    return collected


def linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[number : number + 2], 16) for number in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(first: str, other: str) -> float:
    """As WCAG 2 defines it."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted(float(weights @ linear(colour)) for colour in (first, other))
    return (high + 0.05) / (low + 0.05)


def lab(
    channels: NDArray[np.float64],
) -> NDArray[np.float64]:
    """CIE L*a*b* under D65."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(channels, 0, 1) / np.array([0.9505, 1, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_tone_of_a_drawing_is_a_variable_of_the_page(scheme: str) -> None:
    assert set(TONES) <= set(colours(scheme))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("tone", ["ink", "dim", "failed", *TONES[-SERIES:]])
def test_words_are_legible(scheme: str, tone: str) -> None:
    known = colours(scheme)

    assert contrast(known[tone], known["paper"]) >= 4.5
    assert contrast(known[tone], known["panel"]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_counts_are_legible_on_the_strongest_shade(scheme: str) -> None:
    known = colours(scheme)
    pairs = [
        (known[name][number : number + 2]) for number in (1, 3, 5) for name in ("series-1", "paper")
    ]
    mixed = [
        round(0.45 * int(shade, 16) + 0.55 * int(paper, 16))
        for shade, paper in zip(pairs[::2], pairs[1::2], strict=True)
    ]

    assert contrast("#{:02x}{:02x}{:02x}".format(*mixed), known["ink"]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sight", BLINDNESS)
def test_series_are_told_apart(scheme: str, sight: str) -> None:
    known = colours(scheme)
    seen = [
        lab(BLINDNESS[sight] @ linear(known[f"series-{number}"])) for number in range(1, SERIES + 1)
    ]

    # A difference of 2 can be seen side by side; these are seen on thin lines.
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) >= 15
