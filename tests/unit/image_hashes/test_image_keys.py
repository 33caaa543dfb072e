"""Images are hashed once for each content, under any name and in any run."""

from __future__ import annotations

import os
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from pytest_detgate.cache import digests
from pytest_detgate.cache.cache import Cache
from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.errors import DataError
from pytest_detgate.image_hashes import image_looks
from pytest_detgate.image_hashes.decoding import Decoded, decode
from pytest_detgate.image_hashes.difference_hash import difference_hash
from pytest_detgate.image_hashes.duplicates import find_copies
from pytest_detgate.image_hashes.image_keys import ImageKeys, keys_of
from pytest_detgate.image_hashes.image_looks import LOOK_KIND, compute_looks
from pytest_detgate.progress import NoProgress
from pytest_detgate.regular_file import read_regular
from tests.drawn import draw_pictures, drawn
from tests.processes import PATIENCE_S


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that were decoded so far."""
    contents: list[bytes] = []

    def counting(content: bytes, max_pixels: int) -> Decoded:
        contents.append(content)
        return decode(content, max_pixels)

    monkeypatch.setattr(image_looks, "decode", counting)
    return contents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one of them a copy, written a while ago."""
    folder = tmp_path / "frames"
    draw_pictures(folder, {"a.png": "yard", "b.png": "roof", "c.png": "yard"})
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def keys(folder: Path, *, hashed: bool = True) -> ImageKeys:
    dataset = read_folder(folder, "probe")
    cache = Cache(folder.parent / "kept" / "detections.sqlite")
    return keys_of(compute_looks(dataset, cache, NoProgress(), decoded=hashed), hashed=hashed)


def test_second_run_decodes_nothing(folder: Path, decoded: list[bytes]) -> None:
    first = keys(folder)
    assert len(decoded) == 2  # a and c are one content

    second = keys(folder)

    assert len(decoded) == 2
    assert first.hash is not None
    assert second.hash is not None
    assert first.hash.tolist() == second.hash.tolist()
    assert first.hash[0] == first.hash[2] == difference_hash((folder / "a.png").read_bytes())
    assert first.digest.tolist() == second.digest.tolist()


