"""One decoding for hashes, quality, drift and shortcuts: what it costs beside Pillow alone.

    python benchmarks/image_looks.py [FOLDER ...] [--n-images 400] [--rounds 9]

Without folders the images are drawn. Each round opens the same files in both ways, one after the
other in one process and thread, in turns; the ratio of a round is that of a pair, and its median
is what the issue limits. `decode alone` opens and decodes a file with Pillow and does nothing else;
`draft` lets JPEG decode to a part of its size, as ours does. Ours reads and digests the file,
decodes it, and makes hash and properties. Then once more with everything cached.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from image_hashes import draw
from PIL import Image

from pytest_detgate.cache.cache import Cache, chunked
from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.image_hashes import image_looks
from pytest_detgate.image_hashes.decoding import SIDE
from pytest_detgate.progress import NoProgress

MAX_PIXELS = 10**9


def decode_alone(paths: Sequence[Path]) -> None:
    """Decode all pixels of files."""
    for path in paths:
        with Image.open(path) as image:
            image.load()


def draft(paths: Sequence[Path]) -> None:
    """Decode files to the size, and into the bands, that ours looks at."""
    for path in paths:
        with Image.open(path) as image:
            image.draft("YCbCr", (SIDE, SIDE))
            image.load()


def ours(paths: Sequence[Path]) -> None:
    """Digest, hash and properties of files, so many together as a thread takes."""
    for part in chunked(map(image_looks.File, paths), image_looks.BY_A_THREAD):
        image_looks.look_at(part, MAX_PIXELS)


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        folders = arguments.folders or [draw(Path(folder, "drawn"), arguments.n_images)]
        for one in folders:
            names = read_folder(one, "").images.file_name.tolist()[: arguments.n_images]
            paths = [one / name for name in names]
            print(f"{one.name}: {len(paths)} images, {arguments.rounds} rounds")
            pairs(paths, arguments.rounds)
            cached(one, len(names))


def pairs(paths: list[Path], rounds: int) -> None:
    """Print the time of an image in each way, and the ratios of ours to the others."""
    ways: list[Callable[[Sequence[Path]], None]] = [decode_alone, draft, ours]
    seconds = np.zeros((rounds, len(ways)))
    for round_number in range(rounds):
        for turn in range(len(ways)):
            way = (turn + round_number) % len(ways)  # none of them always comes first
            started = time.process_time()
            ways[way](paths)
            seconds[round_number, way] = time.process_time() - started
    for number, way in enumerate(ways):
        median = 1000 * statistics.median(seconds[:, number]) / len(paths)
        ratio = statistics.median(seconds[:, -1] / seconds[:, number])
        print(f"  {way.__name__:14} {median:7.3f} ms an image   ours is {ratio:.2f} times that")


def cached(folder: Path, n: int) -> None:
    """Print the time of a first and of a second run over the whole folder."""
    dataset = read_folder(folder, "all")
    with tempfile.TemporaryDirectory() as store:
        for run in ("first", "second"):
            started = time.perf_counter()
            cache = Cache(Path(store, "cache.sqlite"))
            image_looks.compute_looks(dataset, cache, NoProgress(), decoded=True)
            seconds = time.perf_counter() - started
            print(f"  {run} run, {len(dataset.images)} images: {seconds:.2f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--n-images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()
