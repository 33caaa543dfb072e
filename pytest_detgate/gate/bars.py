"""How many bars a chart of a data set may have, and what is said of the others."""

from __future__ import annotations

BARS_CAP = 30
"""Bars of one chart: classes, clips or sites."""


def capped(what: str, total: int, *, first: str) -> str:
    """A sentence that says what is left out, led by a space; empty where nothing is. `first`
    says which are shown."""
    return f" Shown are {BARS_CAP} of {total} {what}, {first}." if total > BARS_CAP else ""
