"""Draws the things that stand about on a site; round or yellow, and never a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from figures import shade
from PIL import ImageDraw

Sketch = Callable[[ImageDraw.ImageDraw, float, float, float], None]
"""Draws a thing at x, standing on y, in canvas pixels; a worker there is `size` tall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A thing in its place."""

    sketch: Sketch
    x: float
    ground: float
    size: float

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        """Draws it."""
        self.sketch(draw, self.x, self.ground, self.size)


def cone(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A traffic cone."""
    tall, half = 0.3 * size, 0.1 * size
    draw.rectangle((x - 1.3 * half, y - 0.04 * size, x + 1.3 * half, y), fill=(190, 74, 24))
    draw.polygon(
        [(x - half, y - 0.03 * size), (x, y - tall), (x + half, y - 0.03 * size)],
        fill=(236, 98, 30),
    )
    draw.polygon(
        [
            (x - 0.66 * half, y - 0.12 * size),
            (x - 0.4 * half, y - 0.19 * size),
            (x + 0.4 * half, y - 0.19 * size),
            (x + 0.66 * half, y - 0.12 * size),
        ],
        fill=(240, 238, 232),
    )


def pipes(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A stack of pipes, seen from their ends."""
    radius = 0.095 * size
    for row, count in enumerate((4, 3, 2)):
        for place in range(count):
            middle_x = x + (2 * place - count + 1) * radius
            middle_y = y - radius - row * 1.75 * radius
            for reach, fill in ((1.0, (176, 170, 160)), (0.74, (60, 58, 58))):
                draw.ellipse(
                    (
                        middle_x - reach * radius,
                        middle_y - reach * radius,
                        middle_x + reach * radius,
                        middle_y + reach * radius,
                    ),
                    fill=fill,
                )


def barrel(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """An oil drum."""
    half, tall = 0.13 * size, 0.36 * size
    paint = (44, 92, 142)
    draw.rectangle((x - half, y - tall, x + half, y - 0.03 * size), fill=paint)
    draw.ellipse((x - half, y - 0.07 * size, x + half, y), fill=paint)
    draw.ellipse(
        (x - half, y - tall - 0.04 * size, x + half, y - tall + 0.04 * size), fill=shade(paint, 1.3)
    )
    for level in (0.14, 0.25):
        draw.line(
            (x - half, y - level * size, x + half, y - level * size),
            fill=shade(paint, 0.7),
            width=3,
        )


def tyres(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A tyre leaning on another."""
    for offset, radius in ((0.13 * size, 0.14 * size), (-0.06 * size, 0.17 * size)):
        for reach, fill in ((1.0, (38, 36, 36)), (0.52, (120, 112, 100))):
            draw.ellipse(
                (
                    x + offset - reach * radius,
                    y - radius - reach * radius,
                    x + offset + reach * radius,
                    y - radius + reach * radius,
                ),
                fill=fill,
            )


def bricks(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A pallet of bricks."""
    draw.rectangle((x - 0.26 * size, y - 0.05 * size, x + 0.26 * size, y), fill=(150, 116, 74))
    for row in range(4):
        for column in range(5):
            left = x - 0.25 * size + 0.1 * size * column + (0.02 * size if row % 2 else 0)
            top = y - 0.05 * size - 0.075 * size * (row + 1)
            draw.rectangle(
                (left, top, left + 0.085 * size, top + 0.06 * size),
                fill=shade((168, 78, 54), 1 - 0.06 * ((row + column) % 3)),
            )


def heap(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A heap of sand."""
    draw.polygon(
        [
            (x - 0.5 * size, y),
            (x - 0.22 * size, y - 0.24 * size),
            (x, y - 0.34 * size),
            (x + 0.2 * size, y - 0.22 * size),
            (x + 0.5 * size, y),
        ],
        fill=(204, 176, 120),
    )
    draw.polygon(
        [
            (x, y - 0.34 * size),
            (x + 0.2 * size, y - 0.22 * size),
            (x + 0.5 * size, y),
            (x + 0.08 * size, y),
        ],
        fill=(180, 150, 98),
    )


def barrier(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A striped barrier with a round yellow warning lamp on it."""
    for leg in (-0.24, 0.24):
        draw.line(
            (x + leg * size, y, x + leg * size, y - 0.4 * size), fill=(120, 120, 122), width=4
        )
    left, top, tall = x - 0.32 * size, y - 0.42 * size, 0.12 * size
    draw.rectangle((left, top, left + 0.64 * size, top + tall), fill=(238, 236, 230))
    for stripe in range(4):
        start = left + stripe * 0.16 * size
        draw.polygon(
            [
                (start, top + tall),
                (start + 0.08 * size, top),
                (start + 0.15 * size, top),
                (start + 0.07 * size, top + tall),
            ],
            fill=(204, 48, 40),
        )
    lamp = 0.065 * size
    draw.ellipse((x - lamp, top - 2 * lamp, x + lamp, top), fill=(246, 190, 34))
    draw.ellipse((x - 0.5 * lamp, top - 1.6 * lamp, x, top - 1.1 * lamp), fill=(255, 232, 150))


def sign(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A round sign on a post, as high as a head."""
    draw.line((x, y, x, y - 0.75 * size), fill=(130, 130, 132), width=5)
    radius, middle = 0.13 * size, y - 0.8 * size
    for reach, fill in ((1.0, (206, 42, 38)), (0.72, (244, 242, 236))):
        draw.ellipse(
            (
                x - reach * radius,
                middle - reach * radius,
                x + reach * radius,
                middle + reach * radius,
            ),
            fill=fill,
        )


def excavator(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A yellow excavator."""
    paint = (238, 184, 30)
    draw.rounded_rectangle(
        (x - 0.5 * size, y - 0.22 * size, x + 0.4 * size, y), 0.1 * size, fill=(48, 46, 46)
    )
    for wheel in range(5):
        middle = x - 0.4 * size + 0.175 * size * wheel
        draw.ellipse(
            (middle - 0.06 * size, y - 0.17 * size, middle + 0.06 * size, y - 0.05 * size),
            fill=(104, 102, 100),
        )
    draw.rectangle((x - 0.52 * size, y - 0.5 * size, x + 0.12 * size, y - 0.22 * size), fill=paint)
    draw.rectangle(
        (x - 0.02 * size, y - 0.82 * size, x + 0.34 * size, y - 0.22 * size),
        fill=shade(paint, 0.92),
    )
    draw.rectangle(
        (x + 0.04 * size, y - 0.76 * size, x + 0.29 * size, y - 0.46 * size), fill=(122, 160, 178)
    )
    elbow = (x + 0.82 * size, y - 1.05 * size)
    bucket = (x + 1.05 * size, y - 0.3 * size)
    draw.line(
        ((x + 0.3 * size, y - 0.4 * size), elbow, bucket),
        fill=paint,
        width=round(0.1 * size),
        joint="curve",
    )
    draw.polygon(
        [
            (bucket[0] - 0.16 * size, bucket[1]),
            (bucket[0] + 0.1 * size, bucket[1]),
            (bucket[0] + 0.02 * size, bucket[1] + 0.26 * size),
            (bucket[0] - 0.16 * size, bucket[1] + 0.2 * size),
        ],
        fill=(70, 68, 66),
    )


def roller(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A road roller: two round drums and a yellow bonnet."""
    paint = (244, 196, 40)
    draw.rectangle((x - 0.4 * size, y - 0.56 * size, x + 0.42 * size, y - 0.24 * size), fill=paint)
    draw.line(
        (x - 0.08 * size, y - 0.5 * size, x - 0.08 * size, y - 0.95 * size),
        fill=(60, 60, 62),
        width=5,
    )
    draw.line(
        (x + 0.3 * size, y - 0.5 * size, x + 0.3 * size, y - 0.95 * size),
        fill=(60, 60, 62),
        width=5,
    )
    draw.rectangle((x - 0.16 * size, y - size, x + 0.38 * size, y - 0.94 * size), fill=paint)
    for middle in (x - 0.36 * size, x + 0.36 * size):
        for reach, fill in ((0.23, (84, 84, 86)), (0.1, (150, 150, 150))):
            draw.ellipse(
                (
                    middle - reach * size,
                    y - (0.23 + reach) * size,
                    middle + reach * size,
                    y - (0.23 - reach) * size,
                ),
                fill=fill,
            )


def mixer(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    """A small cement mixer with an orange drum."""
    for leg in (-0.18, 0.18):
        draw.line((x, y - 0.35 * size, x + leg * size, y), fill=(80, 80, 84), width=5)
    draw.ellipse(
        (x - 0.2 * size, y - 0.62 * size, x + 0.2 * size, y - 0.22 * size), fill=(232, 120, 40)
    )
    draw.polygon(
        [
            (x + 0.02 * size, y - 0.6 * size),
            (x + 0.22 * size, y - 0.72 * size),
            (x + 0.3 * size, y - 0.56 * size),
            (x + 0.18 * size, y - 0.36 * size),
        ],
        fill=(206, 100, 32),
    )


SMALL: tuple[Sketch, ...] = (cone, cone, pipes, barrel, tyres, bricks, heap, barrier, sign, mixer)
LARGE: tuple[Sketch, ...] = (excavator, roller)


def scatter(
    rng: np.random.Generator, width: float, horizon: float, height: float, tall: float
) -> list[Thing]:
    """Some things and perhaps a machine, the machine and large heaps far back."""
    things = []
    if rng.random() < 0.7:
        depth = rng.uniform(0.06, 0.2)
        things.append(
            Thing(
                sketch=LARGE[rng.integers(len(LARGE))],
                x=float(rng.uniform(0.15, 0.85) * width),
                ground=float(horizon + depth * (height - horizon)),
                size=float(tall * rng.uniform(0.75, 0.95)),
            )
        )
    for _ in range(int(rng.integers(3, 7))):
        depth = float(rng.beta(1.4, 1.8))
        things.append(
            Thing(
                sketch=SMALL[rng.integers(len(SMALL))],
                x=float(rng.uniform(0, width)),
                ground=horizon + (0.12 + 0.86 * depth) * (height - horizon),
                size=tall * (0.62 + 0.5 * depth),
            )
        )
    return things
