"""Reading of label formats, side by side with other libraries that read them.

Run it with a Python that has this package and, for the comparison, `labelformat` and `panlabel`:

    python benchmarks/label_formats.py --images 20000 [--panlabel PATH] [--labelformat PYTHON]

`--panlabel` is the program of that name, `--labelformat` a Python that can import it. Images are
not drawn: the formats state sizes, or, for KITTI, a small image of each size is linked.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pytest_detgate.dataset.labels.formats import label_readers
from pytest_detgate.dataset.labels.tables import SplitFiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.unit.label_writers import WRITERS, Truth

CLASSES = ("person", "helmet", "vest", "vehicle")
WIDTH, HEIGHT, BOXES = 1920, 1080, 8
_REPEATS = 3
_LABELFORMAT = """
import sys, time
from pathlib import Path
from labelformat.formats.kitti import KittiObjectDetectionInput
start = time.perf_counter()
read = KittiObjectDetectionInput(Path(sys.argv[1]), sys.argv[2], "../images")
boxes = sum(len(one.objects) for one in read.get_labels())
print(time.perf_counter() - start, boxes)
"""


def drawn(images: int) -> Truth:
    """Return the size and boxes of each image, the same wherever it runs. Edges lie at quarters of
    pixels, so that sums are written with two digits as well."""
    generator = np.random.default_rng(0)
    truth = {}
    for number in range(images):
        corner = (generator.random((BOXES, 2)) * (1500, 700) * 4).round() / 4
        size = (generator.uniform(8, 300, (BOXES, 2)) * 4).round() / 4
        kinds = generator.integers(len(CLASSES), size=BOXES)
        rows = zip(kinds.tolist(), corner.tolist(), size.tolist(), strict=True)
        boxes = [(CLASSES[kind], *xy, *wh) for kind, xy, wh in rows]
        truth[f"{number:06d}.png"] = (WIDTH, HEIGHT, boxes)
    return truth


_PANLABEL = {"labelstudio": "label-studio", "labelme": "labelme", "datumaro": "datumaro"}


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
        truth = drawn(chosen.images)
        first = images / "first.png"
        Image.new("1", (WIDTH, HEIGHT)).save(first)
        for name in truth:
            (images / name).hardlink_to(first)
        first.unlink()
        for name in chosen.formats:
            own = folder / name
            own.mkdir()
            _compare(name, WRITERS[name](truth, own), images, chosen)
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
