"""What is kept between runs, and what happens when it cannot be."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.sqlite_file import opened
from pytest_detgate.detections import ImageDetections


def detections(seed: int, n: int = 3) -> ImageDetections:
    pick = np.random.default_rng(seed)
    return ImageDetections(
        xyxy=pick.random((n, 4), np.float32),
        score=pick.random(n, np.float32),
        label=pick.integers(0, 80, n, np.int32),
    )


def assert_same(first: ImageDetections, other: ImageDetections) -> None:
    for name in ("xyxy", "score", "label"):
        np.testing.assert_array_equal(getattr(first, name), getattr(other, name))
        assert getattr(first, name).dtype == getattr(other, name).dtype


def cached_detections(
    cache: Cache, images: list[str], model: str = "m"
) -> dict[str, ImageDetections]:
    return {image: detection for image, _, detection in cache.detections(model, images)}


def test_what_is_cached_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "cache.sqlite"
    Cache(path).add_detections("m", "cuda:1", [("a", detections(1)), ("none", detections(2, 0))])
    cache = Cache(path)
    answers = {
        image: (device, detection)
        for image, device, detection in cache.detections("m", ["a", "none"])
    }
    assert answers["a"][0] == "cuda:1"
    assert_same(answers["a"][1], detections(1))
    result = cached_detections(cache, ["a", "none", "unknown"])
    assert set(result) == {"a", "none"}
    assert result["none"].xyxy.shape == (0, 4)
    assert cached_detections(cache, ["a"], model="another") == {}
    assert cache.notes == []


def test_later_detections_replace_earlier_ones(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "s.sqlite")
    cache.add_detections("m", "cpu", [("a", detections(1))])
    cache.add_detections("m", "cuda:0", [("a", detections(2))])
    ((_, device, result),) = cache.detections("m", ["a"])
    assert device == "cuda:0"
    assert_same(result, detections(2))


def test_more_images_than_fit_into_one_statement(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "s.sqlite")
    images = [f"{number:064x}" for number in range(2500)]
    cache.add_detections("m", "cpu", [(image, detections(5, 1)) for image in images])
    assert set(cached_detections(cache, images)) == set(images)
    assert cache.notes == []


@pytest.mark.parametrize("table", ["detections_2", "hashes_1", "files_2", "models_1"])
def test_use_is_noted_once_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    path = tmp_path / "s.sqlite"
    cache = Cache(path)
    now = time.time()
    for name in ("a", "b"):
        cache.add_detections("m", "cpu", [(name, detections(1))])
        cache.add_image_values("k", [(name, b"5")])
        cache.add_file_digests([(name, "signature", "sha")])
        cache.add_facts(name, b"facts")

    def last_used() -> list[int]:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return [row[0] for row in connection.execute(f"SELECT last_used FROM {table}")]

    def use_a() -> None:
        assert list(cache.detections("m", ["a"]))
        assert list(cache.image_values("k", ["a"]))
        assert list(cache.file_digests(["a"]))
        assert cache.facts("a")

    before = last_used()
    use_a()
    assert last_used() == before
    monkeypatch.setattr("time.time", lambda: now + 4000)
    use_a()
    assert sorted(last_used()) == [max(before), int(now + 4000)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE detections_2 SET data = substr(data, 1, 24)",
        "UPDATE detections_2 SET data = zeroblob(length(data))",
        "UPDATE detections_2 SET data = 'text'",
        "UPDATE detections_2 SET device = 'cuda:7'",
        "UPDATE detections_2 SET device = x'00ff'",
        "UPDATE detections_2 SET model = 5",
        "UPDATE detections_2 SET check_sum = 'text'",
        "UPDATE detections_2 SET image = 'b'",
        "UPDATE detections_2 SET check_sum = 1",
    ],
)
def test_a_damaged_entry_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "s.sqlite"
    Cache(path).add_detections("m", "cpu", [("a", detections(1))])
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    assert cached_detections(Cache(path), ["a", "b"]) == {}


def test_a_damaged_digest_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    cache = Cache(path)
    # Names and numbers that SQLite has no type for: bytes that are no text, an inode of 64 bits.
    odd = [("/\udcff.jpg", f"1 2 3 {2**64 - 1}", "a" * 64), ("/b.jpg", "1 2 3 4", "b" * 64)]
    cache.add_file_digests(odd)
    assert sorted(cache.file_digests([name for name, *_ in odd])) == sorted(odd)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE files_2 SET sha256 = replace(sha256, 'b', 'c')")
    assert list(cache.file_digests([name for name, *_ in odd])) == odd[:1]
    assert cache.notes == []


def test_damaged_facts_are_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    Cache(path).add_facts("r", b"facts")
    assert Cache(path).facts("r") == b"facts"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE models_1 SET facts = CAST('fakts' AS BLOB)")
    assert Cache(path).facts("r") is None


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_is_no_cache(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(content)
    cache = Cache(path)
    cache.add_detections("m", "cpu", [("a", detections(1))])
    assert cached_detections(cache, ["a"]) == {}
    assert cache.facts("r") is None
    (note,) = cache.notes
    assert str(path) in note
    assert "python -m pytest_detgate cache clear" in note
    assert path.read_bytes() == content  # whatever it is, it is not ours to delete


def test_no_place_for_a_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    cache = Cache(tmp_path / "file" / "s.sqlite")
    cache.add_detections("m", "cpu", [("a", detections(1))])
    cache.add_detections("m", "cpu", [("b", detections(1))])
    assert cached_detections(cache, ["a"]) == {}
    assert len(cache.notes) == 1


def test_a_cache_that_cannot_be_written_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    Cache(path).add_detections("m", "cpu", [("a", detections(1))])
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON detections_2 "
            "BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
    cache = Cache(path)
    cache.add_detections("m", "cpu", [("b", detections(1))])
    assert set(cached_detections(cache, ["a", "b"])) == {"a"}
    (note,) = cache.notes
    assert "could be cached" in note
    assert "disk is full" in note


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from pytest_detgate.detections import ImageDetections
from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.sqlite_file import opened

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
cache = Cache(Path(sys.argv[1]))
boxes = ImageDetections(
    np.ones((300, 4), np.float32), np.ones(300, np.float32), np.ones(300, np.int32))
for number in range(100):
    cache.add_detections("m", "cpu", [(str(number), boxes)])
print(len(cache.notes), len(list(cache.detections("m", map(str, range(100))))))
"""


