"""What lies in a store, and how it is kept within its bound."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pytest_detgate.detector.protocol import ImageDetections
from pytest_detgate.detector.store import STORE_FILE, Store
from pytest_detgate.detector.store_upkeep import clear, contents, prune, size_of
from pytest_detgate.errors import DetectorError

DAY = 86_400
BOXES = 200  # of 24 bytes each


def found(seed: int, boxes: int = BOXES) -> ImageDetections:
    """Detections whose every number follows from the seed."""
    return ImageDetections(
        xyxy=np.full((boxes, 4), seed, dtype=np.float32),
        score=np.full(boxes, seed % 97 / 97, dtype=np.float32),
        label=np.full(boxes, seed % 7, dtype=np.int32),
    )


def fill(path: Path, model: str, images: range, *, days_ago: float = 0) -> Store:
    """Keep detections that were last used some days ago."""
    store = Store(path)
    store.keep(model, "cpu", ((str(image), found(image)) for image in images))
    if days_ago:
        used = int(time.time() - days_ago * DAY)
        with sqlite3.connect(path) as connection:
            connection.execute(
                "UPDATE detections_1 SET last_used = ? WHERE model = ?", [used, model]
            )
        connection.close()
    return store


def kept(store: Store, model: str, images: range) -> list[int]:
    """Which of the images still have detections."""
    return sorted(int(image) for image, _, _ in store.detections(model, map(str, images)))


def test_what_was_used_least_lately_goes_first(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    fill(path, "old", range(500), days_ago=20)
    fill(path, "middle", range(500), days_ago=10)
    store = fill(path, "new", range(500))
    size = size_of(path)
    assert size > 1500 * BOXES * 24

    freed = prune(path, size // 2, keep_days=100)

    assert size_of(path) == size - freed <= size // 2
    assert kept(store, "old", range(500)) == []
    assert len(kept(store, "middle", range(500))) < 500
    assert kept(store, "new", range(500)) == list(range(500))


def test_what_was_not_used_for_long_goes_however_small_the_store(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    fill(path, "old", range(3), days_ago=61)
    store = fill(path, "new", range(3), days_ago=59)

    prune(path, 1 << 40, keep_days=60)

    assert kept(store, "old", range(3)) == []
    assert kept(store, "new", range(3)) == [0, 1, 2]


def test_a_store_within_its_bound_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    store = fill(path, "model", range(20))

    assert prune(path, 1 << 40, keep_days=60) == 0
    assert len(kept(store, "model", range(20))) == 20


def test_a_store_of_an_earlier_release_shrinks_too(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    fill(path, "model", range(500))
    before = size_of(path)

    clear(path)

    assert size_of(path) < before / 10


def test_contents_name_the_models(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    store = fill(path, "key-1", range(4))
    fill(path, "key-2", range(7), days_ago=3)
    info = {"key": "key-1", "checkpoint": "work_dirs/epoch_3.pth", "epoch": 3}
    store.keep_facts("request", msgspec.json.encode({"info": info}))
    store.keep_facts("other", b"not JSON")
    store.keep_picture_hashes("dhash", [("a", 1), ("b", 2)])
    store.keep_file_digests([("a.jpg", (1, 2, 3), "digest")])

    held = contents(path)

    assert [(model.key, model.checkpoint, model.epoch, model.images) for model in held.models] == [
        ("key-1", "work_dirs/epoch_3.pth", 3, 4),
        ("key-2", None, None, 7),
    ]
    assert [model.bytes for model in held.models] == [4 * BOXES * 24, 7 * BOXES * 24]
    assert (held.hashes, held.digests) == (2, 1)
    assert held.bytes == size_of(path)


def test_clearing_one_model_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    fill(path, "key-1", range(4))
    store = fill(path, "key-2", range(7))

    clear(path, model="key-1")

    assert kept(store, "key-1", range(4)) == []
    assert len(kept(store, "key-2", range(7))) == 7
    with pytest.raises(DetectorError, match=r"no kept model whose key begins with.*'key-3'"):
        clear(path, model="key-3")


def test_an_absent_store_is_empty_and_a_damaged_one_says_so(tmp_path: Path) -> None:
    assert contents(tmp_path / STORE_FILE).models == ()
    assert prune(tmp_path / STORE_FILE, 1, keep_days=1) == 0
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database at all" * 1000)

    with pytest.raises(DetectorError, match=r"broken\.sqlite: cannot be used"):
        contents(broken)


WORKER = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from pytest_detgate.detector.store import Store
from pytest_detgate.detector.store_upkeep import prune
from tests.detector.test_store_upkeep import found, is_right

chance, path = random.Random(int(sys.argv[2])), Path(sys.argv[1])
told = False
while True:
    store = Store(path)
    images = chance.sample(range(2000), 40)
    held = {int(image): answer for image, _, answer in store.detections("m", map(str, images))}
    if not all(is_right(image, answer) for image, answer in held.items()):
        print("WRONG", flush=True)
        told = True
    missing = [image for image in images if image not in held]
    store.keep("m", "cpu", [(str(image), found(image)) for image in missing])
    if not told:
        print("running", flush=True)
        told = True
    if chance.random() < 0.05:
        prune(path, 2_000_000, 60)
"""


def is_right(image: int, answer: ImageDetections) -> bool:
    """Whether detections are whole and those of the image."""
    expected = found(image)
    return all(
        np.array_equal(getattr(answer, part), getattr(expected, part))
        for part in ("xyxy", "score", "label")
    )


def test_four_processes_killed_fifty_times_leave_nothing_wrong(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    chance = random.Random(7)
    root = Path(__file__).resolve().parents[2]
    said: list[str] = []

    def start(seed: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, str(path), str(seed), str(root)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said.append(process.stdout.readline())  # it has kept something
        return process

    def kill(process: subprocess.Popen[str]) -> None:
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        said.extend(rest.splitlines())

    running = [start(seed) for seed in range(4)]
    for number in range(50):
        time.sleep(chance.uniform(0.0, 0.1))
        at = chance.randrange(4)
        kill(running[at])
        running[at] = start(100 + number)
    for process in running:
        kill(process)

    assert set(said) == {"running\n"}
    store = Store(path)
    answers = list(store.detections("m", map(str, range(2000))))
    assert len(answers) > 100
    assert all(is_right(int(image), answer) for image, _, answer in answers)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    store.keep("m", "cpu", [("after", found(1))])
    assert store.notes == []
    assert [image for image, _, _ in store.detections("m", ["after"])] == ["after"]
