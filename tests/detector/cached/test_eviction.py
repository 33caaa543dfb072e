"""The cache stays within its size, and what was used least lately goes first."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.eviction import (
    CachedModel,
    drop_all,
    drop_models,
    evict,
    read_database,
)
from pytest_detgate.detections import ImageDetections

BOXES = 40
DETECTIONS = ImageDetections(
    np.ones((BOXES, 4), np.float32), np.ones(BOXES, np.float32), np.ones(BOXES, np.int32)
)
HOUR = 3600
NEVER = float("inf")


@pytest.fixture
def set_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that sets the clock."""

    def set_clock(now: float) -> None:
        monkeypatch.setattr("time.time", lambda: now)

    return set_clock


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache.sqlite")


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:063x}" for number in range(count)]


def keep(cache: Cache, images: list[str], model: str = "m") -> None:
    cache.add_detections(model, "cpu", [(image, DETECTIONS) for image in images])


def cached_names(cache: Cache, images: list[str], model: str = "m") -> set[str]:
    listed = {image for image, *_ in cache.detections(model, images)}
    assert cache.notes == []
    return listed


def test_what_was_used_least_lately_goes_first(
    cache: Cache, set_time: Callable[[float], None]
) -> None:
    old, used, new = names("a", 1000), names("b", 1000), names("c", 1000)
    set_time(10 * HOUR)
    keep(cache, used)
    set_time(20 * HOUR)
    keep(cache, old)
    set_time(30 * HOUR)
    assert cached_names(cache, used) == set(used)  # an hour and more later: it is in use
    keep(cache, new)
    size = cache.path.stat().st_size

    evict(cache.path, max_bytes=0.8 * size, unused_since=0)

    assert cached_names(cache, used + new) == {*used, *new}
    # Down to nine tenths of what is allowed, 0.72 of 3,000 images, and no further than it takes.
    assert len(cached_names(cache, old)) == pytest.approx(160, abs=60)
    assert 0.70 * size < cache.path.stat().st_size <= 0.72 * size


def test_within_its_limits_nothing_goes(cache: Cache, set_time: Callable[[float], None]) -> None:
    set_time(10 * HOUR)
    images = names("a", 100)
    keep(cache, images)
    before = cache.path.read_bytes()

    evict(cache.path, max_bytes=len(before), unused_since=10 * HOUR)

    assert cache.path.read_bytes() == before


def test_age_counts_from_the_last_use(cache: Cache, set_time: Callable[[float], None]) -> None:
    set_time(10 * HOUR)
    keep(cache, ["a", "b"])
    for name in ("a", "b"):
        cache.add_image_values("k", [(name, b"7")])
        cache.add_file_digests([(name, "signature", "sha")])
        cache.add_facts(name, b"facts")
    set_time(20 * HOUR)
    assert cached_names(cache, ["b"]) == {"b"}
    assert list(cache.image_values("k", ["b"])) == [("b", b"7")]
    assert list(cache.file_digests(["b"]))
    assert cache.facts("b")

    evict(cache.path, max_bytes=NEVER, unused_since=15 * HOUR)

    contents = read_database(cache.path)
    assert contents.models == (CachedModel("m", 1, BOXES * 24, 20 * HOUR),)
    assert (contents.hashes, contents.digests, contents.facts) == (1, 1, (b"facts",))
    assert cached_names(cache, ["a", "b"]) == {"b"}
    assert cache.facts("a") is None


def test_a_limit_smaller_than_an_empty_file(cache: Cache) -> None:
    keep(cache, names("a", 50))
    evict(cache.path, max_bytes=1, unused_since=0)
    assert read_database(cache.path).rows == 0


def test_the_file_shrinks_when_all_is_dropped(cache: Cache) -> None:
    keep(cache, names("a", 2000))
    cache.add_facts("r", b"facts")
    full = cache.path.stat().st_size

    drop_all(cache.path)

    assert cache.path.stat().st_size < full / 20
    assert read_database(cache.path).rows == 0
    keep(cache, ["again"])
    assert cached_names(cache, ["again"]) == {"again"}


def test_one_model_s_detections_are_dropped(cache: Cache) -> None:
    images = names("a", 700)  # more than go at once
    keep(cache, images, "one")
    keep(cache, images, "other")

    drop_models(cache.path, ["one"])

    assert cached_names(cache, images, "one") == set()
    assert cached_names(cache, images, "other") == set(images)


def test_tables_of_another_version_go_and_the_file_shrinks(tmp_path: Path) -> None:
    """Tables of another version go and the file learns to shrink."""
    path = tmp_path / "cache.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE detections_0 (data BLOB)")
        connection.execute("INSERT INTO detections_0 VALUES (zeroblob(1000000))")
    cache = Cache(path)
    keep(cache, ["a"])

    evict(path, max_bytes=NEVER, unused_since=0)

    assert path.stat().st_size < 200_000
    assert cached_names(cache, ["a"]) == {"a"}


def test_marks_of_use_that_are_damaged(cache: Cache) -> None:
    """With any such value the row can be dropped, and the rest stays."""
    images = names("a", 6)
    keep(cache, images)
    with contextlib.closing(sqlite3.connect(cache.path)) as connection, connection:
        for image, value in zip(images, ("'text'", "x'00'", "1.5", "-1", f"{2**62}"), strict=False):
            connection.execute(
                f"UPDATE detections_2 SET last_used = {value} WHERE image = ?", [image]
            )

    evict(cache.path, max_bytes=NEVER, unused_since=HOUR)
    assert cached_names(cache, images) == {*images[:2], *images[4:]}
    evict(cache.path, max_bytes=1, unused_since=0)
    assert read_database(cache.path).rows == 0


def test_a_damaged_cache_is_deleted_when_all_is_to_go(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(sqlite3.DatabaseError):
        evict(path, max_bytes=0, unused_since=0)
    assert path.exists()

    drop_all(path)

    assert not path.exists()


def test_where_there_is_no_cache_there_is_none_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "none" / "cache.sqlite"
    evict(path, max_bytes=0, unused_since=0)
    drop_all(path)
    assert read_database(path).rows == 0
    assert not path.parent.exists()
