"""A score and its floor in words: they never look alike where one is under the other."""

from __future__ import annotations

import pytest

from pytest_detgate.record.formatting import value_and_floor


@pytest.mark.parametrize(
    ("value", "floor", "text"),
    [
        (0.735, None, "0.735 on val"),
        (0.735, 0.6, "0.735 on val, floor 0.6"),
        (0.6, 0.6, "0.600 on val, floor 0.6"),
        # three digits would say 0.600 for what is under 0.6
        (0.59996, 0.6, "0.59996 on val, floor 0.6"),
        (1 - 2**-53, 1.0, "0.9999999999999999 on val, floor 1"),
        (0.0, 0.3, "0.000 on val, floor 0.3"),
    ],
)
def test_a_score_and_its_floor(value: float, floor: float | None, text: str) -> None:
    assert value_and_floor(value, floor, " on val") == text
