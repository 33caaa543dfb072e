"""Sharing limited room."""

from __future__ import annotations

import pytest

from pytest_detgate.report.round_robin import fair_shares, in_rounds


def test_every_queue_has_its_turn_before_any_has_its_second() -> None:
    assert list(in_rounds(["abc", "", "d", "ef"])) == [
        (0, "a"), (2, "d"), (3, "e"), (0, "b"), (3, "f"), (0, "c")
    ]  # fmt: skip
    assert list(in_rounds([])) == []


@pytest.mark.parametrize(
    ("wanted", "room", "shares"),
    [
        ([3, 5], 10, [3, 5]),
        ([1, 100, 100], 101, [1, 50, 50]),
        ([100, 2, 100, 2], 24, [10, 2, 10, 2]),
        ([4, 4, 4], 5, [1, 2, 2]),
        ([4, 4], 0, [0, 0]),
        ([], 9, []),
    ],
)
def test_small_wishes_are_met_and_large_ones_cut_alike(
    wanted: list[int], room: int, shares: list[int]
) -> None:
    assert fair_shares(wanted, room) == shares
