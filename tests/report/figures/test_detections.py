"""Frames: which boxes stand at a threshold, their order, and their tags."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.evidence import Frame, FrameBox
from pytest_detgate.record.report import DatasetRecord, ProbeRecord
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.counts import with_detections
from pytest_detgate.report.figures.detections import (
    BOXES,
    FrameFigure,
    frame_figure,
    lowest_score,
)
from pytest_detgate.report.figures.thumbnails import ImageFolders
from tests.report.sample import draw_picture

BOX_XYWH = (10.0, 10.0, 100.0, 200.0)


def truth(label: str = "cat", *, crowd: bool = False) -> FrameBox:
    return FrameBox(box=BOX_XYWH, label=label, crowd=crowd)


def detection(score: float, label: str = "cat", *, false: bool = False) -> FrameBox:
    return FrameBox(box=BOX_XYWH, label=label, score=score, false=false)


def empty_album(root: Path = Path("/nowhere")) -> Album:
    probe = ProbeRecord(images_dir="", images=1, boxes=0)
    return Album(ImageFolders(DatasetRecord(probes={"p": probe}), root), 8)


def figure(
    boxes: list[FrameBox], *, threshold: float = 0.3, root: Path = Path("/nowhere")
) -> FrameFigure:
    album = empty_album(root)
    frame = Frame(dataset="p", image="1.jpg", boxes=boxes)
    made = frame_figure(frame, album, threshold, detected=with_detections([frame]))
    assert made is not None
    return made


def test_a_detection_stands_when_its_score_is_over_the_threshold() -> None:
    made = figure([truth(), detection(0.3), detection(0.300001), detection(0.9, "dog", false=True)])

    assert (made.count.detections, made.count.false, made.count.truth) == (2, 1, 1)
    assert {(outline.kind, outline.score, outline.shown) for outline in made.outlines} == {
        ("truth", "", True),
        ("match", "0.3", False),
        ("match", "0.300001", True),
        ("false", "0.9", True),
    }
    assert {(shown_class.label, shown_class.boxes) for shown_class in made.classes} == {
        ("cat", 1),
        ("dog", 1),
    }
    assert made.alt == (
        "p: 1.jpg, 1 box of ground truth, 1 of them missed, 2 detections, 1 of them false "
        "at score over 0.3"
    )


def test_what_matters_most_lies_on_top_and_has_its_tag_first() -> None:
    made = figure(
        [
            detection(0.5, false=True),
            truth(),
            detection(0.95),
            detection(0.8, false=True),
            truth(crowd=True),
        ]
    )

    assert [(outline.kind, outline.score) for outline in made.outlines] == [
        ("crowd", ""), ("truth", ""), ("match", "0.95"), ("false", "0.5"), ("false", "0.8")
    ]  # fmt: skip
    # All boxes lie in one place, whose four corners have room for few tags.
    assert made.outlines[-1].tag is not None
    assert made.outlines[0].tag is None


def test_ground_truth_alone_is_named() -> None:
    made = figure([truth("cat")])

    assert made.outlines[0].tag is not None
    assert made.outlines[0].tag.text == "cat"
    assert not made.detected


def test_boxes_are_capped_and_that_is_said() -> None:
    made = figure([detection(number / 1000, false=True) for number in range(BOXES + 50)])

    assert len(made.outlines) == BOXES
    assert min(float(outline.score) for outline in made.outlines) == 0.05
    assert made.left_out == "200 of 250 boxes drawn"


def test_boxes_that_are_no_numbers_are_left_out_and_that_is_said() -> None:
    odd = FrameBox(box=(float("nan"), 0.0, 1.0, 1.0), label="cat", score=0.9)

    assert figure([odd, detection(0.9)]).left_out == "1 of 2 boxes drawn"


def test_small_false_boxes_are_enlarged(tmp_path: Path) -> None:
    draw_picture(tmp_path / "1.jpg", seed=1)
    small = FrameBox(box=(100.0, 100.0, 20.0, 20.0), label="cat", score=0.9, false=True)
    unsure = FrameBox(box=(300.0, 100.0, 20.0, 20.0), label="cat", score=0.1, false=True)
    right = FrameBox(box=(500.0, 100.0, 20.0, 20.0), label="cat", score=0.9)

    made = figure([small, unsure, right], root=tmp_path)

    assert [(close.view, close.alt) for close in made.closeups] == [
        ((80, 80, 60, 60), "Enlarged: cat 0.90")
    ]
    assert made.closeups[0].outline.box == small.box
    assert (made.width, made.height) == (1280, 720)


def test_a_box_is_missed_without_match_over_the_threshold() -> None:
    """A box is missed where nothing over the threshold matches it."""
    boxes = [
        FrameBox(box=BOX_XYWH, label="found", found_at=0.8),
        FrameBox(box=BOX_XYWH, label="unsure", found_at=0.3),
        FrameBox(box=BOX_XYWH, label="never"),
        truth("crowd", crowd=True),
        detection(0.8),
    ]
    made = figure(boxes)

    assert {
        outline.label: (outline.found_at, outline.missed)
        for outline in made.outlines
        if not outline.score
    } == {
        "found": ("0.8", False),
        "unsure": ("0.3", True),
        "never": ("", True),
        "crowd": (None, False),
    }
    assert (made.count.truth, made.count.missed) == (4, 2)


def test_data_that_no_model_has_seen_misses_nothing() -> None:
    made = figure([truth()])

    assert made.count.missed == 0
    assert made.outlines[0].found_at is None
    assert made.alt == "p: 1.jpg, 1 box of ground truth"


def test_tags_are_names_where_there_are_few() -> None:
    """Tags name what stands where it is little and else give scores."""
    apart = [(200.0 * number, 100.0, 100.0, 200.0) for number in range(8)]

    def texts(scores: list[float]) -> set[str]:
        boxes = [
            FrameBox(box=box, label="cat", score=score, false=True)
            for box, score in zip(apart, scores, strict=False)
        ]
        return {outline.tag.text for outline in figure(boxes).outlines if outline.tag is not None}

    assert texts([0.9, 0.8, 0.2]) == {"cat 0.90", "cat 0.80", "0.20"}
    assert texts([0.91, 0.92, 0.93, 0.94, 0.95, 0.96]) == {
        "0.91", "0.92", "0.93", "0.94", "0.95", "0.96"
    }  # fmt: skip


def test_a_missed_box_is_named() -> None:
    away = FrameBox(box=(300.0, 300.0, 100.0, 100.0), label="dog")
    made = figure([detection(0.9), away])

    tags = {outline.label: outline.tag and outline.tag.text for outline in made.outlines}
    assert tags == {"cat": "cat 0.90", "dog": "dog"}


def test_an_image_of_several_classes_numbers_them() -> None:
    apart = [(200.0 * number, 100.0, 100.0, 200.0) for number in range(6)]
    made = figure(
        [
            FrameBox(box=box, label="dog" if number else "cat", score=0.9, false=True)
            for number, box in enumerate(apart)
        ]
    )

    assert {outline.label: outline.tag and outline.tag.text for outline in made.outlines} == {
        "dog": "1: 0.90",
        "cat": "2: 0.90",
    }
    assert [
        (shown_class.number, shown_class.label, shown_class.boxes) for shown_class in made.classes
    ] == [
        (1, "dog", 5),
        (2, "cat", 1),
    ]


def test_the_box_at_fault_stands_out_among_many() -> None:
    boxes = [
        FrameBox(box=(20.123456 * number, 10.0, 15.0, 15.0), label="cat") for number in range(20)
    ]
    frame = Frame(dataset="p", image="1.jpg", boxes=boxes)
    # The record has six digits of a frame's box, and all of a finding's.
    doubled = (60.3703680001, 10.0, 15.0, 15.0)

    made = frame_figure(frame, empty_album(), 0.0, detected=False, found_boxes=[doubled])

    assert made is not None
    assert made.has_findings
    (odd,) = [outline for outline in made.outlines if outline.kind == "finding"]
    assert odd.box == boxes[3].box
    assert made.outlines[-1] is odd
    assert odd.tag is not None
    assert not [outline for outline in made.outlines if outline.kind == "false"]


def test_of_many_unsure_detections_the_best_are_shown() -> None:
    """Of many unsure detections the best are there and the slider ends at them."""
    boxes = [detection(number / 10_000, false=True) for number in range(3000)]
    frames = [Frame(dataset="p", image="1.jpg", boxes=[*boxes, detection(0.9)])]

    lowest = lowest_score(frames, 0.3)
    made = frame_figure(frames[0], empty_album(), 0.3, detected=True, lowest=lowest)

    assert lowest == 0.18
    assert made is not None
    assert min(float(outline.score) for outline in made.outlines) > 0.18
    assert lowest_score(frames, 0.1) == 0.0
