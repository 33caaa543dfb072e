"""Draws the places: sky, ground, buildings, and the clutter that a detector has to ignore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from figures import Colour, shade
from PIL import Image, ImageDraw, ImageFilter

Backdrop = Literal["scaffold", "frame", "containers", "trees", "crane", "sheds"]
Prop = Callable[[ImageDraw.ImageDraw, float, float, float], None]
"""Draws a thing that stands at x, ground level y, with a size of one in canvas pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place with its own look; several clips are filmed on it."""

    name: str
    sky: tuple[Colour, Colour]
    ground: tuple[Colour, Colour]
    walls: tuple[Colour, ...]
    backdrop: tuple[Backdrop, ...]
    helmets: tuple[Colour, ...]
    gain: tuple[float, float]
    """Range of the brightness of its clips."""
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    floodlight: bool = False
    snow: bool = False


YELLOW: Colour = (246, 200, 24)
WHITE: Colour = (240, 240, 236)
ORANGE: Colour = (240, 116, 24)
RED: Colour = (206, 40, 36)
BLUE: Colour = (36, 96, 190)
GREEN: Colour = (44, 150, 80)
TEAL: Colour = (32, 164, 164)
LIME: Colour = (160, 214, 48)

DAY_SITES: tuple[Site, ...] = (
    Site(
        name="yard",
        sky=((122, 172, 222), (214, 228, 236)),
        ground=((186, 160, 122), (150, 124, 90)),
        walls=((178, 92, 70), (206, 190, 164)),
        backdrop=("containers", "crane", "sheds"),
        helmets=(YELLOW, WHITE, RED),
        gain=(0.64, 1.14),
    ),
    Site(
        name="tower",
        sky=((150, 186, 214), (226, 230, 230)),
        ground=((164, 162, 156), (132, 130, 126)),
        walls=((150, 152, 154), (172, 170, 164)),
        backdrop=("frame", "scaffold", "crane"),
        helmets=(WHITE, BLUE, YELLOW),
        gain=(0.64, 1.1),
    ),
    Site(
        name="school",
        sky=((132, 188, 236), (240, 236, 220)),
        ground=((142, 156, 98), (166, 144, 104)),
        walls=((222, 198, 150), (186, 106, 78)),
        backdrop=("scaffold", "trees", "sheds"),
        helmets=(ORANGE, YELLOW, WHITE),
        gain=(0.64, 1.16),
    ),
    Site(
        name="quay",
        sky=((112, 150, 184), (200, 210, 214)),
        ground=((128, 126, 122), (104, 104, 104)),
        walls=((70, 108, 130), (170, 76, 56)),
        backdrop=("containers", "containers", "crane"),
        helmets=(ORANGE, BLUE, WHITE),
        gain=(0.64, 1.08),
    ),
    Site(
        name="bypass",
        sky=((160, 192, 220), (236, 226, 206)),
        ground=((156, 140, 116), (118, 112, 108)),
        walls=((190, 186, 176), (150, 140, 126)),
        backdrop=("trees", "frame", "trees"),
        helmets=(YELLOW, ORANGE, BLUE, RED),
        gain=(0.64, 1.12),
    ),
    Site(
        name="brewery",
        sky=((186, 190, 196), (222, 218, 210)),
        ground=((150, 134, 120), (120, 104, 96)),
        walls=((146, 70, 56), (126, 62, 52)),
        backdrop=("sheds", "scaffold", "frame"),
        helmets=(RED, GREEN, YELLOW, BLUE),
        gain=(0.64, 1.06),
    ),
)

UNSEEN_SITES: tuple[Site, ...] = (
    Site(
        name="museum",
        sky=((140, 180, 226), (224, 222, 216)),
        ground=((176, 166, 150), (146, 134, 118)),
        walls=((200, 194, 182), (120, 130, 140)),
        backdrop=("frame", "trees", "scaffold"),
        helmets=(WHITE, YELLOW, RED),
        gain=(0.88, 1.06),
    ),
)
"""Filmed for validation only."""

OTHER_SITES: tuple[Site, ...] = (
    Site(
        name="nightshift",
        sky=((14, 20, 44), (44, 50, 78)),
        ground=((92, 88, 92), (66, 62, 70)),
        walls=((70, 72, 92), (92, 84, 84)),
        backdrop=("frame", "crane", "scaffold"),
        helmets=(YELLOW, WHITE, ORANGE),
        gain=(0.8, 0.92),
        tint=(0.9, 0.97, 1.12),
        floodlight=True,
    ),
    Site(
        name="snowfield",
        sky=((176, 184, 192), (216, 220, 224)),
        ground=((206, 210, 216), (180, 188, 198)),
        walls=((132, 140, 150), (160, 150, 144)),
        backdrop=("sheds", "trees", "scaffold"),
        helmets=(TEAL, RED, ORANGE),
        gain=(0.86, 0.98),
        tint=(0.96, 1.0, 1.05),
        snow=True,
    ),
    Site(
        name="drizzle",
        sky=((116, 122, 130), (158, 162, 164)),
        ground=((96, 98, 98), (76, 78, 82)),
        walls=((104, 112, 112), (96, 88, 88)),
        backdrop=("containers", "sheds", "frame"),
        helmets=(TEAL, LIME, YELLOW),
        gain=(0.8, 0.94),
        tint=(0.95, 1.0, 1.02),
    ),
)
"""Another palette, other light and other helmets than anything that was trained on."""


def paint_site(
    rng: np.random.Generator, site: Site, width: int, height: int, horizon: int
) -> Image.Image:
    """The panorama of a site without people, in canvas pixels."""
    picture = _gradient(site.sky, width, horizon, height, site.ground)
    draw = ImageDraw.Draw(picture)
    if not site.floodlight:
        _clouds(rng, picture, site, width, horizon)
    step = width / len(site.backdrop)
    for place, backdrop in enumerate(site.backdrop):
        left = place * step + rng.uniform(-0.05, 0.05) * step
        wall = site.walls[place % len(site.walls)]
        _BACKDROPS[backdrop](rng, draw, left, horizon + 0.04 * height, step * 0.92, wall)
    _fence(draw, width, horizon + 0.045 * height, 0.075 * height, shade(site.walls[0], 0.7))
    return _grain(rng, picture, horizon)


def _gradient(
    sky: tuple[Colour, Colour], width: int, horizon: int, height: int, ground: tuple[Colour, Colour]
) -> Image.Image:
    rows = np.empty((height, 3))
    rows[:horizon] = np.linspace(sky[0], sky[1], horizon)
    rows[horizon:] = np.linspace(ground[0], ground[1], height - horizon)
    pixels = np.broadcast_to(rows[:, None], (height, width, 3))
    return Image.fromarray(np.ascontiguousarray(pixels).astype(np.uint8))


def _clouds(
    rng: np.random.Generator, picture: Image.Image, site: Site, width: int, horizon: int
) -> None:
    mask = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(6):
        x, y = rng.uniform(0, width), rng.uniform(0, 0.6 * horizon)
        for _ in range(5):
            puff_x, puff_y = x + rng.normal(0, 40), y + rng.normal(0, 8)
            draw.ellipse((puff_x - 40, puff_y - 14, puff_x + 40, puff_y + 14), fill=150)
    picture.paste(shade(site.sky[1], 1.12), mask=mask.filter(ImageFilter.GaussianBlur(9)))


def _grain(rng: np.random.Generator, picture: Image.Image, horizon: int) -> Image.Image:
    """The picture with patches of darker and lighter ground, and pebbles."""
    pixels = np.asarray(picture).astype(np.float32)
    height, width = pixels.shape[:2]
    patches = np.zeros((height, width), dtype=np.float32)
    for cells, strength in ((9, 9.0), (28, 6.0), (90, 4.0)):
        coarse = rng.normal(0, 1, (cells, cells * 2)).astype(np.float32)
        patch = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        patches += strength * np.asarray(patch)
    pixels[horizon:] += patches[horizon:, :, None]
    grained = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(grained)
    for _ in range(width // 4):
        x, y = rng.uniform(0, width), rng.uniform(horizon + 50, height)
        tone = round(float(rng.uniform(70, 150)))
        draw.ellipse(
            (x, y, x + rng.uniform(2, 6), y + rng.uniform(1, 4)), fill=(tone, tone - 6, tone - 14)
        )
    return grained


def _rectangle(
    draw: ImageDraw.ImageDraw, left: float, top: float, width: float, height: float, fill: Colour
) -> None:
    draw.rectangle((left, top, left + width, top + height), fill=fill)


def _scaffold(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    left: float,
    base: float,
    width: float,
    wall: Colour,
) -> None:
    height = 0.85 * base
    _rectangle(draw, left, base - height, width, height, wall)
    for row in range(3):
        for column in range(4):
            x = left + (0.08 + 0.23 * column) * width
            _rectangle(
                draw,
                x,
                base - height * (0.92 - 0.31 * row),
                0.12 * width,
                0.16 * height,
                (78, 98, 116),
            )
    for column in range(6):
        x = left + width * column / 5
        draw.line((x, base, x, base - height - 10), fill=(206, 170, 70), width=4)
    for row in range(4):
        y = base - height * row / 3
        draw.line((left, y, left + width, y), fill=(150, 112, 70), width=6)
        draw.line((left, y, left + width / 5, y - height / 3), fill=(206, 170, 70), width=3)


def _frame(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    left: float,
    base: float,
    width: float,
    wall: Colour,
) -> None:
    floors = int(rng.integers(2, 4))
    storey = 0.26 * base
    for floor in range(floors):
        top = base - (floor + 1) * storey
        _rectangle(draw, left + 8, top, width - 16, storey, shade(wall, 0.55))
        for column in range(5):
            _rectangle(draw, left + 4 + (width - 20) * column / 4, top, 12, storey, wall)
        _rectangle(draw, left, top, width, 11, shade(wall, 1.1))
    for bar in range(9):
        x = left + 10 + (width - 20) * bar / 8
        top = base - floors * storey
        draw.line((x, top, x, top - 20), fill=(122, 78, 56), width=3)


def _containers(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    left: float,
    base: float,
    width: float,
    wall: Colour,
) -> None:
    paints: tuple[Colour, ...] = (
        (60, 104, 140),
        (172, 84, 52),
        (84, 122, 84),
        (196, 160, 66),
        wall,
    )
    tall, long = 0.2 * base, 0.47 * width
    for floor in range(int(rng.integers(1, 4))):
        for column in range(2):
            paint = paints[rng.integers(len(paints))]
            x = left + column * (long + 6) + rng.uniform(-6, 6)
            y = base - (floor + 1) * tall
            _rectangle(draw, x, y, long, tall - 2, paint)
            for rib in range(11):
                rib_x = x + long * (rib + 0.5) / 11
                draw.line((rib_x, y + 3, rib_x, y + tall - 6), fill=shade(paint, 0.82), width=3)


def _trees(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    left: float,
    base: float,
    width: float,
    wall: Colour,
) -> None:
    for _ in range(6):
        x = left + rng.uniform(0.05, 0.95) * width
        top = base - rng.uniform(0.3, 0.55) * base
        draw.line((x, base, x, top), fill=(92, 72, 52), width=8)
        leaf = shade((82, 116, 66), float(rng.uniform(0.75, 1.2)))
        for _ in range(7):
            puff = rng.uniform(14, 28)
            puff_x, puff_y = x + rng.normal(0, 16), top + rng.normal(0, 14)
            draw.ellipse((puff_x - puff, puff_y - puff, puff_x + puff, puff_y + puff), fill=leaf)


def _crane(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    left: float,
    base: float,
    width: float,
    wall: Colour,
) -> None:
    x, top = left + rng.uniform(0.3, 0.5) * width, 0.1 * base
    paint = (222, 176, 40)
    for offset in (-7, 7):
        draw.line((x + offset, base, x + offset, top), fill=paint, width=4)
    y = base
    while y > top:
        draw.line((x - 7, y, x + 7, y - 16), fill=paint, width=2)
        y -= 16
    draw.line((x - 0.25 * width, top + 8, x + 0.62 * width, top + 8), fill=paint, width=7)
    draw.line(
        (x - 0.25 * width, top + 8, x, top - 14, x + 0.6 * width, top + 6), fill=paint, width=2
    )
    _rectangle(draw, x - 0.25 * width, top + 8, 34, 24, (120, 120, 122))
    hook = x + rng.uniform(0.3, 0.55) * width
    draw.line((hook, top + 8, hook, 0.5 * base), fill=(60, 60, 62), width=2)
    _rectangle(draw, hook - 16, 0.5 * base, 32, 12, shade(wall, 0.8))


def _sheds(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    left: float,
    base: float,
    width: float,
    wall: Colour,
) -> None:
    height = rng.uniform(0.32, 0.5) * base
    _rectangle(draw, left, base - height, width, height, wall)
    teeth = 3
    for tooth in range(teeth):
        x = left + width * tooth / teeth
        draw.polygon(
            [(x, base - height), (x, base - height * 1.4), (x + width / teeth, base - height)],
            fill=shade(wall, 0.72),
        )
    for window in range(4):
        _rectangle(
            draw,
            left + (0.07 + 0.24 * window) * width,
            base - 0.8 * height,
            0.14 * width,
            0.34 * height,
            (98, 122, 136),
        )


def _fence(
    draw: ImageDraw.ImageDraw, width: int, base: float, height: float, paint: Colour
) -> None:
    for x in range(0, width, 46):
        draw.line((x, base, x, base - height), fill=paint, width=3)
    for level in (0.15, 0.5, 0.9):
        draw.line((0, base - level * height, width, base - level * height), fill=paint, width=2)


_BACKDROPS: dict[
    Backdrop,
    Callable[[np.random.Generator, ImageDraw.ImageDraw, float, float, float, Colour], None],
] = {
    "scaffold": _scaffold,
    "frame": _frame,
    "containers": _containers,
    "trees": _trees,
    "crane": _crane,
    "sheds": _sheds,
}