def changes(path: Path) -> int:
    """How many transactions changed a file of SQLite, as its header counts them."""
    return int.from_bytes(path.read_bytes()[24:28], "big")


def test_all_tables_are_made_in_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with opened(path, create=True):
        pass
    assert changes(path) == 2  # the first makes the file, which can be emptied in steps
    with opened(path, create=True):
        pass
    assert changes(path) == 2


def test_a_table_or_an_index_that_is_missing_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with opened(path, create=True) as connection:
        connection.execute("DROP TABLE hashes_1")
        connection.execute("DROP INDEX files_2_by_use")
    Cache(path).add_image_values("k", [("a", b"5")])

    assert list(Cache(path).image_values("k", ["a"])) == [("a", b"5")]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    assert {"hashes_1", "files_2_by_use"} <= set(names)


def test_a_disk_that_fills_up(tmp_path: Path, run_python: Callable[..., str]) -> None:
    notes, result = run_python(FULL_DISK, tmp_path / "s.sqlite").split()
    assert notes == "1"
    assert 0 < int(result) < 100


WRITER = """
import sys
from pathlib import Path
import numpy as np
from pytest_detgate.detections import ImageDetections
from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.sqlite_file import opened

cache, name = Cache(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
for number in range(100_000):
    value = np.float32(number)
    boxes = ImageDetections(
        np.full((200, 4), value), np.full(200, value), np.full(200, number, np.int32))
    cache.add_detections("m", "cpu", [(f"{name}-{number}-{part}", boxes) for part in range(8)])
    print(number, flush=True)
"""


def test_a_kill_costs_at_most_the_last_batch(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    path = tmp_path / "s.sqlite"
    writers = [start_python(WRITER, path, name) for name in ("x", "y")]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        assert writer.stdout.readline() == "0\n"
    time.sleep(0.3)
    for name, writer in zip(("x", "y"), writers, strict=True):
        writer.kill()
        texts = [0, *map(int, writer.communicate()[0].split())]
        cache = Cache(path)
        images = [
            f"{name}-{number}-{part}" for number in range(len(texts) + 1) for part in range(8)
        ]
        result = cached_detections(cache, images)
        assert cache.notes == []
        assert set(result) >= {image for image in images if int(image.split("-")[1]) < len(texts)}
        for image, entry in result.items():
            assert (entry.score == int(image.split("-")[1])).all()
    Cache(path).add_detections("m", "cpu", [("after", detections(1))])
    assert_same(cached_detections(Cache(path), ["after"])["after"], detections(1))


def test_a_cache_deleted_in_between_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    cache = Cache(path)
    cache.add_detections("m", "cpu", [("a", detections(1))])
    path.unlink()
    assert cached_detections(cache, ["a"]) == {}
    cache.add_detections("m", "cpu", [("b", detections(1))])
    assert set(cached_detections(cache, ["a", "b"])) == {"b"}
    assert cache.notes == []
