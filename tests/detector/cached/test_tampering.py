"""Cached entries that somebody has edited are no answer, also where their check sums are right."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pytest_detgate.cache.cache import Cache, _check_sum, _packed
from pytest_detgate.cache.digests import Signature, file_digests
from pytest_detgate.cache.sqlite_file import CACHE_FILE, DETECTIONS, FILES, MODELS
from pytest_detgate.detections import ImageDetections, ModelInfo
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.cached.model_facts import add_info, load_info
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from tests.detector.reader import ReadingDetector, ReadingGate


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Three files that a `ReadingGate` has looked at."""
    paths = [tmp_path / f"{name}.jpg" for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode())
    assert ReadingGate(tmp_path).checked(paths).inferred == 3
    assert ReadingGate(tmp_path).checked(paths).cached == 3
    return paths


@contextlib.contextmanager
def opened(folder: Path) -> Any:
    """The cache's file as anybody with SQLite sees it."""
    path = folder / "cache" / CACHE_FILE
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def edit(folder: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the detections on every image, and put their check sums right."""
    with opened(folder) as connection:
        rows = connection.execute(f"SELECT model, image, device, data FROM {DETECTIONS}").fetchall()
        for model, image, device, data in rows:
            new = change(data)
            connection.execute(
                f"UPDATE {DETECTIONS} SET data = ?, check_sum = ? WHERE image = ?",
                (new, _check_sum(new, model, image, device), image),
            )


def one_box(**changes: Any) -> Callable[[bytes], bytes]:
    """A function that puts one box in the place of others."""
    box: dict[str, Any] = {"xyxy": [[1, 2, 3, 4]], "score": [0.5], "label": [0], **changes}
    detections = ImageDetections(
        np.array(box["xyxy"], np.float32),
        np.array(box["score"], np.float32),
        np.array(box["label"], np.int32),
    )
    return lambda data: _packed(detections)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(one_box(score=[1.5]), id="score over 1"),
        pytest.param(one_box(score=[-0.5]), id="score under 0"),
        pytest.param(one_box(score=[np.nan]), id="score NaN"),
        pytest.param(one_box(xyxy=[[1, 2, np.inf, 4]]), id="box infinite"),
        pytest.param(one_box(xyxy=[[1, np.nan, 3, 4]]), id="box NaN"),
        pytest.param(one_box(label=[80]), id="no such class"),
        pytest.param(one_box(label=[-1]), id="negative class"),
        pytest.param(lambda data: data + b"\0" * 8, id="bytes left over"),
        pytest.param(lambda data: b"\xff" * 24, id="no numbers"),
    ],
)
def test_detections_that_no_detector_may_return(
    tmp_path: Path, images: list[Path], change: Callable[[bytes], bytes]
) -> None:
    edit(tmp_path, change)

    run = ReadingGate(tmp_path).checked(images)

    assert (run.cached, run.inferred) == (0, 3)
    assert ReadingGate(tmp_path).checked(images).cached == 3  # written again


def test_an_edit_without_its_check_sum(tmp_path: Path, images: list[Path]) -> None:
    with opened(tmp_path) as connection:
        connection.execute(f"UPDATE {DETECTIONS} SET data = x''")

    assert ReadingGate(tmp_path).checked(images).inferred == 3


def test_detections_of_two_images_that_are_swapped(tmp_path: Path, images: list[Path]) -> None:
    columns = "device, check_sum, data"
    with opened(tmp_path) as connection:
        rows = connection.execute(f"SELECT image, {columns} FROM {DETECTIONS}").fetchall()
        for (image, *_), (_, device, check_sum, data) in zip(
            rows, rows[1:] + rows[:1], strict=True
        ):
            connection.execute(
                f"UPDATE {DETECTIONS} SET device = ?, check_sum = ?, data = ? WHERE image = ?",
                (device, check_sum, data, image),
            )

    assert ReadingGate(tmp_path).checked(images).inferred == 3


def test_detections_of_another_model(tmp_path: Path, images: list[Path]) -> None:
    """Rows are moved to the key of a model that was never run."""
    with opened(tmp_path) as connection:
        connection.execute(f"UPDATE {DETECTIONS} SET model = ?", ("o" * 64,))

    assert ReadingGate(tmp_path).checked(images).inferred == 3
    assert list(Cache(tmp_path / "cache" / CACHE_FILE).detections("o" * 64, ["a"])) == []


def test_facts_of_another_model(tmp_path: Path) -> None:
    """The row of one model under the request of another, with a check sum that fits."""
    cache = Cache(tmp_path / CACHE_FILE)
    infos = {}
    for name in ("one", "other"):
        infos[name] = ModelInfo(
            key=name * 16, checkpoint=f"{name}.pth", sha256="s", classes=("a",), score_floor=0.0
        )
        detector = ReadingDetector(infos[name])
        source = ModelSource(Path(f"{name}.pth"))
        add_info(
            *(cache, source, name, LoadedModel(detector=detector)),
            loaded_after_ns=0,
            configured="",
        )
    source = ModelSource(Path("one.pth"))
    assert load_info(cache, source, "one", configured="") == infos["one"]
    with contextlib.closing(sqlite3.connect(cache.path)) as connection, connection:
        rows = connection.execute(
            f"SELECT request, facts FROM {MODELS} WHERE request NOT LIKE 'model %'"
        ).fetchall()
        (first, _), (other, _) = rows
        for (request, _), (_, facts) in zip(rows, rows[::-1], strict=True):
            connection.execute(
                f"UPDATE {MODELS} SET facts = ?, check_sum = ? WHERE request = ?",
                (facts, _check_sum(facts, request), request),
            )
    assert first != other

    assert load_info(cache, source, "one", configured="") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": []},
        {"classes": ["a", "a"]},
        {"classes": ["a", ""]},
        {"classes": [1]},
        {"score_floor": 2.0},
        {"score_floor": -0.5},
        {"score_floor": None},
        {"key": 5},
    ],
)
def test_a_description_that_is_none(tmp_path: Path, changes: dict[str, Any]) -> None:
    cache = Cache(tmp_path / CACHE_FILE)
    info = ModelInfo(key="k" * 64, checkpoint="c", sha256="s", classes=("a",), score_floor=0.0)
    source = ModelSource(Path("c.pth"))
    add_info(
        *(cache, source, "", LoadedModel(detector=ReadingDetector(info))),
        loaded_after_ns=0,
        configured="",
    )
    assert load_info(cache, source, "", configured="") is not None
    with contextlib.closing(sqlite3.connect(cache.path)) as connection, connection:
        ((request, facts),) = connection.execute(
            f"SELECT request, facts FROM {MODELS} WHERE request NOT LIKE 'model %'"
        ).fetchall()
        content = msgspec.json.decode(facts)
        content["info"] |= changes
        facts = msgspec.json.encode(content)
        connection.execute(
            f"UPDATE {MODELS} SET facts = ?, check_sum = ?", (facts, _check_sum(facts, request))
        )

    assert load_info(cache, source, "", configured="") is None


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("sha256", ["", "x" * 64, "A" * 64, "0" * 63])
def test_digests_that_are_none(tmp_path: Path, sha256: str) -> None:
    cache = Cache(tmp_path / CACHE_FILE)
    path = tmp_path / "a"
    path.write_bytes(b"content")
    right = file_digests([path], cache)
    with contextlib.closing(sqlite3.connect(cache.path)) as connection, connection:
        ((name, signature),) = connection.execute(f"SELECT path, signature FROM {FILES}").fetchall()
        connection.execute(
            f"UPDATE {FILES} SET sha256 = ?, check_sum = ?",
            (sha256, _check_sum(name, signature, sha256)),
        )

    assert file_digests([path], cache) == right


@pytest.mark.usefixtures("later")
def test_a_checkpoint_of_the_same_size_and_time(tmp_path: Path) -> None:
    """It is another model, and answers with its own detections."""
    checkpoint, image = tmp_path / "c.pth", tmp_path / "a.jpg"
    checkpoint.write_bytes(b"first weights.")
    image.write_bytes(b"image")
    before = checkpoint.stat()
    first = CachedDetector.sha256(ReadingGate(tmp_path))

    other = tmp_path / "other"
    other.write_bytes(b"other weights.")
    other.replace(checkpoint)
    os.utime(checkpoint, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert checkpoint.stat().st_size == before.st_size
    assert checkpoint.stat().st_mtime_ns == before.st_mtime_ns

    assert CachedDetector.sha256(ReadingGate(tmp_path)) != first


def test_a_file_of_another_file_system() -> None:
    """Where one is mounted over a folder, a file there may have the inode of the one below."""
    below = os.stat_result((0o100644, 12, 2049, 1, 0, 0, 5, 7, 7, 7))
    above = os.stat_result((0o100644, 12, 2050, 1, 0, 0, 5, 7, 7, 7))

    assert Signature.of(below) != Signature.of(above)
    assert str(Signature.of(below)) != str(Signature.of(above))
