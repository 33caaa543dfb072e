"""Draws short clips of building sites and writes them as COCO data sets.

    python make_data.py

Only violations are annotated: the bare head, and the person it belongs to. Somebody who wears a
helmet has no box. The same seed draws the same pictures.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from clutter import Thing, scatter
from figures import Box, Figure, Look, Pose, draw_worker, random_look
from PIL import Image, ImageDraw, ImageFilter
from scenery import DAY_SITES, OTHER_SITES, UNSEEN_SITES, Site, paint_site

SIDE = 256
SCALE = 2
"""Everything is drawn larger and reduced, which smooths the edges."""
CANVAS = SIDE * SCALE
PANORAMA = 3 * CANVAS
MARGIN = 24
"""How far the camera may drift."""
HORIZON = 0.4 * CANVAS
CATEGORIES = ("helmet_off_head", "helmet_off_person")

KEEPS_HELMET = 0.05
"""Share of workers who keep the helmet on when the crew takes theirs off: it is rare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker of a clip, who paces to and fro in a lane."""

    look: Look
    keeps_helmet: bool
    lane: float
    reach: float
    period: float
    start: float
    feet: float
    height: float

    def pose(self, frame: int, drift: tuple[int, int], bareheaded: bool) -> Pose:
        """How the worker stands in a frame of the clip."""
        turn = self.start + 2 * math.pi * frame / self.period
        return Pose(
            x=self.lane + self.reach * math.sin(turn) - drift[0],
            feet=self.feet - drift[1],
            height=self.height,
            facing=1 if math.cos(turn) >= 0 else -1,
            stride=self.start + 0.31 * frame,
            helmet=self.keeps_helmet or not bareheaded,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A camera on a site for a while: its view, its light, its crew."""

    name: str
    site: Site
    backdrop: Image.Image
    things: tuple[Thing, ...]
    crew: tuple[Worker, ...]
    gain: float
    tint: tuple[float, float, float]
    noise: float
    blur: float
    sway: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A frame of a clip as it was saved."""

    clip: str
    site: str
    file_name: str
    bareheaded: tuple[Figure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Frames of a clip during which the crew keeps its helmets on or off."""

    bareheaded: bool
    first: int
    count: int
    step: int = 23

    @property
    def frames(self) -> range:
        """The frame numbers."""
        return range(self.first, self.first + self.count * self.step, self.step)


