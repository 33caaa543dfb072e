"""What is kept survives kills, full disks and damage: never a wrong or a partial answer."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.eviction import drop_all, evict, read_database
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from tests.detector.reader import ReadingGate, answer, is_answer

# Killed while others go on.

FOUR_PROCESSES = """
import itertools, os, random, signal, sys, time, traceback
from pathlib import Path
from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.eviction import evict
from tests.detector.reader import answer, is_answer

path, kills = Path(sys.argv[1]), int(sys.argv[2])
names = [f"image {number}" for number in range(1000)]
pick = random.Random(20)


def work(seed, written):
    own = random.Random(seed)
    for turn in itertools.count():
        model = own.choice(["one", "other"])
        images = own.sample(names, 150)
        cache = Cache(path)
        found = {image: one for image, _, one in cache.detections(model, images)}
        for image, one in found.items():
            assert is_answer(one, f"{model} {image}".encode()), f"wrong: {model} {image}"
        for image, value in cache.image_values("dct", images):
            assert value == b"%d" % int(image.split()[1]) ** 7, f"wrong hash: {image}"
        missing = [image for image in images if image not in found]
        new = [(one, answer(f"{model} {one}".encode())) for one in missing]
        cache.add_detections(model, "cpu", new)
        cache.add_image_values(
            "dct", [(image, b"%d" % int(image.split()[1]) ** 7) for image in images])
        assert cache.notes == [], cache.notes
        if turn == 0:
            os.write(written, b".")
        if own.random() < 0.5:
            evict(path, max_bytes=1_500_000, unused_since=0)


def start(seed):
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        # On however slow a machine, it is killed at work and not on its way there.
        assert os.read(reading, 1), "a worker had ended by itself"
        os.close(reading)
        return child
    try:
        work(seed, writing)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


workers = [start(seed) for seed in range(4)]
for number in range(kills):
    time.sleep(pick.uniform(0.0, 0.15))
    at = pick.randrange(4)
    os.kill(workers[at], signal.SIGKILL)
    ended = os.waitpid(workers[at], 0)[1]
    assert os.WIFSIGNALED(ended), "a worker had ended by itself"
    workers[at] = start(100 + number)
for worker in workers:
    os.kill(worker, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(worker, 0)[1]), "a worker had ended by itself"
"""


def test_fifty_kills_while_four_processes_share_a_cache(
    tmp_path: Path, run_python: Callable[..., str]
) -> None:
    path = tmp_path / CACHE_FILE
    run_python(FOUR_PROCESSES, path, 50)

    cache = Cache(path)
    names = [f"image {number}" for number in range(1000)]
    n_found = 0
    for model in ("one", "other"):
        for image, device, detection in cache.detections(model, names):
            assert device == "cpu"
            assert is_answer(detection, f"{model} {image}".encode())
            n_found += 1
    assert n_found > 50
    assert n_found == sum(model.images for model in read_database(path).models)  # none damaged
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    cache.add_detections("one", "cpu", [("after", answer(b"after"))])
    ((_, _, detection),) = cache.detections("one", ["after"])
    assert is_answer(detection, b"after")
    evict(path, max_bytes=1_500_000, unused_since=0)
    assert path.stat().st_size <= 1_500_000
    assert cache.notes == []


# A full disk.

GATE = """
import json, resource, signal, sys
from pathlib import Path
from tests.detector.reader import ReadingGate

folder, cache, count, limit = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
images = sorted(folder.glob("*.jpg"))[:count]
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
run = ReadingGate(folder, cache).checked(images)
print(json.dumps([run.cached, run.inferred, run.notes]))
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            yield disk
            subprocess.run(["umount", str(disk)], check=True)
            return
    pytest.skip("this user may not mount a file system")


