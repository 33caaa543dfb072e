"""Words on drawings: shortened, and kept apart."""

from __future__ import annotations

import pytest

from pytest_detgate.report.charts.text_layout import apart, in_lines, plain, shortened, width_of


def test_a_name_is_cut_in_its_middle() -> None:
    name = "helmet_off_person_in_the_rain"

    short = shortened(name, 100)

    head, tail = short.split("…")
    assert name.startswith(head)
    assert name.endswith(tail)
    assert abs(len(head) - len(tail)) <= 1
    assert 85 < width_of(short) <= 100


def test_a_name_that_fits_stays() -> None:
    assert shortened("helmet", width_of("helmet")) == "helmet"


@pytest.mark.parametrize("name", ["漢字" * 20, "😀" * 30, "W" * 50])
def test_wide_letters_are_taken_as_wide(name: str) -> None:
    assert len(shortened(name, 60)) <= 7


def test_what_is_no_room_for_anything_leaves_an_ellipsis() -> None:
    assert shortened("helmet", 0.5) == "…"


def test_what_xml_refuses_is_made_visible() -> None:
    assert plain("a\x00b\x1bc\td\ne\ufffff\u202eg\u200fh") == "a␀b␛c d e\ufffdf\ufffdg\ufffdh"


@pytest.mark.parametrize(
    ("positions", "moved"),
    [
        ([10, 50], [10, 50]),
        ([50, 10], [50, 10]),
        ([10, 12], [10, 24]),
        ([98, 97], [100, 86]),
        ([-5, 0], [0, 14]),
    ],
)
def test_places_are_moved_apart(positions: list[float], moved: list[float]) -> None:
    assert apart(positions, 14, 0, 100) == moved


def test_things_are_set_in_lines() -> None:
    assert in_lines([40, 40, 40], 100, 10) == [(0, 0), (0, 50), (1, 0)]
    assert in_lines([400, 40], 100, 10) == [(0, 0), (1, 0)]
