"""Draws clips of building sites at 25 frames a second, and what a nervous detector finds on them.

    python make_clips.py

The crews of the split `clips` take their helmets off after a second. Those of the probe
`quiet-clips` keep them on. No model is needed: the detections are drawn as well. The detector finds
a bare head on most frames, and now and then, for a frame or two, sees one where there is none. The
same seed draws the same clips.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from make_data import CATEGORIES, SIDE, Shot, Stretch, Studio, coco
from scenery import DAY_SITES

FPS = 25
FOUND = 0.8
"""Share of frames on which a bare head, or its owner, is found."""
STARTLED = 0.06
"""Chance that a false box appears on a frame; it stays for one frame or two, and the next one
comes four frames later at the earliest."""
REST = 4
Row = dict[str, object]


def found_boxes(rng: np.random.Generator, data: dict[str, object]) -> list[Row]:
    """Detections of the boxes of a data set, each missed on some frames and a little off."""
    annotations: Sequence[dict[str, object]] = data["annotations"]  # type: ignore[assignment]
    rows: list[Row] = []
    for annotation in annotations:
        if rng.random() < FOUND:
            box = np.array(annotation["bbox"]) + rng.normal(0, 0.7, 4)
            rows.append(_row(annotation["image_id"], annotation["category_id"], box, rng))
    return rows


def false_boxes(rng: np.random.Generator, shots: Sequence[Shot], first_id: int) -> list[Row]:
    """False heads: at one place of each clip, for a frame or two at a time."""
    rows: list[Row] = []
    place: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    stays = 0  # frames that a false box still stays; below 0 frames of rest
    for image_id, shot in enumerate(shots, start=first_id):
        if shot.clip not in place:
            place[shot.clip] = np.array([*rng.uniform(40, SIDE - 60, 2), 18, 20])
            stays = 0
        if stays == 0 and rng.random() < STARTLED:
            stays = int(rng.integers(1, 3))
        elif stays < 0:
            stays += 1
        if stays > 0:
            stays = stays - 1 or -REST
            rows.append(_row(image_id, 1, place[shot.clip] + rng.normal(0, 0.5, 4), rng))
    return rows


def _row(
    image_id: object,
    category_id: object,
    box: np.ndarray[tuple[int], np.dtype[np.float64]],
    rng: np.random.Generator,
) -> Row:
    return {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [round(float(side), 2) for side in box],
        "score": round(float(rng.uniform(0.35, 0.95)), 3),
    }


def make(out: Path, seed: int = 0) -> None:
    """Draws the clips and the detections into a folder."""
    busy_folder, quiet_folder = out / "clips" / "busy", out / "clips" / "quiet"
    for folder in (busy_folder, quiet_folder):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.jpg"):
            old.unlink()
    studio, rng = Studio(seed), np.random.default_rng([seed, FPS])
    on = Stretch(bareheaded=False, first=0, count=FPS, step=1)
    off = Stretch(bareheaded=True, first=FPS, count=2 * FPS, step=1)
    calm = Stretch(bareheaded=False, first=0, count=3 * FPS, step=1)
    busy: list[Shot] = []
    quiet: list[Shot] = []
    for site in DAY_SITES:
        busy += studio.film(site, 61, (on, off), busy_folder)
        quiet += studio.film(site, 71, (calm,), quiet_folder)
    clips = coco(busy, 3001, "Clips in which the crew takes its helmets off")
    calm_clips = coco(quiet, 4001, "Clips in which the crew keeps its helmets on")
    _write(out / "clips.json", clips)
    _write(out / "quiet_clips.json", calm_clips)
    _write(out / "clips_found.json", _results(clips, found_boxes(rng, clips)))
    quiet_rows = false_boxes(rng, quiet, 4001)
    _write(out / "quiet_clips_found.json", _results(calm_clips, quiet_rows))


def _results(data: dict[str, object], rows: list[Row]) -> dict[str, object]:
    """A result file that names its images and classes, so that none can be missing unseen."""
    categories = [
        {"id": category, "name": name} for category, name in enumerate(CATEGORIES, start=1)
    ]
    return {"images": data["images"], "categories": categories, "annotations": rows}


def _write(path: Path, data: dict[str, object]) -> None:
    path.write_text(json.dumps(data) + "\n", encoding="utf-8")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Draws the clips of the example.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    make(chosen.out, chosen.seed)


if __name__ == "__main__":
    main()
