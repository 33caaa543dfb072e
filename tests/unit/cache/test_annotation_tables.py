"""Kept tables are those of the file as it is now, or they are not used."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.cache.annotation_tables import CachedTables, drop_tables, list_tables
from pytest_detgate.cache.table_file import read_tables, write_tables
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.regular_file import _read_all as read_all

READ_ALL = "pytest_detgate.regular_file._read_all"

FILE: dict[str, Any] = {
    "images": [
        {"id": 1, "file_name": "ü.jpg", "width": 5, "clip": {"a": [1, 2.5]}},
        {"id": "b", "file_name": "line\nbreak\0.jpg", "height": 7, "clip": None},
    ],
    "categories": [{"id": 3, "name": "cone"}, {"id": "x", "name": "<b>"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 3.25},
        {"id": 2, "image_id": "b", "category_id": 9, "bbox": [1, 2, 3, 4], "iscrowd": 1},
    ],
}


class Reads:
    """A kept-tables folder, and how often the file itself was read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "train.json"
        self.tables = CachedTables(folder / "cache", min_bytes=0)
        self.count = 0

    def write(self, content: Any, *, settled: bool = True) -> None:
        self.path.write_text(json.dumps(content), encoding="utf-8")
        if settled:
            long_ago = self.path.stat().st_mtime - 60
            os.utime(self.path, (long_ago, long_ago))

    def read(self, fields: tuple[str, ...] = ()) -> Dataset:
        def read() -> Dataset:
            self.count += 1
            return read_coco(self.path, self.path.parent, "train", fields)

        return self.tables.read(self.path, fields, read)

    @property
    def entries(self) -> list[Path]:
        return sorted((self.path.parent / "cache" / "tables").glob("*.tables"))


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    reads = Reads(tmp_path)
    reads.write(FILE)
    return reads


def same(first: Dataset, second: Dataset) -> None:
    for table in ("images", "boxes"):
        for name in getattr(first, table).__slots__:
            single, other = (getattr(getattr(dataset, table), name) for dataset in (first, second))
            if isinstance(single, np.ndarray):
                assert single.dtype == other.dtype
                np.testing.assert_array_equal(single, other)
    assert {name: column.tolist() for name, column in first.images.fields.items()} == {
        name: column.tolist() for name, column in second.images.fields.items()
    }
    for name in ("classes", "category_id", "notes", "sha256"):
        assert getattr(first, name) == getattr(second, name)


def test_a_second_read_is_the_same_and_reads_nothing(reads: Reads) -> None:
    first, second = reads.read(("clip",)), reads.read(("clip",))

    assert reads.count == 1
    same(first, second)
    with pytest.raises(ValueError, match="read-only"):
        second.boxes.xywh[0, 0] = 5


def test_wanted_fields_are_part_of_the_key(reads: Reads) -> None:
    reads.read()
    assert reads.read(("clip",)).images.fields["clip"].tolist() == [{"a": [1, 2.5]}, None]
    assert reads.count == 2
    reads.read()
    reads.read(("clip",))
    assert reads.count == 2


@pytest.mark.parametrize("settled", [True, False])
def test_a_changed_file_is_read_again(reads: Reads, settled: bool) -> None:
    """Also one that was changed within the resolution of its time stamp, to the same size."""
    reads.write(FILE, settled=settled)
    reads.read()
    before = reads.path.stat()
    reads.write({**FILE, "annotations": FILE["annotations"][::-1]}, settled=False)
    if not settled:
        os.utime(reads.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reads.path.stat().st_size == before.st_size

    assert reads.read().boxes.id.tolist() == [2, 1]
    assert reads.count == 2


def test_the_same_content_elsewhere_is_not_read_again(reads: Reads, tmp_path: Path) -> None:
    """A fresh checkout has other time stamps and inodes."""
    digest = reads.read().sha256
    copy = tmp_path / "copy.json"
    copy.write_bytes(reads.path.read_bytes())
    reads.path = copy

    assert reads.read().sha256 == digest
    assert reads.count == 1


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _flip(position: float) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(position * (len(content) - 1))] ^= 1
        path.write_bytes(bytes(content))

    return flip


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="emptied"),
        pytest.param(lambda path: path.unlink(), id="gone"),
        pytest.param(lambda path: path.write_text("something else"), id="other file"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a folder"),
        pytest.param(_cut, id="cut off"),
        *(
            pytest.param(_flip(threshold), id=f"bit flipped at {threshold}")
            for threshold in (0, 0.01, 0.1, 0.3)
        ),
    ],
)
def test_a_damaged_entry_is_a_miss(reads: Reads, damage: Callable[[Path], None]) -> None:
    first = reads.read(("clip",))
    damage(reads.entries[0])

    second = reads.read(("clip",))

    assert reads.count == 2
    same(first, second)


