"""Picture hashes: images a second beside ImageHash, and the search for near ones beside others.

    pip install --group bench
    python benchmarks/image_hashes.py [FOLDER ...] [--n-images 600] [--hashes 100000]
        [--radius 6] [--rounds 5]

Without folders the pictures are drawn. Hashing: the same files, from disk to hash, alternating
rounds in one process; the second run is ours with everything kept. Search: every hash of one set
against every hash of another, each method in a process of its own, alternating rounds; medians,
and the peak memory of the process less that of one that only makes the hashes. "spread" hashes
are random with a few copies, "crowded" ones come from a thousand still cameras. What would take
hours is asked a part of the questions and counted up, marked ~.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from pytest_detgate.cache.cache import Cache
from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.image_hashes.difference_hash import difference_hash
from pytest_detgate.image_hashes.hamming_search import find_within
from pytest_detgate.image_hashes.image_looks import compute_looks
from pytest_detgate.progress import NoProgress

BLOCK = 64


class Found(NamedTuple):
    """How many queries have a match, and the seconds for all of them; of a `part` that was
    asked."""

    matched: int
    seconds: float
    part: float = 1.0


def main() -> None:
    arguments = _arguments()
    if arguments.child:
        method, kind = arguments.child.split(":")
        print(json.dumps(search(method, kind, arguments.hashes, arguments.radius)))
        return
    with tempfile.TemporaryDirectory() as folder:
        folders = arguments.folders or [draw(Path(folder, "drawn"), arguments.n_images)]
        hashing(folders, arguments.n_images, arguments.rounds)
    searching(arguments.hashes, arguments.radius, arguments.rounds)


def hashing(folders: list[Path], n_images: int, rounds: int) -> None:
    """Print images a second of each way to hash."""
    paths = [
        folder / name
        for folder in folders
        for name in read_folder(folder, "").images.file_name.tolist()
    ][:n_images]
    with tempfile.TemporaryDirectory() as folder:
        for n, path in enumerate(paths):
            (Path(folder) / f"{n}{path.suffix}").symlink_to(path.resolve())
        ways = _ways(Path(folder), paths)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - started)
    first = statistics.median(next(iter(seconds.values())))
    print(f"Hashing {len(paths)} pictures, {rounds} rounds")
    for name, measured in seconds.items():
        median = statistics.median(measured)
        print(f"  {name:34} {len(paths) / median:8.0f} images/s  {first / median:6.1f}x")


def _ways(folder: Path, paths: list[Path]) -> dict[str, Callable[[], Any]]:
    dataset = read_folder(folder, "all")
    kept = Cache(folder / "kept" / "cache.sqlite")

    def ours(cache: Cache) -> None:
        compute_looks(dataset, cache, NoProgress(), decoded=True)

    def fresh() -> None:
        with tempfile.TemporaryDirectory() as empty:
            ours(Cache(Path(empty, "cache.sqlite")))

    ours(kept)
    ways: dict[str, Callable[[], Any]] = {}
    try:
        import imagehash
    except ImportError:
        print("ImageHash is not installed: pip install --group bench")
    else:

        def peer(path: Path) -> Any:
            with Image.open(path) as picture:
                return imagehash.dhash(picture)

        def threads() -> None:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(peer, paths))

        ways["ImageHash dhash, one thread"] = lambda: [peer(path) for path in paths]
        ways["ImageHash dhash, threads"] = threads
    ways["difference_hash, one thread"] = lambda: [
        difference_hash(path.read_bytes()) for path in paths
    ]
    ways["compute_looks, first run"] = fresh
    ways["compute_looks, everything kept"] = lambda: ours(kept)
    return ways


def searching(n: int, radius: int, rounds: int) -> None:
    """Print seconds and memory of each way to search."""
    for kind in ("spread", "crowded"):
        print(f"\nSearch, {kind}: {n} x {n} hashes, radius {radius}, {rounds} rounds")
        answers: dict[str, list[dict[str, Any]]] = {name: [] for name in SEARCHES}
        for _ in range(rounds):
            for name in SEARCHES:
                command = [sys.executable, __file__, "--child", f"{name}:{kind}"]
                command += ["--hashes", str(n), "--radius", str(radius)]
                run = subprocess.run(command, check=True, capture_output=True, text=True)
                answers[name].append(json.loads(run.stdout))
        base = statistics.median(answer["peak_mb"] for answer in answers["nothing"])
        ours = statistics.median(answer["seconds"] for answer in answers["ours"])
        for name, found in answers.items():
            if name == "nothing":
                continue
            if found[0]["missing"]:
                print(f"  {name:24} {found[0]['missing']}")
                continue
            seconds = statistics.median(answer["seconds"] for answer in found)
            memory = statistics.median(answer["peak_mb"] for answer in found) - base
            about = "~" if found[0]["part"] < 1 else " "
            print(
                f"  {name:24} {about}{seconds:9.2f} s  {seconds / ours:8.1f}x  {memory:6.0f} MB  "
                f"{found[0]['matched']} matched" + (" of those asked" if about == "~" else "")
            )


def search(method: str, kind: str, n: int, radius: int) -> dict[str, Any]:
    """Time one search in this process."""
    queries, reference = make_hashes(kind, n)
    missing, found = "", Found(0, 0.0)
    try:
        found = SEARCHES[method](queries, reference, radius)
    except ImportError as error:
        missing = f"not installed: {error.name}"
    return {**found._asdict(), "peak_mb": peak_mb(), "missing": missing}


def peak_mb() -> float:
    """Peak memory of this process. Linux counts the parent's, too, in getrusage."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make_hashes(kind: str, n: int) -> tuple[Any, Any]:
    """Two sets of hashes that share some copies."""
    rng = np.random.default_rng(0)
    if kind == "spread":
        both = rng.integers(0, 2**64, 2 * n, dtype=np.uint64)
    else:
        both = rng.integers(0, 2**64, 1000, dtype=np.uint64)[rng.integers(0, 1000, 2 * n)]
        for _ in range(8):
            both ^= np.uint64(1) << rng.integers(0, 64, 2 * n).astype(np.uint64)
    queries, reference = both[:n].copy(), both[n:].copy()
    queries[: n // 100] = reference[: n // 100] ^ np.uint64(0b1011 << 20)
    return queries, reference


def _ours(queries: Any, reference: Any, radius: int) -> Found:
    started = time.perf_counter()
    matched = int((find_within(queries, reference, radius).row >= 0).sum())
    return Found(matched, time.perf_counter() - started)


def _blocked(queries: Any, reference: Any, radius: int) -> Found:
    asked = queries[: len(queries) // 10]
    matched = 0
    started = time.perf_counter()
    for start in range(0, len(asked), BLOCK):
        bits = np.bitwise_count(asked[start : start + BLOCK, None] ^ reference)
        matched += int((bits <= radius).any(axis=1).sum())
    return Found(matched, 10 * (time.perf_counter() - started), part=0.1)


def _faiss(queries: Any, reference: Any, radius: int) -> Found:
    import faiss

    started = time.perf_counter()
    index = faiss.IndexBinaryFlat(64)
    index.add(reference.view(np.uint8).reshape(-1, 8))
    limits, _, _ = index.range_search(queries.view(np.uint8).reshape(-1, 8), radius + 1)
    matched = int((np.diff(limits.astype(np.int64)) > 0).sum())
    return Found(matched, time.perf_counter() - started)


def _bk_tree(queries: Any, reference: Any, radius: int) -> Found:
    """imagededup's way without its compiled part: a Burkhard-Keller tree in Python."""
    import pybktree

    started = time.perf_counter()
    tree = pybktree.BKTree(pybktree.hamming_distance, reference.tolist())
    built = time.perf_counter()
    asked = queries[:: len(queries) // 20][:20].tolist()
    matched = sum(bool(tree.find(query, radius)) for query in asked)
    part = len(asked) / len(queries)
    return Found(matched, built - started + (time.perf_counter() - built) / part, part)


SEARCHES: dict[str, Callable[[Any, Any, int], Found]] = {
    "nothing": lambda queries, reference, radius: Found(0, 0.0),
    "ours": _ours,
    "NumPy, all pairs": _blocked,
    "faiss IndexBinaryFlat": _faiss,
    "BK-tree (pybktree)": _bk_tree,
}


def draw(folder: Path, n: int) -> Path:
    """Pictures of 640 x 480 with large patches and grain, as JPEG files."""
    folder.mkdir()
    for number in range(n):
        rng = np.random.default_rng(number)
        patches = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        view = np.asarray(patches.resize((640, 480), Image.Resampling.BICUBIC)).astype(np.int16)
        grain = rng.integers(-8, 9, view.shape)
        picture = Image.fromarray(np.clip(view + grain, 0, 255).astype(np.uint8))
        picture.save(folder / f"{number}.jpg", quality=88)
    return folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--n-images", type=int, default=600)
    parser.add_argument("--hashes", type=int, default=100_000)
    parser.add_argument("--radius", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
