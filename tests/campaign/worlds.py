"""What a project is about, before any file is written: images, objects, detections.

A world is sound: nothing in it is damaged. Whether its rules pass depends on their limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

Box = tuple[float, float, float, float]

SIZES = ((120, 90), (90, 120), (132, 96))
_CELLS = tuple((column * 40.0, row * 45.0) for row in range(2) for column in range(2))
_BOXES = ((12.0, 10.0), (24.0, 16.0), (36.0, 40.0))
_CLIPS = ("a1", "b2", "é3", "d4", "e5", "f6")
_SITES = ("north", "south")
_CLASSES = ("helmet", "vest", "hard hat", "gilé")


@dataclass
class Labelled:
    """An object: its class and its box, x, y, width, height in pixels."""

    name: str
    box: Box
    crowd: bool = False


@dataclass
class DetectedBox(Labelled):
    """A detection."""

    score: float = 0.9


@dataclass
class Picture:
    """An image; `look` decides what is seen on it."""

    name: str
    clip: str
    frame: int
    site: str
    size: tuple[int, int]
    look: int
    boxes: list[Labelled] = field(default_factory=list)
    detected: list[DetectedBox] = field(default_factory=list)


@dataclass
class World:
    """Splits and probes by name, with the classes that occur."""

    classes: list[str]
    splits: dict[str, list[Picture]]
    probes: dict[str, list[Picture]]

    def parts(self) -> dict[str, list[Picture]]:
        """Splits and probes."""
        return {**self.splits, **self.probes}


@st.composite
def worlds(draw: DrawFn) -> World:
    """A world of two splits and up to two probes, of one to four images each."""
    classes = draw(st.lists(st.sampled_from(_CLASSES), min_size=1, max_size=3, unique=True))
    looks = iter(range(1000))
    folder = draw(st.sampled_from(("", "", "cam1/")))
    # Scores are all different, so that no order among equal ones can decide anything.
    steps = iter(range(1000))
    leaks = draw(st.sampled_from((False, False, False, True)))

    def pictures(part: str, clips: tuple[str, ...], *, empty: bool = False) -> list[Picture]:
        made: dict[str, Picture] = {}
        for _ in range(draw(st.integers(1, 4))):
            clip, site = draw(st.sampled_from(clips)), draw(st.sampled_from(_SITES))
            frame = 10 * draw(st.integers(1, 9))
            name = f"{folder}{site}-{clip}_{frame:03d}.png"
            if name in made:
                continue
            size = draw(st.sampled_from(SIZES))
            picture = Picture(name, clip, frame, site, size, next(looks))
            cells = draw(st.permutations(_CELLS))
            for cell in cells[: 0 if empty else draw(st.integers(0, 2))]:
                is_crowd = draw(st.sampled_from((False,) * 15 + (True,)))
                name = draw(st.sampled_from(classes))
                picture.boxes.append(Labelled(name, _box(draw, cell), is_crowd))
            picture.detected = _detections(draw, picture, classes, cells[-1], steps, calm=empty)
            made[picture.name] = picture
        return list(made.values())

    splits = {
        "train": pictures("train", _CLIPS[:3]),
        "val": pictures("val", _CLIPS[:3] if leaks else _CLIPS[3:]),
    }
    first = splits["val"][0]
    for name in classes:  # each class can be looked for
        boxes = [box for entry in splits["val"] for box in entry.boxes if not box.crowd]
        if not any(box.name == name for box in boxes):
            free = [cell for cell in _CELLS if not _taken(first, cell)]
            if not free:
                continue
            box = Labelled(name, (free[0][0] + 2, free[0][1] + 1, 12.0, 10.0))
            first.boxes.append(box)
            first.detected.append(
                DetectedBox(name, box.box, score=round(0.95 - next(steps) / 500, 4))
            )
    probes: dict[str, list[Picture]] = {}
    for name in ("calm", "new")[: draw(st.integers(0, 2))]:
        probes[name] = pictures(name, (f"{name}1", f"{name}2"), empty=name == "calm")
    return World(list(classes), splits, probes)


def _box(draw: DrawFn, cell: tuple[float, float]) -> Box:
    width, height = draw(st.sampled_from(_BOXES))
    return (cell[0] + 2, cell[1] + 1, width, height)


def _taken(picture: Picture, cell: tuple[float, float]) -> bool:
    left, top = cell
    return any(
        left <= box.box[0] < left + 40 and top <= box.box[1] < top + 45
        for box in (*picture.boxes, *picture.detected)
    )


def _detections(
    draw: DrawFn,
    picture: Picture,
    classes: list[str],
    free: tuple[float, float],
    steps: Iterator[int],
    *,
    calm: bool,
) -> list[DetectedBox]:
    """What is found: mostly what is there, now and then nothing, something beside it, or more."""

    def score() -> float:
        level: float = draw(st.sampled_from((0.95, 0.7, 0.25)))
        return round(level - next(steps) / 1000, 4)

    collected = []
    for box in picture.boxes:
        x, y, width, height = box.box
        match draw(st.sampled_from(("hit", "hit", "hit", "near", "miss", "other class"))):
            case "hit":
                collected.append(DetectedBox(box.name, box.box, score=score()))
            case "near":
                collected.append(
                    DetectedBox(box.name, (x + 1, y + 1, width, height), score=score())
                )
            case "other class":
                collected.append(DetectedBox(classes[0], box.box, score=score()))
    if draw(st.sampled_from((False, False, False, True) if calm else (False,) * 5 + (True,))):
        collected.append(DetectedBox(classes[-1], _box(draw, free), score=score()))
    return collected
