"""Figures of findings: their order, their caps, and the boxes on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.evidence import Pair, Side
from pytest_detgate.findings import Finding
from pytest_detgate.record.report import DatasetRecord, ProbeRecord
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.findings import BOXES, Figure, by_image, figure_of
from pytest_detgate.report.figures.outlines import Box, extent, outlines_of, view_of
from pytest_detgate.report.figures.pairs import pair_figure
from pytest_detgate.report.figures.thumbnails import ImageFolders
from tests.report.sample import draw_picture

BOX_XYWH = (10.0, 10.0, 100.0, 200.0)


def finding(
    image: str, score: float | None = None, *, label: str | None = None, box: Box | None = BOX_XYWH
) -> Finding:
    return Finding(text="x", dataset="a", image=image, box=box, score=score, label=label)


def album(root: Path, megabytes: float = 8) -> Album:
    probe = ProbeRecord(images_dir="", images=1, boxes=0)
    return Album(ImageFolders(DatasetRecord(probes={"a": probe}), root), megabytes)


def figures(root: Path, findings: list[Finding]) -> list[Figure]:
    pictures = album(root)
    made = [figure_of(group, pictures) for group in by_image(findings)]
    return [figure for figure in made if figure is not None]


def test_one_figure_an_image_the_highest_score_first(tmp_path: Path) -> None:
    findings = [finding("1.jpg", 0.4), finding("2.jpg", 0.9), finding("1.jpg", 0.95)]
    findings += [finding("3.jpg"), finding("4.jpg", float("nan"))]

    made = figures(tmp_path, findings)

    assert [figure.image for figure in made] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert [figure.count for figure in made[:2]] == ["2 boxes", "1 box"]


def test_boxes_of_one_picture_are_capped_and_the_total_is_said(tmp_path: Path) -> None:
    figure = figures(tmp_path, [finding("1.jpg", 0.5, label="a")] * (BOXES + 50))[0]

    assert len(figure.outlines) == BOXES
    assert figure.count == "250 boxes, the first 200 drawn"
    assert figure.names[0].scores.endswith("0.50 and 242 more")


def test_a_missing_picture_leaves_its_boxes_on_a_blank_frame(tmp_path: Path) -> None:
    figure = figures(tmp_path, [finding("gone.jpg", 0.5, label="cat")])[0]

    assert figure.embedded is None
    assert figure.problem == (
        "The image is missing. The boxes are on a blank frame, whose size is guessed from them."
    )
    assert (figure.width, figure.height) == pytest.approx((115.5, 220.5))
    assert figure.alt == "a: gone.jpg, 1 box: cat 0.50"


def test_a_damaged_picture_still_gives_the_frame_its_size(tmp_path: Path) -> None:
    draw_picture(tmp_path / "cut.jpg", seed=1)
    data = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[:9000])

    figure = figures(tmp_path, [finding("cut.jpg", 0.5)])[0]

    assert (figure.width, figure.height) == (1280, 720)
    assert figure.problem.endswith("The boxes are on a blank frame.")


def test_without_picture_and_box_there_is_nothing_to_show(tmp_path: Path) -> None:
    assert figures(tmp_path, [finding(f"{n}.jpg", box=None) for n in range(9)]) == []
    assert by_image([Finding(text="x")]) == []


def test_boxes_that_are_no_numbers_are_not_drawn(tmp_path: Path) -> None:
    nan = float("nan")
    findings = [finding("1.jpg", 0.5, box=(nan, 0.0, 1.0, 1.0)), finding("1.jpg", 0.4)]

    figure = figures(tmp_path, findings)[0]

    assert len(figure.outlines) == 1
    assert figure.count == "1 box"


def test_tags_do_not_cover_each_other_and_stay_in_view() -> None:
    view = (0.0, 0.0, 1280.0, 720.0)
    findings = [finding("1.jpg", 0.5, label="a_long_class_name")] * 40

    tags = [outline.tag.field for outline in outlines_of(findings, view) if outline.tag]

    assert 1 < len(tags) < 40
    for number, (x, y, width, height) in enumerate(tags):
        assert x >= 0
        assert y >= 0
        assert x + width <= 1280
        assert y + height <= 720
        for left, top, wide, high in tags[number + 1 :]:
            apart = x + width <= left or left + wide <= x or y + height <= top or top + high <= y
            assert apart


def test_tags_name_the_class_where_there_is_room_for_it() -> None:
    view = (0.0, 0.0, 1280.0, 720.0)

    few = outlines_of([finding("1.jpg", 0.5, label="cat")], view, {"cat": 3})[0]
    long = outlines_of([finding("1.jpg", 0.5, label="c" * 99)], view)[0]
    known = outlines_of([finding("1.jpg", 0.5, label="c" * 99)], view, {"c" * 99: 12})[0]

    assert few.tag is not None
    assert few.tag.text == "cat 0.50"
    assert long.tag is not None
    assert long.tag.text == "0.50"
    # Where it has no room, its number in the caption leads to it.
    assert known.tag is not None
    assert known.tag.text == "12: 0.50"


def test_a_number_leads_to_a_class_where_an_image_has_several(tmp_path: Path) -> None:
    apart = [(200.0 * number, 100.0, 100.0, 100.0) for number in range(6)]
    findings = [
        finding("1.jpg", 0.9 - number / 100, label="cat" if number % 2 else "dog", box=box)
        for number, box in enumerate(apart)
    ]
    (figure,) = figures(tmp_path, findings)

    assert [outline.tag and outline.tag.text for outline in figure.outlines[:3]] == [
        "1: 0.90",
        "2: 0.89",
        "1: 0.88",
    ]
    assert [(name.number, name.label) for name in figure.names] == [(1, "dog"), (2, "cat")]


def test_the_view_widens_for_boxes_that_leave_the_picture() -> None:
    inside, slightly = (0.0, 0.0, 100.0, 100.0), (-1.0, 0.0, 50.0, 50.0)
    far = (90.0, 10.0, 5000.0, 10.0)

    assert view_of((100, 100), [inside, slightly]) == (0, 0, 100, 100)
    assert view_of((100, 100), [(-20.0, 0.0, 50.0, 50.0)]) == (-22, 0, 122, 100)
    assert view_of((100, 100), [far]) == (0, 0, 135, 100)


def test_a_box_of_negative_size_is_turned_around() -> None:
    box = outlines_of([finding("1.jpg", box=(50.0, 60.0, -20.0, -30.0))], (0, 0, 99, 99))[0].box

    assert box == (30, 30, 20, 30)


def test_a_guessed_frame_is_never_a_strip() -> None:
    assert extent([(0.0, 0.0, 3000.0, 2.0)]) == (3150, 1050)
    assert extent([]) == (64, 64)


def test_a_pair_needs_room_for_both_and_one_picture(tmp_path: Path) -> None:
    for number in range(2):
        draw_picture(tmp_path / f"{number}.jpg", seed=number)

    def pair(*images: str) -> Pair:
        single, other = (Side(dataset="a", image=image) for image in images)
        return Pair(one=single, other=other, text="2 bits")

    first = album(tmp_path)
    assert first.take("a", "0.jpg") is not None
    weight = len(first.embedded[0].source) / 1e6
    shown = pair_figure(pair("0.jpg", "gone.jpg"), album(tmp_path))

    assert shown is not None
    assert [bool(side.embedded) for side in shown.sides] == [True, False]
    assert pair_figure(pair("gone.jpg", "gone2.jpg"), album(tmp_path)) is None
    assert pair_figure(pair("0.jpg", "1.jpg"), album(tmp_path, 1.2 * weight)) is None
