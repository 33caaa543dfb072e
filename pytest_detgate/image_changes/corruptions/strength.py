"""The strength of a corruption at a severity."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

SEVERITIES = (1, 2, 3, 4, 5)


def strength(severity: int, *of_severities: T) -> T:
    """Return the value of a severity from 1 to 5."""
    return of_severities[severity - 1]
