"""A name that is absolute, or goes up a folder, is seen among others."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.dataset.images.inside import leaving_rows, names_inside
from pytest_detgate.dataset.tables import object_column
from pytest_detgate.errors import DataError
from tests.unit.label_files import draw


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


@pytest.mark.parametrize("name", ["/home/ada/images/a.jpg", "C:\\data\\a.jpg", "../x/A.jpg"])
def test_a_name_that_leaves_names_the_near_file(tmp_path: Path, name: str) -> None:
    draw(tmp_path, "a.jpg", "sub/b.jpg")
    advice = r' \(there is a.jpg; match-names = "near" under \[dataset\] takes it\)$'

    with pytest.raises(DataError, match=advice):
        names_inside(object_column([name]), tmp_path, "val.json")
    inside = names_inside(object_column([name]), tmp_path, "val.json", by_name=True)
    assert inside.tolist()[0].lower() == "a.jpg"


@pytest.mark.parametrize(
    ("there", "end"),
    [
        (["x/a.jpg", "y/a.jpg"], r"stay inside \(there are x/a.jpg, y/a.jpg\)$"),
        (["b.jpg"], "stay inside$"),
        ([], "stay inside$"),
    ],
)
def test_no_option_without_one_near_file(tmp_path: Path, there: list[str], end: str) -> None:
    draw(tmp_path / "images", *there)

    with pytest.raises(DataError, match=end):
        names_inside(object_column(["/a.jpg"]), tmp_path / "images", "val.json")
