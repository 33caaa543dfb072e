"""Draws the workers: clothes, walk, and a head with or without a helmet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

HairStyle = Literal["short", "long", "bald", "bun", "woolly-hat"]
Tool = Literal["none", "shovel", "plank", "bucket", "clipboard"]

SKINS: tuple[Colour, ...] = (
    (244, 205, 173),
    (226, 178, 140),
    (190, 136, 98),
    (141, 93, 62),
    (98, 63, 44),
)
HAIRS: tuple[Colour, ...] = (
    (30, 24, 22),
    (62, 40, 26),
    (104, 66, 36),
    (176, 134, 74),
    (134, 62, 30),
    (86, 84, 86),
)
TOPS: tuple[Colour, ...] = (
    (52, 74, 112),
    (120, 44, 42),
    (70, 92, 66),
    (92, 92, 98),
    (196, 190, 176),
    (88, 62, 96),
    (44, 46, 52),
)
TROUSERS: tuple[Colour, ...] = (
    (46, 52, 70),
    (84, 78, 64),
    (36, 36, 40),
    (104, 96, 78),
    (58, 76, 92),
)
VESTS: tuple[Colour, ...] = ((240, 120, 30), (212, 226, 46), (236, 84, 44))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What stays the same about a worker for the length of a clip."""

    skin: Colour
    hair: Colour
    hair_style: HairStyle
    top: Colour
    trousers: Colour
    vest: Colour | None
    helmet: Colour
    beard: bool
    build: float
    tool: Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where a worker stands in one frame, in canvas pixels, and how."""

    x: float
    feet: float
    height: float
    facing: Literal[-1, 1]
    stride: float
    helmet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The boxes of a drawn worker."""

    head: Box
    person: Box


def random_look(rng: np.random.Generator, helmets: Sequence[Colour]) -> Look:
    """A worker nobody has seen before; the site decides on the colour of the helmets."""
    styles: tuple[HairStyle, ...] = ("short", "long", "bald", "bun", "woolly-hat")
    tools: tuple[Tool, ...] = ("none", "shovel", "plank", "bucket", "clipboard")
    vest = VESTS[rng.integers(len(VESTS))] if rng.random() < 0.65 else None
    return Look(
        skin=SKINS[rng.integers(len(SKINS))],
        hair=HAIRS[rng.integers(len(HAIRS))],
        hair_style=styles[rng.choice(len(styles), p=(0.48, 0.18, 0.14, 0.16, 0.04))],
        top=TOPS[rng.integers(len(TOPS))],
        trousers=TROUSERS[rng.integers(len(TROUSERS))],
        vest=vest,
        helmet=helmets[int(rng.integers(len(helmets)))],
        beard=bool(rng.random() < 0.25),
        build=float(rng.uniform(0.88, 1.2)),
        tool=tools[rng.choice(len(tools), p=(0.44, 0.16, 0.12, 0.16, 0.12))],
    )