class Studio:
    """Films clips into a folder; each site is painted once."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._panoramas: dict[str, Image.Image] = {}

    def film(
        self, site: Site, number: int, stretches: Iterable[Stretch], folder: Path
    ) -> list[Shot]:
        """Draws the frames of a clip, saves them, and says what is in them."""
        name = f"{site.name}{number:02d}"
        rng = self._generator(name)
        clip = _new_clip(rng, name, site, self._panorama(site))
        shots = []
        for stretch in stretches:
            for frame in stretch.frames:
                picture, figures = _draw_frame(rng, clip, frame, stretch.bareheaded)
                file_name = f"{name}_{frame:06d}.jpg"
                picture.save(folder / file_name, quality=88)
                shots.append(
                    Shot(clip=name, site=site.name, file_name=file_name, bareheaded=figures)
                )
        return shots

    def _panorama(self, site: Site) -> Image.Image:
        if site.name not in self._panoramas:
            rng = self._generator(site.name)
            self._panoramas[site.name] = paint_site(
                rng, site, PANORAMA, CANVAS + 2 * MARGIN, round(HORIZON) + MARGIN
            )
        return self._panoramas[site.name]

    def _generator(self, name: str) -> np.random.Generator:
        # Seeded by name, so that a clip stays the same when others come or go.
        return np.random.default_rng([self._seed, zlib.crc32(name.encode())])


def _new_clip(rng: np.random.Generator, name: str, site: Site, panorama: Image.Image) -> Clip:
    width = CANVAS + 2 * MARGIN
    left = int(rng.integers(PANORAMA - width))
    backdrop = panorama.crop((left, 0, left + width, panorama.height))
    if rng.random() < 0.5:
        backdrop = backdrop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    red, green, blue = (float(part * rng.uniform(0.97, 1.03)) for part in site.tint)
    return Clip(
        name=name,
        site=site,
        backdrop=backdrop,
        things=tuple(scatter(rng, CANVAS, HORIZON, CANVAS, 0.42 * CANVAS)),
        crew=_new_crew(rng, site),
        gain=float(rng.uniform(*site.gain)),
        tint=(red, green, blue),
        noise=float(rng.uniform(1.0, 3.5)) * (1.4 if site.floodlight else 1.0),
        blur=float(rng.choice((0.0, 0.0, 0.4, 0.7))),
        sway=float(rng.uniform(2.0, 9.0)),
    )


def _new_crew(rng: np.random.Generator, site: Site) -> tuple[Worker, ...]:
    size = int(rng.choice((1, 2, 3), p=(0.2, 0.4, 0.4)))
    slots = rng.permutation(max(size, 3))[:size]
    width = CANVAS / max(size, 3)
    keeps = rng.random(size) < KEEPS_HELMET
    keeps[rng.integers(size)] = False
    crew = []
    for slot, keep in zip(slots, keeps, strict=True):
        depth = float(rng.beta(1.3, 1.3))
        crew.append(
            Worker(
                look=random_look(rng, site.helmets),
                keeps_helmet=bool(keep),
                lane=float((slot + rng.uniform(0.4, 0.6)) * width),
                reach=float(rng.uniform(0.1, 0.42) * width),
                period=float(rng.uniform(140, 420)),
                start=float(rng.uniform(0, 2 * math.pi)),
                feet=HORIZON + (0.48 + 0.48 * depth) * (CANVAS - HORIZON),
                height=(0.4 + 0.2 * depth) * CANVAS * float(rng.uniform(0.94, 1.06)),
            )
        )
    return tuple(crew)


def _draw_frame(
    rng: np.random.Generator, clip: Clip, frame: int, bareheaded: bool
) -> tuple[Image.Image, tuple[Figure, ...]]:
    """A frame as the camera gives it, and the workers in it who wear no helmet."""
    drift = (
        round(clip.sway * math.sin(frame / 37) + rng.normal(0, 0.6)),
        round(0.4 * clip.sway * math.sin(frame / 53) + rng.normal(0, 0.6)),
    )
    left, top = MARGIN + drift[0], MARGIN + drift[1]
    picture = clip.backdrop.crop((left, top, left + CANVAS, top + CANVAS))
    draw = ImageDraw.Draw(picture)
    figures = []
    stands: list[tuple[float, Thing | Worker]] = [(thing.ground, thing) for thing in clip.things]
    stands += [(worker.feet, worker) for worker in clip.crew]
    for _, stand in sorted(stands, key=lambda pair: pair[0]):
        if isinstance(stand, Worker):
            pose = stand.pose(frame, drift, bareheaded)
            figure = draw_worker(draw, stand.look, pose)
            if not pose.helmet:
                figures.append(figure)
        else:
            stand.sketch(draw, stand.x - drift[0], stand.ground - drift[1], stand.size)
    return _develop(rng, clip, picture), tuple(figures)


def _develop(rng: np.random.Generator, clip: Clip, picture: Image.Image) -> Image.Image:
    """The picture with the light, the weather and the noise of its clip."""
    small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    if clip.blur:
        small = small.filter(ImageFilter.GaussianBlur(clip.blur))
    pixels = np.asarray(small).astype(np.float32)
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j].astype(np.float32)
    light = clip.gain * rng.uniform(0.98, 1.02) * (1 - 0.1 * (rows**2 + columns**2))
    if clip.site.floodlight:
        glow = np.exp(-((columns - 0.1) ** 2 / 0.5 + (rows - 0.35) ** 2 / 0.5))
        light = light * (0.68 + 0.62 * glow)
    pixels *= light[:, :, None] * np.array(clip.tint, dtype=np.float32)
    if clip.site.snow:
        flakes = rng.random((SIDE, SIDE)) < 0.004
        pixels[flakes] = 0.3 * pixels[flakes] + 0.7 * 246
    pixels += rng.normal(0, clip.noise, (SIDE, SIDE, 1)).astype(np.float32)
    pixels += rng.normal(0, 0.5 * clip.noise, (SIDE, SIDE, 3)).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _coco_box(box: Box) -> list[float] | None:
    """Left, top, width, height in pixels of the saved picture; None if next to nothing is in it."""
    left, top, right, bottom = (min(max(edge / SCALE, 0.0), float(SIDE)) for edge in box)
    if right - left < 3 or bottom - top < 3:
        return None
    return [round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2)]


def coco(shots: Sequence[Shot], first_id: int, description: str) -> dict[str, object]:
    """A data set in COCO's form."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, shot in enumerate(shots, start=first_id):
        images.append(
            {
                "id": image_id,
                "file_name": shot.file_name,
                "width": SIDE,
                "height": SIDE,
                "site": shot.site,
                "license": 1,
            }
        )
        for figure in shot.bareheaded:
            for category, box in enumerate((figure.head, figure.person), start=1):
                bounds = _coco_box(box)
                if bounds is None:
                    continue
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image_id,
                        "category_id": category,
                        "bbox": bounds,
                        "area": round(bounds[2] * bounds[3], 2),
                        "iscrowd": 0,
                    }
                )
    return {
        "info": {"description": description, "version": "1.0", "contributor": "make_data.py"},
        "licenses": [
            {
                "id": 1,
                "name": "CC0-1.0",
                "url": "https://creativecommons.org/publicdomain/zero/1.0/",
            }
        ],
        "categories": [
            {"id": category, "name": name, "supercategory": "violation"}
            for category, name in enumerate(CATEGORIES, start=1)
        ],
        "images": images,
        "annotations": annotations,
    }