def fill(disk: Path) -> Path:
    """Leave no room at all on a disk."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


@pytest.fixture
def gate(
    tmp_path: Path, run_python: Callable[..., str]
) -> Callable[..., tuple[int, int, list[str]]]:
    """A function that runs a gate in a process of its own: images kept, inferred, and notes."""
    for number in range(150):
        (tmp_path / f"{number:04d}.jpg").write_bytes(b"%d" % number)

    def run(cache_dir: Path, count: int, *, limit: int = 0) -> tuple[int, int, list[str]]:
        remaining, inferred, notes = json.loads(run_python(GATE, tmp_path, cache_dir, count, limit))
        return remaining, inferred, notes

    return run


def test_a_disk_without_room(
    gate: Callable[..., tuple[int, int, list[str]]], small_disk: Path
) -> None:
    cache = small_disk / "cache"
    assert gate(cache, 50) == (0, 50, [])
    filler = fill(small_disk)

    remaining, inferred, notes = gate(cache, 150)

    assert (remaining, inferred) == (50, 100)
    (note,) = notes
    assert "not everything could be cached" in note
    assert "full" in note
    filler.unlink()
    remaining, inferred, notes = gate(cache, 80)
    assert remaining >= 50
    assert (remaining + inferred, notes) == (80, [])
    assert gate(cache, 80) == (80, 0, [])


def test_a_disk_without_room_from_the_start(
    gate: Callable[..., tuple[int, int, list[str]]], small_disk: Path
) -> None:
    cache = small_disk / "cache"
    filler = fill(small_disk)
    for _ in range(2):
        remaining, inferred, notes = gate(cache, 50)
        assert (remaining, inferred, len(notes)) == (0, 50, 1)
    filler.unlink()
    assert gate(cache, 50) == (0, 50, [])
    assert gate(cache, 50) == (50, 0, [])


def test_room_that_comes_back_is_used_by_the_same_run(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(small_disk / CACHE_FILE)
    cache.add_detections("m", "cpu", [("a", answer(b"a"))])
    filler = fill(small_disk)
    many = [(str(number), answer(b"%d" % number)) for number in range(50)]
    cache.add_detections("m", "cpu", many)
    filler.unlink()
    cache.add_detections("m", "cpu", many)  # too soon after the failure
    assert [image for image, *_ in cache.detections("m", ["a", *map(str, range(50))])] == ["a"]
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + 61)

    cache.add_detections("m", "cpu", many)

    assert len(list(cache.detections("m", map(str, range(50))))) == 50
    assert len(cache.notes) == 1


def test_a_file_that_may_not_grow(
    gate: Callable[..., tuple[int, int, list[str]]], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert gate(cache, 50) == (0, 50, [])
    limit = (cache / CACHE_FILE).stat().st_size + 50_000

    remaining, inferred, notes = gate(cache, 150, limit=limit)

    assert (remaining, inferred, len(notes)) == (50, 100, 1)
    remaining, inferred, notes = gate(cache, 150)
    assert remaining >= 50
    assert (remaining + inferred, notes) == (150, [])
    assert gate(cache, 150) == (150, 0, [])


# Damage.


def damaged(content: bytes, positions: int, pick: random.Random) -> bytes:
    """A file's content, overwritten with random bytes at random places."""
    changed = bytearray(content)
    for _ in range(positions):
        length = pick.randrange(1, 9)
        index = pick.randrange(len(changed) - length)
        changed[index : index + length] = pick.randbytes(length)
    return bytes(changed)


@pytest.mark.parametrize("positions", [1, 50])
def test_random_bytes_in_the_file(tmp_path: Path, positions: int) -> None:
    path = tmp_path / CACHE_FILE
    names = [f"image {number}" for number in range(200)]
    whole = Cache(path)
    whole.add_detections("m", "cpu", [(name, answer(name.encode())) for name in names])
    whole.add_image_values("dct", [(name, name.encode() * 9) for name in names])
    whole.add_file_digests([(name, f"of {name}", name * 2) for name in names])
    whole.add_facts("r", b"facts" * 1000)
    content = path.read_bytes()
    pick = random.Random(positions)
    n_answered = n_spoilt = 0
    for _ in range(50):
        path.write_bytes(damaged(content, positions, pick))
        for start in range(0, 200, 10):  # ten at once: a failure then costs those alone
            for image, device, match in Cache(path).detections("m", names[start : start + 10]):
                assert device == "cpu"
                assert is_answer(match, image.encode())
                n_answered += 1
        cache = Cache(path)
        for image, value in cache.image_values("dct", names):
            assert value == image.encode() * 9
        for name, signature, sha256 in cache.file_digests(names):
            assert (signature, sha256) == (f"of {name}", name * 2)
        assert cache.facts("r") in (None, b"facts" * 1000)
        cache.add_detections("m", "cpu", [("new", answer(b"new"))])
        for _, _, match in cache.detections("m", ["new"]):
            assert is_answer(match, b"new")
        n_spoilt += bool(cache.notes)
        with contextlib.suppress(sqlite3.DatabaseError):
            evict(path, max_bytes=len(content) / 2, unused_since=0)
        drop_all(path)
        fresh = Cache(path)
        fresh.add_detections("m", "cpu", [("again", answer(b"again"))])
        assert [image for image, *_ in fresh.detections("m", ["again"])] == ["again"]
        assert fresh.notes == []
    assert n_answered > 1000  # not for want of answers
    assert n_spoilt or positions == 1


def test_a_damaged_cache_costs_work_and_nothing_else(tmp_path: Path) -> None:
    images = [tmp_path / f"{number}.jpg" for number in range(40)]
    for image in images:
        image.write_bytes(image.name.encode())
    ReadingGate(tmp_path).checked(images)
    path = tmp_path / "cache" / CACHE_FILE
    content = path.read_bytes()
    pick = random.Random(0)
    for _ in range(20):
        path.write_bytes(damaged(content, 50, pick))
        run = ReadingGate(tmp_path).checked(images)
        assert len(run.notes) <= 1
