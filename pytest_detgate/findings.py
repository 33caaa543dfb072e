"""What a rule reports: measured values, the places they come from, and the verdict."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from pytest_detgate.errors import DetgateError

Verdict = Literal["passed", "failed", "warned", "waived", "not-evaluated"]
Relation = Literal["<=", ">="]


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value and, where the rule sets one, the limit it is held against.

    `passed` is None where there is no limit: the value is only shown.
    """

    name: str
    value: float | int
    limit: float | int | None = None
    relation: Relation | None = None
    passed: bool | None = None

    @classmethod
    def shown(cls, name: str, value: float | int) -> Measurement:
        """Report a value without judging it."""
        return cls(name=name, value=_number(name, value))

    @classmethod
    def at_most(cls, name: str, value: float | int, limit: float | int | None) -> Measurement:
        """Hold a value against an upper limit; without a limit it is only shown."""
        return cls._judged(name, value, limit, "<=")

    @classmethod
    def at_least(cls, name: str, value: float | int, limit: float | int | None) -> Measurement:
        """Hold a value against a lower limit; without a limit it is only shown."""
        return cls._judged(name, value, limit, ">=")

    @classmethod
    def _judged(
        cls, name: str, value: float | int, limit: float | int | None, relation: Relation
    ) -> Measurement:
        number = _number(name, value)
        if limit is None:
            return cls(name=name, value=number)
        passed = number <= limit if relation == "<=" else number >= limit
        return cls(name=name, value=number, limit=limit, relation=relation, passed=passed)


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place a person should look at.

    `dataset` names the split or probe, `image` is the `file_name` in it,
    `box` is `[x, y, width, height]` in pixels of that image.
    """

    text: str
    dataset: str | None = None
    image: str | None = None
    box: tuple[float, float, float, float] | None = None
    label: str | None = None
    score: float | None = None


def _number(name: str, value: float | int) -> float | int:
    """Turn NumPy scalars into Python's own numbers; refuse what cannot be compared."""
    number = value if type(value) in (int, float) else getattr(value, "item", lambda: value)()
    if not math.isfinite(number):
        raise DetgateError(f"{name} could not be computed: it came out as {number}")
    return number