def make(out: Path, seed: int = 0, clips: int = 18) -> None:
    """Draws everything into a folder; `clips` of each site are for training."""
    images = out / "images"
    same_sites = out / "probes" / "same_sites"
    other_style = out / "probes" / "other_style"
    for folder in (images, same_sites, other_style):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.jpg"):
            old.unlink()
    studio = Studio(seed)

    train: list[Shot] = []
    val: list[Shot] = []
    for site in DAY_SITES:
        for number in range(1, clips + 1):
            on = Stretch(bareheaded=False, first=9 + 4 * number, count=1 + number % 2)
            off = Stretch(bareheaded=True, first=400 + 20 * number, count=3)
            train += studio.film(site, number, (on, off), images)
    for site in (*DAY_SITES, *UNSEEN_SITES):
        for number in (31, 32):
            on = Stretch(bareheaded=False, first=17, count=3)
            off = Stretch(bareheaded=True, first=600, count=5)
            val += studio.film(site, number, (on, off), images)
    for site in DAY_SITES:
        for number in (41, 42):
            on = Stretch(bareheaded=False, first=5, count=3)
            studio.film(site, number, (on,), same_sites)
    other: list[Shot] = []
    for site in OTHER_SITES:
        for number in (1, 2, 3, 4):
            on = Stretch(bareheaded=False, first=13, count=3)
            other += studio.film(site, number, (on,), other_style)

    # The extraction kept only frames with something to annotate; that is how the trouble starts.
    violations = [shot for shot in train if shot.bareheaded]
    compliant = [shot for shot in train if not shot.bareheaded]
    kept = coco(violations, 1, "Frames with a violation")
    mended = coco(violations + compliant, 1, "Frames with a violation, and compliant ones")
    _write(out / "train.json", kept)
    _write(out / "train_neg.json", mended)
    _write(out / "val.json", coco(val, 1001, "Other clips, with and without violations"))
    _write(
        out / "probes" / "other_style.json",
        coco(other, 2001, "Compliant frames of sites that look different"),
    )


def _write(path: Path, data: dict[str, object]) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Draws the example data.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips", type=int, default=18, help="clips of each site to train on")
    chosen = parser.parse_args()
    make(chosen.out, chosen.seed, chosen.clips)


if __name__ == "__main__":
    main()
