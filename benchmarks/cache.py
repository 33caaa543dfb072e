"""The cache with 100 thousand images: keeping as a gate keeps, and answering the next gate.

    python benchmarks/cache.py [--images 100000] [--boxes 20] [--rounds 3]

Seconds, medians. The peer is SQLite itself: the same bytes in a bare table, in one transaction
and one query, without check sums, marks of use or other processes in mind.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pytest_detgate.cache.cache import Cache
from pytest_detgate.detections import ImageDetections

_BATCH = 64  # images that a gate infers between two looks at its cache


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--boxes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    images = [hashlib.sha256(str(at).encode()).hexdigest() for at in range(chosen.images)]
    pick = np.random.default_rng(0)
    found = ImageDetections(
        xyxy=pick.random((chosen.boxes, 4), np.float32),
        score=pick.random(chosen.boxes, np.float32),
        label=pick.integers(0, 80, chosen.boxes, np.int32),
    )
    times: dict[str, list[float]] = {}
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, work in tasks(Path(folder), images, found):
                started = time.perf_counter()
                work()
                times.setdefault(name, []).append(time.perf_counter() - started)
            size = sum(path.stat().st_size for path in Path(folder).glob("cache*"))
    print(f"{len(images)} images, {chosen.boxes} boxes each, {size / 1e6:.0f} MB")
    for name, seconds in times.items():
        print(f"{name:<36}{statistics.median(seconds):8.2f} s")


def tasks(
    folder: Path, images: list[str], found: ImageDetections
) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is timed, in order."""
    cache = Cache(folder / "cache.sqlite")
    batches = [images[at : at + _BATCH] for at in range(0, len(images), _BATCH)]
    model = "m" * 64

    def keep() -> None:
        for batch in batches:
            cache.add_detections(model, "cpu", [(image, found) for image in batch])

    def look_up() -> None:
        answers = {image: one for image, _, one in cache.detections(model, images)}
        assert len(answers) == len(images)

    yield f"keep, {_BATCH} at once", keep
    yield "look up", look_up
    yield "look up what is not there", lambda: list(cache.detections("n" * 64, images))
    yield "bare SQLite: write", lambda: bare_write(folder / "bare.sqlite", images, found)
    yield "bare SQLite: read", lambda: bare_read(folder / "bare.sqlite", len(images))


def bare_write(path: Path, images: list[str], found: ImageDetections) -> None:
    """All rows in one transaction."""
    data = found.xyxy.tobytes() + found.score.tobytes() + found.label.tobytes()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bare (image TEXT PRIMARY KEY, data BLOB)")
        connection.executemany("INSERT INTO bare VALUES (?, ?)", ((one, data) for one in images))


def bare_read(path: Path, count: int) -> None:
    """All rows with one query."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT image, data FROM bare").fetchall()
    assert len(rows) == count


if __name__ == "__main__":
    main()