def test_every_flipped_bit_of_a_column_is_noticed(reads: Reads, tmp_path: Path) -> None:
    dataset = reads.read()
    path = tmp_path / "x.tables"
    write_tables(dataset, path)
    whole = path.read_bytes()
    used = len(whole) - 64  # the last column is followed by nothing that matters
    for number in range(0, used, 7):
        path.write_bytes(whole[:number] + bytes([whole[number] ^ 1]) + whole[number + 1 :])
        read = read_tables(path)
        if read is not None:
            same(read, dataset)  # it was between columns


def test_classes_come_from_what_is_cached(reads: Reads) -> None:
    assert reads.tables.classes(reads.path) is None
    reads.read()
    assert reads.tables.classes(reads.path) == (("cone", "<b>"), (None, None))
    reads.write({**FILE, "categories": [{"id": 3, "name": "vest"}, {"id": "x", "name": "<b>"}]})
    assert reads.tables.classes(reads.path) is None


def test_an_unusable_folder_caches_nothing_and_harms_nothing(tmp_path: Path) -> None:
    """A folder that cannot be used keeps nothing and harms nothing."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    reads = Reads(tmp_path)
    reads.write(FILE)

    assert len(reads.read().images) == len(reads.read().images) == 2
    assert reads.count == 2


def test_ids_of_any_size_survive(reads: Reads) -> None:
    reads.write({**FILE, "images": [{"id": 2**70, "file_name": "a.jpg"}]})

    assert reads.read().images.id.tolist() == reads.read().images.id.tolist() == [2**70]
    assert reads.count == 1


def test_many_at_once_read_the_file_once(reads: Reads) -> None:
    collected: list[Dataset] = []
    threads = [threading.Thread(target=lambda: collected.append(reads.read())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert reads.count == 1
    assert [len(dataset.boxes) for dataset in collected] == [2] * 4


def test_beyond_their_size_those_used_least_lately_go(reads: Reads, tmp_path: Path) -> None:
    for count in range(3):
        reads.write({**FILE, "annotations": FILE["annotations"][:count]})
        reads.read()
    cache = tmp_path / "cache"
    for age, file in enumerate(list_tables(cache)):
        os.utime(file.path, (10**9 - age,) * 2)
    first, second, last = list_tables(cache)
    two = first.size + second.size

    drop_tables(cache, max_bytes=two, unused_since=0)
    assert list_tables(cache) == [first, second]
    drop_tables(cache, max_bytes=two - 1, unused_since=0)
    assert list_tables(cache) == [first]
    drop_tables(cache, max_bytes=two, unused_since=10**9 + 1)
    assert list_tables(cache) == []
    assert last.last_used == 10**9 - 2


def test_small_files_are_not_cached(tmp_path: Path) -> None:
    reads = Reads(tmp_path)
    reads.tables = CachedTables(tmp_path / "cache")
    reads.write(FILE)

    reads.read()

    assert not (tmp_path / "cache").exists()


def test_a_file_that_is_wrong_is_refused_every_time(reads: Reads) -> None:
    reads.path.write_text('{"images": [')

    for _ in range(2):
        with pytest.raises(Exception, match="cut off"):
            reads.read()
    assert reads.entries == []


def _changed(dataset: Dataset, table: str, **columns: Any) -> Dataset:
    changed = dataclasses.replace(getattr(dataset, table), **columns)
    return dataclasses.replace(dataset, **{table: changed})


EDITS: dict[str, Callable[[Dataset], Dataset]] = {
    "another image": lambda d: _changed(d, "boxes", image=np.array([1, 1])),
    "no such image": lambda d: _changed(d, "boxes", image=np.array([0, 2])),
    "another class": lambda d: _changed(d, "boxes", category=np.array([1, -1])),
    "a class for one that has none": lambda d: _changed(d, "boxes", category=np.array([0, 0])),
    "boxes as one row": lambda d: _changed(d, "boxes", xywh=d.boxes.xywh.reshape(-1)),
    "boxes of whole numbers": lambda d: _changed(d, "boxes", xywh=d.boxes.xywh.astype(int)),
    "an area too few": lambda d: _changed(d, "boxes", area=d.boxes.area[:1]),
    "crowd as numbers": lambda d: _changed(d, "boxes", crowd=d.boxes.crowd.astype(float)),
    "an image too few": lambda d: _changed(d, "images", file_name=d.images.file_name[:1]),
    "ids that are lists": lambda d: _changed(
        d, "images", id=np.array([[1], ["b"], None], dtype=object)[:2]
    ),
    "a name that is a number": lambda d: _changed(
        d, "images", file_name=np.array([5, "x"], dtype=object)
    ),
    "a file elsewhere": lambda d: _changed(
        d, "images", file_name=np.array(["../../secret.jpg", "x"], dtype=object)
    ),
    "width as text": lambda d: _changed(d, "images", width=np.array(["5", "6"], dtype=object)),
    "a class too few": lambda d: dataclasses.replace(d, classes=("cone",)),
    "without its notes": lambda d: dataclasses.replace(d, notes=()),
    "without its gaps": lambda d: dataclasses.replace(d, gaps=()),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edited_tables_are_a_miss(reads: Reads, edit: Callable[[Dataset], Dataset]) -> None:
    """Their check sums are right, but no annotation file has such tables."""
    first = reads.read()
    (entry,) = reads.entries
    assert first.notes
    write_tables(edit(first), entry)

    second = reads.read()

    assert reads.count == 2
    same(first, second)


def test_tables_of_another_file_are_a_miss(reads: Reads, tmp_path: Path) -> None:
    first = reads.read()
    (entry,) = reads.entries
    other = Reads(tmp_path / "other")
    other.path.parent.mkdir()
    other.write({**FILE, "annotations": []})
    other.read()
    shutil.copy(other.entries[0], entry)

    same(reads.read(), first)
    assert reads.count == 2


class Changing:
    """Reads files as ever, but each is overwritten in its place while it is read, so many times."""

    def __init__(self, path: Path, times: int, content: bytes) -> None:
        self.path = path
        self.times = times
        self.content = content

    def __call__(self, descriptor: int, size: int) -> bytes:
        if not self.times:
            return read_all(descriptor, size)
        self.times -= 1
        half = os.read(descriptor, 20)
        with self.path.open("r+b") as other:
            other.write(self.content)
            other.truncate()
        time.sleep(0.02)  # longer than the system's clock takes to tick
        return half + read_all(descriptor, size)


def test_an_annotation_file_that_changes_while_it_is_read(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read, and what its digest is of, is the file as it is afterwards."""
    content = json.dumps({**FILE, "annotations": FILE["annotations"][:1]}).encode()
    monkeypatch.setattr(READ_ALL, Changing(reads.path, 1, content))

    dataset = reads.read()

    assert dataset.boxes.id.tolist() == [1]
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()


def test_an_annotation_file_that_changes_all_the_time(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(READ_ALL, Changing(reads.path, 9, b"{}" * 200))

    with pytest.raises(
        DataError, match=r"train\.json: cannot be read: it changes while it is read"
    ):
        reads.read()


def test_a_result_file_that_changes_while_it_is_read(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads.write({**FILE, "annotations": FILE["annotations"][:1]})
    dataset = reads.read()
    row = {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}
    path = reads.path.with_name("found.json")
    path.write_text(json.dumps([row] * 9))
    content = json.dumps([row] * 2).encode()
    monkeypatch.setattr(READ_ALL, Changing(path, 1, content))

    table = read_results(path, dataset)

    assert len(table) == 2
    assert table.sha256 == hashlib.sha256(content).hexdigest()
