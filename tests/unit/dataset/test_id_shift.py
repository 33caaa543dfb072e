"""Numbers that are all off by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.id_shift import shift_hint
from pytest_detgate.dataset.ids import id_column


@pytest.mark.parametrize(
    ("used", "listed", "begins"),
    [
        ([1, 2, 2], [0, 1], (1, 0)),
        ([2], [0, 1], (2 - 1, 0)),
        ([1], [0], (1, 0)),
        ([0, 1], [1, 2], (0, 1)),
        ([0], [2, 1], (0, 1)),
    ],
)
def test_all_fit_once_moved(used: list[int], listed: list[int], begins: tuple[int, int]) -> None:
    hint = shift_hint(id_column(used), listed, "classes")

    own, of_list = begins
    assert hint == (
        f"likely cause: the annotations number the classes from {own}, the list from {of_list}"
    )


@pytest.mark.parametrize(
    ("used", "listed"),
    [
        ([0, 1], [0, 1]),  # they fit as they are
        ([0, 2], [0, 1]),  # 0 would be outside
        ([3], [0, 1]),  # moved by two
        ([1, 2, 4], [1, 2, 5]),  # a list with gaps
        ([], [0, 1]),
        ([1, 2], []),
        (["b"], ["a"]),
        (["2", 2], [0, 1]),
        ([2**70], [0, 1]),
    ],
)
def test_no_cause_is_named_without_evidence(used: list[Any], listed: list[Any]) -> None:
    assert not shift_hint(id_column(used), listed, "classes")
    assert not shift_hint(np.array(used, dtype=object), id_column(listed), "classes")
