"""The store stays within its size, and what was used least lately goes first."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.cache.eviction import (
    KeptModel,
    drop_all,
    drop_models,
    evict,
    store_contents,
)
from pytest_detgate.cache.store import Store
from pytest_detgate.detections import ImageDetections

BOXES = 40
FOUND = ImageDetections(
    np.ones((BOXES, 4), np.float32), np.ones(BOXES, np.float32), np.ones(BOXES, np.int32)
)
HOUR = 3600
NEVER = float("inf")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that sets the clock."""

    def set_clock(now: float) -> None:
        monkeypatch.setattr("time.time", lambda: now)

    return set_clock


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.sqlite")


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:063x}" for number in range(count)]


def keep(store: Store, images: list[str], model: str = "m") -> None:
    store.keep(model, "cpu", [(image, FOUND) for image in images])


def kept(store: Store, images: list[str], model: str = "m") -> set[str]:
    found = {image for image, *_ in store.detections(model, images)}
    assert store.notes == []
    return found


def test_what_was_used_least_lately_goes_first(store: Store, at: Callable[[float], None]) -> None:
    old, used, new = names("a", 1000), names("b", 1000), names("c", 1000)
    at(10 * HOUR)
    keep(store, used)
    at(20 * HOUR)
    keep(store, old)
    at(30 * HOUR)
    assert kept(store, used) == set(used)  # an hour and more later: it is in use
    keep(store, new)
    size = store.path.stat().st_size

    evict(store.path, max_bytes=0.8 * size, unused_since=0)

    assert kept(store, used + new) == {*used, *new}
    # Down to nine tenths of what is allowed, 0.72 of 3,000 images, and no further than it takes.
    assert len(kept(store, old)) == pytest.approx(160, abs=60)
    assert 0.70 * size < store.path.stat().st_size <= 0.72 * size


def test_within_its_limits_nothing_goes(store: Store, at: Callable[[float], None]) -> None:
    at(10 * HOUR)
    images = names("a", 100)
    keep(store, images)
    before = store.path.read_bytes()

    evict(store.path, max_bytes=len(before), unused_since=10 * HOUR)

    assert store.path.read_bytes() == before


def test_age_counts_from_the_last_use(store: Store, at: Callable[[float], None]) -> None:
    at(10 * HOUR)
    keep(store, ["a", "b"])
    for name in ("a", "b"):
        store.keep_picture_hashes("k", [(name, 7)])
        store.keep_file_digests([(name, "signature", "sha")])
        store.keep_facts(name, b"facts")
    at(20 * HOUR)
    assert kept(store, ["b"]) == {"b"}
    assert list(store.picture_hashes("k", ["b"])) == [("b", 7)]
    assert list(store.file_digests(["b"]))
    assert store.facts("b")

    evict(store.path, max_bytes=NEVER, unused_since=15 * HOUR)

    contents = store_contents(store.path)
    assert contents.models == (KeptModel("m", 1, BOXES * 24, 20 * HOUR),)
    assert (contents.hashes, contents.digests, contents.facts) == (1, 1, (b"facts",))
    assert kept(store, ["a", "b"]) == {"b"}
    assert store.facts("a") is None


def test_a_limit_smaller_than_an_empty_file(store: Store) -> None:
    keep(store, names("a", 50))
    evict(store.path, max_bytes=1, unused_since=0)
    assert store_contents(store.path).rows == 0


def test_the_file_shrinks_when_all_is_dropped(store: Store) -> None:
    keep(store, names("a", 2000))
    store.keep_facts("r", b"facts")
    full = store.path.stat().st_size

    drop_all(store.path)

    assert store.path.stat().st_size < full / 20
    assert store_contents(store.path).rows == 0
    keep(store, ["again"])
    assert kept(store, ["again"]) == {"again"}


def test_one_model_s_detections_are_dropped(store: Store) -> None:
    images = names("a", 700)  # more than go at once
    keep(store, images, "one")
    keep(store, images, "other")

    drop_models(store.path, ["one"])

    assert kept(store, images, "one") == set()
    assert kept(store, images, "other") == set(images)


def test_tables_of_another_version_go_and_the_file_shrinks(tmp_path: Path) -> None:
    """Tables of another version go and the file learns to shrink."""
    path = tmp_path / "store.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE detections_0 (data BLOB)")
        connection.execute("INSERT INTO detections_0 VALUES (zeroblob(1000000))")
    store = Store(path)
    keep(store, ["a"])

    evict(path, max_bytes=NEVER, unused_since=0)

    assert path.stat().st_size < 200_000
    assert kept(store, ["a"]) == {"a"}


def test_marks_of_use_that_are_damaged(store: Store) -> None:
    """Whatever they hold, the row can be dropped and the rest stays."""
    images = names("a", 6)
    keep(store, images)
    with contextlib.closing(sqlite3.connect(store.path)) as connection, connection:
        for image, value in zip(images, ("'text'", "x'00'", "1.5", "-1", f"{2**62}"), strict=False):
            connection.execute(
                f"UPDATE detections_2 SET last_used = {value} WHERE image = ?", [image]
            )

    evict(store.path, max_bytes=NEVER, unused_since=HOUR)
    assert kept(store, images) == {*images[:2], *images[4:]}
    evict(store.path, max_bytes=1, unused_since=0)
    assert store_contents(store.path).rows == 0


def test_a_damaged_store_is_deleted_when_all_is_to_go(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(sqlite3.DatabaseError):
        evict(path, max_bytes=0, unused_since=0)
    assert path.exists()

    drop_all(path)

    assert not path.exists()


def test_where_there_is_no_store_there_is_none_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "none" / "store.sqlite"
    evict(path, max_bytes=0, unused_since=0)
    drop_all(path)
    assert store_contents(path).rows == 0
    assert not path.parent.exists()
