"""A name that is absolute, or goes up a folder, is seen among others."""

from __future__ import annotations

import pytest

from pytest_detgate.dataset.images.inside import leaving_rows
from pytest_detgate.dataset.tables import object_column


@pytest.mark.parametrize(
    "name",
    [
        *("/a.jpg", "\\a.jpg", "\\\\host\\a.jpg", "../a.jpg", "a\\..\\b.jpg", "x/..", "c:\\a.jpg"),
        *("ü/../../b.jpg", "\udcff/../../b.jpg"),
    ],
)
@pytest.mark.parametrize("others", [[], ["a.jpg"], ["a\\b.jpg"]])
def test_a_name_that_leaves_is_seen(name: str, others: list[str]) -> None:
    assert leaving_rows(object_column([*others, name, *others])) == [len(others)]


@pytest.mark.parametrize(
    "name", ["a.jpg", "a/b.jpg", "a\\b.jpg", "a..jpg", "a/b:c.jpg", "..a/b.jpg"]
)
def test_a_name_inside_is_not(name: str) -> None:
    assert leaving_rows(object_column(["x.jpg", name])) == []


def test_no_names_leave_nothing() -> None:
    assert leaving_rows(object_column([])) == []
