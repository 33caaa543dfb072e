"""Reading of label formats, side by side with other libraries that read them.

Run it with a Python that has this package and, for the comparison, `labelformat` and `panlabel`:

    python benchmarks/label_formats.py --images 20000 [--panlabel PATH] [--labelformat PYTHON]

`--panlabel` is the program of that name, `--labelformat` a Python that can import it. Images are
not drawn: the formats state sizes, or, for KITTI, a small image of each size is linked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_detgate.dataset.labels.formats import label_readers
from pytest_detgate.dataset.labels.tables import SplitFiles

CLASSES = ("person", "helmet", "vest", "vehicle")
WIDTH, HEIGHT, BOXES = 1920, 1080, 8
_REPEATS = 3
Boxes = list[tuple[str, float, float, float, float]]
_LABELFORMAT = """
import sys, time
from pathlib import Path
from labelformat.formats.kitti import KittiObjectDetectionInput
start = time.perf_counter()
read = KittiObjectDetectionInput(Path(sys.argv[1]), sys.argv[2], "../images")
boxes = sum(len(one.objects) for one in read.get_labels())
print(time.perf_counter() - start, boxes)
"""


def drawn(images: int) -> Iterator[tuple[str, Boxes]]:
    """Yield the name and boxes of each image, the same wherever it runs."""
    generator = np.random.default_rng(0)
    for number in range(images):
        corner = (generator.random((BOXES, 2)) * (1500, 700)).round(2)
        size = generator.uniform(8, 300, (BOXES, 2)).round(2)
        kinds = generator.integers(len(CLASSES), size=BOXES)
        rows = zip(kinds.tolist(), corner.tolist(), size.tolist(), strict=True)
        yield f"{number:06d}", [(CLASSES[kind], *xy, *wh) for kind, xy, wh in rows]


def write_labelme(folder: Path, images: int) -> Path:
    """Write a JSON file an image."""
    labels = folder / "labels"
    labels.mkdir()
    for name, boxes in drawn(images):
        shapes = [
            {
                "label": kind,
                "points": [[x, y], [x + w, y + h]],
                "group_id": None,
                "shape_type": "rectangle",
                "flags": {},
            }
            for kind, x, y, w, h in boxes
        ]
        size = {"imageHeight": HEIGHT, "imageWidth": WIDTH, "imageData": None}
        content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": f"{name}.png"}
        (labels / f"{name}.json").write_text(json.dumps({**content, **size}))
    return labels


def write_kitti(folder: Path, images: int) -> Path:
    """Write a text file an image."""
    labels = folder / "labels"
    labels.mkdir()
    for name, boxes in drawn(images):
        (labels / f"{name}.txt").write_text(
            "".join(
                f"{kind} 0.00 0 -10 {x:.2f} {y:.2f} {x + w:.2f} {y + h:.2f} -1 -1 -1 -1000 -1000 "
                "-1000 -10\n"
                for kind, x, y, w, h in boxes
            )
        )
    return labels


def write_scalabel(folder: Path, images: int) -> Path:
    """Write a list of frames."""
    frames = [
        {
            "name": f"{name}.png",
            "size": {"width": WIDTH, "height": HEIGHT},
            "labels": [
                {
                    "id": str(row),
                    "category": kind,
                    "attributes": {"occluded": False, "truncated": False},
                    "box2d": {"x1": x, "y1": y, "x2": x + w, "y2": y + h},
                }
                for row, (kind, x, y, w, h) in enumerate(boxes)
            ],
        }
        for name, boxes in drawn(images)
    ]
    return _json(folder, frames)


def write_datumaro(folder: Path, images: int) -> Path:
    """Write a list of items."""
    items = [
        {
            "id": name,
            "annotations": [
                {
                    "id": row,
                    "type": "bbox",
                    "attributes": {"occluded": False},
                    "group": 0,
                    "label_id": CLASSES.index(kind),
                    "z_order": 0,
                    "bbox": [x, y, w, h],
                }
                for row, (kind, x, y, w, h) in enumerate(boxes)
            ],
            "attr": {},
            "image": {"path": f"{name}.png", "size": [HEIGHT, WIDTH]},
        }
        for name, boxes in drawn(images)
    ]
    labels = [{"name": kind, "parent": "", "attributes": []} for kind in CLASSES]
    return _json(folder, {"info": {}, "categories": {"label": {"labels": labels}}, "items": items})


def write_labelstudio(folder: Path, images: int) -> Path:
    """Write a list of tasks."""
    tasks = [
        {
            "id": number,
            "data": {"image": f"/data/upload/1/{name}.png"},
            "annotations": [
                {
                    "id": number,
                    "was_cancelled": False,
                    "result": [
                        {
                            "id": f"r{row}",
                            "type": "rectanglelabels",
                            "from_name": "label",
                            "to_name": "image",
                            "original_width": WIDTH,
                            "original_height": HEIGHT,
                            "image_rotation": 0,
                            "value": {
                                "x": 100 * x / WIDTH,
                                "y": 100 * y / HEIGHT,
                                "width": 100 * w / WIDTH,
                                "height": 100 * h / HEIGHT,
                                "rotation": 0,
                                "rectanglelabels": [kind],
                            },
                        }
                        for row, (kind, x, y, w, h) in enumerate(boxes)
                    ],
                }
            ],
            "predictions": [],
        }
        for number, (name, boxes) in enumerate(drawn(images), start=1)
    ]
    return _json(folder, tasks)


WRITERS: dict[str, Callable[[Path, int], Path]] = {
    "labelme": write_labelme,
    "kitti": write_kitti,
    "scalabel": write_scalabel,
    "datumaro": write_datumaro,
    "labelstudio": write_labelstudio,
}
_PANLABEL = {"labelstudio": "label-studio", "labelme": "labelme", "datumaro": "datumaro"}


def _json(folder: Path, content: object) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


def fastest(run: Callable[[], float]) -> float:
    """Return the shortest of several times."""
    return min(run() for _ in range(_REPEATS))


def main() -> None:
    """Print the seconds of each reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--panlabel", type=Path)
    parser.add_argument("--labelformat", type=Path)
    parser.add_argument("--formats", nargs="*", choices=tuple(WRITERS), default=tuple(WRITERS))
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="detgate-formats-"))
    try:
        images = folder / "images"
        images.mkdir()
        first = images / "first.png"
        Image.new("1", (WIDTH, HEIGHT)).save(first)
        for number in range(chosen.images):
            (images / f"{number:06d}.png").hardlink_to(first)
        first.unlink()
        for name in chosen.formats:
            own = folder / name
            own.mkdir()
            _compare(name, WRITERS[name](own, chosen.images), images, chosen)
    finally:
        shutil.rmtree(folder)


def _compare(name: str, labels: Path, images: Path, chosen: argparse.Namespace) -> None:
    files = SplitFiles(name="train", labels=labels, images=images)

    def ours() -> float:
        start = time.perf_counter()
        dataset = label_readers()[name](files)
        assert len(dataset.boxes) == chosen.images * BOXES
        return time.perf_counter() - start

    print(f"{name}: pytest-detgate {fastest(ours):.2f} s", end="", flush=True)
    if chosen.panlabel and name in _PANLABEL:

        def panlabel() -> float:
            start = time.perf_counter()
            subprocess.run(
                [chosen.panlabel, "stats", "--format", _PANLABEL[name], labels],
                check=True,
                capture_output=True,
            )
            return time.perf_counter() - start

        print(f", panlabel {fastest(panlabel):.2f} s", end="", flush=True)
    if chosen.labelformat and name == "kitti":
        beside = labels.parent / "images"
        beside.symlink_to(images)

        def labelformat() -> float:
            command = [chosen.labelformat, "-c", _LABELFORMAT, labels, ",".join(CLASSES)]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            return float(found.stdout.split()[0])

        print(f", labelformat {fastest(labelformat):.2f} s", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