def shade(colour: Colour, factor: float) -> Colour:
    """The colour, darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in colour)
    return red, green, blue


class Pen:
    """Draws on a canvas and remembers how far the strokes reached."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw
        self._xs: list[float] = []
        self._ys: list[float] = []

    @property
    def extent(self) -> Box:
        """The box around all strokes so far."""
        return min(self._xs), min(self._ys), max(self._xs), max(self._ys)

    def ellipse(self, box: Box, fill: Colour) -> None:
        """A filled ellipse."""
        self._reach((box[0], box[2]), (box[1], box[3]))
        self._draw.ellipse(box, fill=fill)

    def half(self, box: Box, fill: Colour, start: float, end: float) -> None:
        """A filled part of an ellipse between two angles, clockwise from three o'clock."""
        turns = np.radians(np.linspace(start, end, 24))
        middle_x, middle_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        xs = middle_x + np.cos(turns) * (box[2] - box[0]) / 2
        ys = middle_y + np.sin(turns) * (box[3] - box[1]) / 2
        self.polygon([(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], fill)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""
        self._reach([x for x, _ in points], [y for _, y in points])
        self._draw.polygon(points, fill=fill)

    def limb(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """A thick line with round ends and joints."""
        self._draw.line(points, fill=fill, width=max(1, round(width)), joint="curve")
        for x, y in points:
            self.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill)

    def _reach(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self._xs.extend(xs)
        self._ys.extend(ys)


def draw_worker(draw: ImageDraw.ImageDraw, look: Look, pose: Pose) -> Figure:
    """Draws a worker and says where head and person are; the tool is in neither box."""
    size, x, side = pose.height, pose.x, pose.facing
    ground = pose.feet
    draw.ellipse(
        (x - 0.26 * size, ground - 0.035 * size, x + 0.26 * size, ground + 0.04 * size),
        fill=(58, 52, 46),
    )
    tool = Pen(draw)
    body = Pen(draw)
    head = Pen(draw)
    if look.tool == "plank":
        _plank(tool, x, ground - 0.76 * size, size, side)
    _body(body, look, pose)
    if look.tool not in ("none", "plank"):
        _tool_in_hand(tool, look.tool, x + side * 0.2 * size, ground, size)
    _head(head, look, pose)
    head_box, body_box = head.extent, body.extent
    person = (
        min(head_box[0], body_box[0]),
        min(head_box[1], body_box[1]),
        max(head_box[2], body_box[2]),
        max(head_box[3], body_box[3]),
    )
    return Figure(head=head_box, person=person)


def _body(pen: Pen, look: Look, pose: Pose) -> None:
    size, x, side, ground = pose.height, pose.x, pose.facing, pose.feet
    swing = math.sin(pose.stride)
    hip = ground - 0.44 * size
    shoulder = ground - 0.77 * size
    half = 0.115 * size * look.build
    sleeve = look.top
    far_hand = (x + side * (0.05 - 0.16 * swing) * size, ground - 0.47 * size)
    near_hand = (
        (x + side * 0.2 * size, ground - 0.5 * size)
        if look.tool not in ("none", "plank")
        else (x + side * (0.05 + 0.16 * swing) * size, ground - 0.47 * size)
    )
    # Far arm, both legs, torso, near arm: in the order in which they cover each other.
    pen.limb([(x, shoulder + 0.05 * size), far_hand], 0.062 * size, shade(sleeve, 0.75))
    for direction, tone in ((-1.0, 0.8), (1.0, 1.0)):
        foot = x + side * direction * swing * 0.13 * size + direction * 0.035 * size
        knee = ((x + foot) / 2 + side * 0.02 * size, ground - 0.23 * size)
        cloth = shade(look.trousers, tone)
        pen.limb(
            [(x + direction * 0.04 * size, hip), knee, (foot, ground - 0.04 * size)],
            0.088 * size * look.build,
            cloth,
        )
        boot = (foot - 0.045 * size, ground - 0.055 * size, foot + 0.05 * size, ground)
        pen.ellipse(
            (boot[0] + side * 0.02 * size, boot[1], boot[2] + side * 0.02 * size, boot[3]),
            (40, 32, 28),
        )
    torso = look.vest or look.top
    pen.polygon(
        [
            (x - half, shoulder + 0.02 * size),
            (x - 0.6 * half, shoulder - 0.02 * size),
            (x + 0.6 * half, shoulder - 0.02 * size),
            (x + half, shoulder + 0.02 * size),
            (x + 0.9 * half, hip + 0.03 * size),
            (x - 0.9 * half, hip + 0.03 * size),
        ],
        torso,
    )
    if look.vest is not None:
        band = (226, 226, 214)
        for level in (0.1, 0.2):
            top = shoulder + level * size
            pen.polygon(
                [
                    (x - 0.95 * half, top),
                    (x + 0.95 * half, top),
                    (x + 0.95 * half, top + 0.028 * size),
                    (x - 0.95 * half, top + 0.028 * size),
                ],
                band,
            )
    elbow = (
        (x + near_hand[0]) / 2 - side * 0.03 * size,
        (shoulder + near_hand[1]) / 2 + 0.05 * size,
    )
    pen.limb(
        [(x - side * 0.02 * size, shoulder + 0.05 * size), elbow, near_hand],
        0.062 * size,
        shade(sleeve, 0.92),
    )
    grip = 0.034 * size
    pen.ellipse(
        (near_hand[0] - grip, near_hand[1] - grip, near_hand[0] + grip, near_hand[1] + grip),
        look.skin,
    )


def _head(pen: Pen, look: Look, pose: Pose) -> None:
    size, side = pose.height, pose.facing
    radius_x, radius_y = 0.1 * size, 0.116 * size
    x, y = pose.x + side * 0.012 * size, pose.feet - 0.88 * size
    face = (x - radius_x, y - radius_y, x + radius_x, y + radius_y)
    if look.hair_style == "long":
        pen.ellipse(
            (
                x - side * 0.03 * size - radius_x,
                y - radius_y,
                x - side * 0.03 * size + radius_x,
                y + 1.35 * radius_y,
            ),
            look.hair,
        )
    pen.ellipse(face, look.skin)
    nose = x + side * radius_x
    pen.ellipse((nose - 0.018 * size, y, nose + 0.018 * size, y + 0.035 * size), look.skin)
    if look.beard:
        pen.half(face, look.hair, 12, 168)
    eye_x = x + side * 0.042 * size
    pen.ellipse(
        (eye_x - 0.011 * size, y - 0.012 * size, eye_x + 0.011 * size, y + 0.012 * size),
        (24, 20, 20),
    )
    if pose.helmet:
        _helmet(pen, look.helmet, x, y, size, side)
    else:
        _hair(pen, look, x, y, size, side)


def _hair(pen: Pen, look: Look, x: float, y: float, size: float, side: int) -> None:
    radius_x, radius_y = 0.1 * size, 0.116 * size
    crown = (x - 1.06 * radius_x, y - 1.08 * radius_y, x + 1.06 * radius_x, y + 0.8 * radius_y)
    slant = 14 * side
    match look.hair_style:
        case "bald":
            pen.half(crown, shade(look.hair, 1.1), 128 if side > 0 else -8, 188 if side > 0 else 52)
        case "woolly-hat":
            pen.half(
                (crown[0], crown[1] - 0.03 * size, crown[2], crown[3]),
                shade(look.top, 0.8),
                182,
                358,
            )
        case _:
            pen.half(crown, look.hair, 176 - slant, 364 - slant)
    if look.hair_style == "bun":
        bun = (x - side * 1.1 * radius_x, y - 0.9 * radius_y)
        pen.ellipse(
            (
                bun[0] - 0.04 * size,
                bun[1] - 0.04 * size,
                bun[0] + 0.04 * size,
                bun[1] + 0.04 * size,
            ),
            look.hair,
        )


def _helmet(pen: Pen, colour: Colour, x: float, y: float, size: float, side: int) -> None:
    rim = y - 0.022 * size
    dome = (x - 0.128 * size, rim - 0.128 * size, x + 0.128 * size, rim + 0.128 * size)
    pen.half(dome, colour, 180, 360)
    ridge = (x - 0.042 * size, rim - 0.144 * size, x + 0.042 * size, rim + 0.09 * size)
    pen.half(ridge, shade(colour, 1.12), 180, 360)
    shine = (
        x - side * 0.085 * size,
        rim - 0.105 * size,
        x - side * 0.04 * size,
        rim - 0.035 * size,
    )
    pen.ellipse(
        (min(shine[0], shine[2]), shine[1], max(shine[0], shine[2]), shine[3]), shade(colour, 1.3)
    )
    pen.limb(
        [(x - side * 0.125 * size, rim), (x + side * 0.175 * size, rim + 0.008 * size)],
        0.034 * size,
        shade(colour, 0.62),
    )


def _plank(pen: Pen, x: float, y: float, size: float, side: int) -> None:
    near, far = x - side * 0.36 * size, x + side * 0.42 * size
    pen.limb([(near, y + 0.05 * size), (far, y - 0.02 * size)], 0.05 * size, (174, 132, 84))


def _tool_in_hand(pen: Pen, tool: Tool, x: float, ground: float, size: float) -> None:
    hand = ground - 0.5 * size
    match tool:
        case "shovel":
            pen.limb(
                [(x, hand - 0.16 * size), (x, ground - 0.1 * size)], 0.024 * size, (140, 100, 60)
            )
            pen.ellipse(
                (x - 0.05 * size, ground - 0.13 * size, x + 0.05 * size, ground), (120, 124, 130)
            )
        case "bucket":
            pen.polygon(
                [
                    (x - 0.07 * size, hand + 0.06 * size),
                    (x + 0.07 * size, hand + 0.06 * size),
                    (x + 0.05 * size, hand + 0.2 * size),
                    (x - 0.05 * size, hand + 0.2 * size),
                ],
                (64, 96, 150),
            )
        case "clipboard":
            pen.polygon(
                [
                    (x - 0.05 * size, hand - 0.1 * size),
                    (x + 0.05 * size, hand - 0.1 * size),
                    (x + 0.05 * size, hand + 0.03 * size),
                    (x - 0.05 * size, hand + 0.03 * size),
                ],
                (236, 232, 222),
            )
        case _:
            pass
