"""Film strips of alarms: frames side by side with the boxes that fired."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.evidence import Evidence, Frame, FrameBox, Strip
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.strips import strip_figure
from pytest_detgate.report.page.page import render_page
from tests.report.figures.test_album import folders, report
from tests.report.markup import Element, read
from tests.report.sample import draw_picture

BOX = FrameBox(box=(10.0, 10.0, 30.0, 40.0), label="helmet_off", score=0.9, false=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        draw_picture(tmp_path / f"{number}.jpg", seed=number)
    return tmp_path


def strip(*numbers: int) -> Strip:
    return Strip(
        text="Alarm of helmet_off, clip yard",
        frames=[
            Frame(dataset="p", image=f"{number}.jpg", boxes=[BOX], text=f"{number}.00 s")
            for number in numbers
        ],
    )


def page_of(folder: Path, *strips: Strip, total: int = 0) -> Element:
    evidence = Evidence(strips=list(strips), strips_total=total)
    made = report(alarm_rate=("failed", evidence))
    return read(render_page(made, folder))


def test_frames_stand_side_by_side_with_their_boxes(folder: Path) -> None:
    (figure,) = page_of(folder, strip(0, 1, 2)).all("figure", "strip")

    assert [name.text for name in figure.all("p", "file")] == ["0.00 s", "1.00 s", "2.00 s"]
    assert len(figure.all("g", "false")) == 3
    assert figure.only("figcaption").text == "Alarm of helmet_off, clip yard"
    first = figure.all("svg", "picture")[0]
    assert first.attributes["aria-label"] == "0.jpg, 0.00 s: helmet_off 0.90"


def test_strips_that_the_record_left_out_are_counted(folder: Path) -> None:
    assert "Showing 1 of 40 film strips." in page_of(folder, strip(0), total=40).text


def test_a_strip_without_room_for_all_frames_is_left_out(folder: Path) -> None:
    """The three images take some 100 kB each; there is room for one."""
    album = Album(folders(folder), 1e-6)

    assert strip_figure(strip(0, 1, 2), album) is None
    assert album.full


def test_boxes_of_a_missing_image_are_on_a_blank_frame(folder: Path) -> None:
    figure = strip_figure(strip(9), Album(folders(folder), 8.0))

    assert figure is not None
    (frame,) = figure.frames
    assert frame.embedded is None
    assert frame.problem
    assert [box.box for box in frame.boxes] == [(10.0, 10.0, 30.0, 40.0)]


def test_a_strip_that_shows_nothing_is_left_out(folder: Path) -> None:
    frames = [Frame(dataset="p", image=f"gone{number}.jpg", text="0 s") for number in range(2)]

    assert strip_figure(Strip(text="x", frames=frames), Album(folders(folder), 8.0)) is None