@pytest.mark.parametrize("room", [64 << 20, 0])
def test_a_file_is_read_once_if_there_is_room(
    folder: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Its digest is made of the bytes that are decoded; without room both read it."""
    again: list[Path] = []

    def noted(path: Path) -> bytes:
        again.append(path)
        return read_regular(path)

    monkeypatch.setattr(digests, "_KEPT_BYTES", room)
    monkeypatch.setattr(image_looks, "read_regular", noted)

    first = keys(folder)

    assert len(decoded) == 2
    assert len(again) == (0 if room else 2)
    assert first.hash is not None
    assert [difference_hash(path.read_bytes()) for path in sorted(folder.glob("*.png"))] == (
        first.hash.tolist()
    )


def test_only_new_content_is_decoded(folder: Path, decoded: list[bytes]) -> None:
    keys(folder)
    (folder / "b.png").rename(folder / "moved.png")
    drawn("gate").save(folder / "new.png")

    keys(folder)

    assert decoded[2:] == [(folder / "new.png").read_bytes()]


def test_changed_file_is_hashed_again(folder: Path) -> None:
    before = keys(folder)
    drawn("gate").save(folder / "a.png")

    after = keys(folder)

    assert before.hash is not None
    assert after.hash is not None
    assert after.hash[0] == difference_hash((folder / "a.png").read_bytes())
    assert (before.hash == after.hash).tolist() == [False, True, True]


def test_bytes_need_no_decoding(folder: Path, decoded: list[bytes]) -> None:
    (folder / "d.png").write_bytes(b"no picture")

    result = keys(folder, hashed=False)

    assert not decoded
    assert result.hash is None
    assert len(set(result.digest.tolist())) == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no picture", "not in an image format that Pillow reads"),
        (b"", "not in an image format that Pillow reads"),
        (None, "No such file or directory"),
    ],
)
def test_unreadable_picture_is_named(folder: Path, content: bytes | None, reason: str) -> None:
    dataset = read_folder(folder, "probe")
    if content is None:
        (folder / "b.png").unlink()
    else:
        (folder / "b.png").write_bytes(content)

    with pytest.raises(DataError) as caught:
        keys_of(
            compute_looks(dataset, Cache(folder.parent / "s.sqlite"), NoProgress(), decoded=True),
            hashed=True,
        )

    expected = f"1 of 3 images of probe cannot be read, first b.png: {reason}"
    assert str(caught.value) == expected


def test_damaged_entry_is_as_good_as_none(folder: Path, decoded: list[bytes]) -> None:
    import sqlite3

    expected = keys(folder).hash
    with sqlite3.connect(folder.parent / "kept" / "detections.sqlite") as connection:
        connection.execute("UPDATE hashes_1 SET hash = x'0000000000000000'")
    connection.close()

    result = keys(folder).hash

    assert len(decoded) == 4
    assert expected is not None
    assert result is not None
    assert result.tolist() == expected.tolist()


@pytest.mark.parametrize("value", [b"", b"1234567", b"12345678", b"1" * 500])
def test_entry_of_another_length_is_as_good_as_none(
    folder: Path, decoded: list[bytes], value: bytes
) -> None:
    expected = keys(folder).hash
    cache = Cache(folder.parent / "kept" / "detections.sqlite")
    digests = [key.hex() for key in keys(folder).digest.tolist()]
    cache.add_image_values(LOOK_KIND, [(digest, value) for digest in digests])

    result = keys(folder).hash

    assert len(decoded) == 4
    assert expected is not None
    assert result is not None
    assert result.tolist() == expected.tolist()


def test_one_process_hashes_at_a_time(folder: Path) -> None:
    """While another gate hashes, this one waits, to find what that one kept."""
    path = folder.parent / "kept" / "pictures.lock"
    path.parent.mkdir()
    lock = FileLock(path)
    with futures.ThreadPoolExecutor(1) as pool, lock:
        waiting = pool.submit(keys, folder)
        with pytest.raises(futures.TimeoutError):
            waiting.result(timeout=0.3)
        lock.release()

        assert len(waiting.result(timeout=PATIENCE_S)) == 3


def test_cache_that_cannot_be_used_costs_only_time(folder: Path) -> None:
    (folder.parent / "kept").write_text("a file where the folder should be")

    assert keys(folder).hash is not None


@pytest.mark.parametrize("seed", range(10))
def test_copies_are_those_of_a_slow_search(seed: int) -> None:
    """Random keys in which equal bytes have equal hashes, as real ones do."""
    rng = np.random.default_rng(seed)
    digests = np.array([bytes([n, *[0] * 31]) for n in range(30)], dtype="S32")
    hashes = np.uint64(1) << rng.integers(0, 64, 30).astype(np.uint64)
    tested, reference = (
        ImageKeys(digests[rows], hashes[rows])
        for rows in (rng.integers(0, 30, 12), rng.integers(0, 30, 20))
    )
    assert tested.hash is not None
    assert reference.hash is not None

    by_bytes = find_copies(tested, reference, None)
    by_hash = find_copies(tested, reference, 1)

    for row, (digest, value) in enumerate(zip(tested.digest, tested.hash.tolist(), strict=True)):
        same = [n for n, other in enumerate(reference.digest) if other == digest]
        near = [
            n for n, other in enumerate(reference.hash.tolist()) if (other ^ value).bit_count() <= 1
        ]
        assert by_bytes.exact[row] == by_hash.exact[row] == bool(same)
        assert by_bytes.count[row] == len(same)
        assert by_bytes.row[row] == (same[0] if same else -1)
        assert by_hash.count[row] == len(near)
        assert by_hash.row[row] == (same or near or [-1])[0]
