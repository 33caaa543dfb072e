"""Caches of earlier releases are read as long as their formats have the same numbers.

The rows and keys below were written by the code before its modules and classes were renamed
(3df854f). A change that breaks one of these tests makes every project infer or train again; it must
raise the number of the format that it changes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.sqlite_file import CACHE_FILE
from pytest_detgate.detector.cached import detections as cached_detections
from pytest_detgate.detector.cached.model_facts import load_info
from pytest_detgate.detector.dependencies.state import Dependencies
from pytest_detgate.detector.onnx.settings import OnnxSettings
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.python import entry
from pytest_detgate.training.record import TrainingRecord

SOURCE = ModelSource(None, framework="python", entry="own:make", options={"size": [1, 2]})
REQUEST = "846c983b5997dd23a528f83bfa47ed0d1fc1dacf1cd9ba3c356a4d37900b7419"
INFO = (
    '{"key":"kkkkkkkk","checkpoint":"own:make","sha256":"ssssssss","classes":["a","b"],'
    '"score_floor":0.1,"epoch":null,"config":null}'
)
FACTS = (
    f'{{"request":"{REQUEST}","info":{INFO},"dependencies":{{"files":{{}},"lookups":{{}},'
    '"absent":{},"folders":{},"patterns":{},"environment":{},"hidden":[]},"versions":{},'
    '"configured":"c","run":""}'
)
RECORD = """
{"format": 1, "config": "/p/train.py", "seed": 5, "device": "cpu", "n_processes": 1,
 "randomness": {"seed": 5}, "files": {"/p/train.py": "ab"}, "environment": {},
 "dependencies": {"files": {}, "lookups": {}, "absent": {}, "folders": {}, "patterns": {},
                  "environment": {}, "hidden": []},
 "configured": "c", "versions": {"torch": "2.6"}, "settled": true, "checkpoint": "epoch_1.pth",
 "sha256": "cd", "scalars": null}
"""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache with a row of each kind, with the check sums of that time."""
    path = tmp_path / CACHE_FILE
    connection = sqlite3.connect(path)
    connection.executescript(
        f"""
        CREATE TABLE detections_2 (model TEXT NOT NULL, image TEXT NOT NULL, device TEXT NOT NULL,
          check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL, data BLOB NOT NULL,
          PRIMARY KEY (model, image));
        INSERT INTO detections_2 VALUES ('model', 'image', 'cuda:0', 3806868669, 1790000000,
          X'0000803F000000400000F041000020420000003F01000000');
        CREATE TABLE files_2 (path BLOB NOT NULL, signature TEXT NOT NULL, sha256 TEXT NOT NULL,
          check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL, PRIMARY KEY (path)) WITHOUT ROWID;
        INSERT INTO files_2 VALUES (X'2F696D616765732F612E6A7067', '1 2 3 4 5', '{"ab" * 32}',
          1510379312, 1790000000);
        CREATE TABLE hashes_1 (kind TEXT NOT NULL, image TEXT NOT NULL, hash BLOB NOT NULL,
          check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL, PRIMARY KEY (kind, image))
          WITHOUT ROWID;
        INSERT INTO hashes_1 VALUES ('dhash64-2', 'image', X'8000000000000005', 2510085657,
          1790000000);
        CREATE TABLE models_1 (request TEXT NOT NULL, facts BLOB NOT NULL,
          check_sum INTEGER NOT NULL, last_used INTEGER NOT NULL, PRIMARY KEY (request))
          WITHOUT ROWID;
        INSERT INTO models_1 VALUES ('{REQUEST}', CAST('{FACTS}' AS BLOB), 3245172540, 1790000000);
        INSERT INTO models_1 VALUES ('model kkkkkkkk', CAST('{INFO}' AS BLOB), 1083128359,
          1790000000);
        """
    )
    connection.close()
    return Cache(path)


def test_every_kind_of_row_is_read(cache: Cache) -> None:
    ((image, device, detections),) = cache.detections("model", ["image"])

    assert (image, device) == ("image", "cuda:0")
    np.testing.assert_array_equal(detections.xyxy, [[1, 2, 30, 40]])
    assert (detections.score.tolist(), detections.label.tolist()) == ([0.5], [1])
    # A hash is now a part of what an image looks like, which has another kind.
    ((image, value),) = cache.image_values("dhash64-2", ["image"])
    assert (image, int.from_bytes(value, "big")) == ("image", 2**63 + 5)
    assert list(cache.file_digests(["/images/a.jpg"])) == [
        ("/images/a.jpg", "1 2 3 4 5", "ab" * 32)
    ]
    assert cache.facts("model kkkkkkkk") == INFO.encode()
    assert cache.notes == []


def test_a_description_is_valid_if_it_has_all_dependencies(cache: Cache) -> None:
    """Those of format 1 lack answers to other questions than for files, and installed packages."""
    assert load_info(cache, SOURCE, "", configured="c") is None
    cache.add_facts(REQUEST, FACTS.replace("{", '{"format":2,', 1).encode())

    info = load_info(cache, SOURCE, "", configured="c")

    assert info is not None
    assert (info.key, info.classes, info.score_floor) == ("k" * 8, ("a", "b"), 0.1)


def test_keys_are_the_same() -> None:
    dependencies = Dependencies(
        files={"/p/a.py": "ffff"},
        lookups={"/p/b": "file 1 2"},
        questions={"size /p/a.bin": "3", "module a": "missing"},
        absent={"/p/c": "missing"},
        folders={"/p": "d"},
        patterns={"/p/*.x": "e"},
        environment={"A": "g"},
        packages={"numpy": "2.2 h"},
        hidden=("h",),
    )

    parts = (
        '{"environment":{"A":"g"},"files":{"a.py":"ffff"},"folders":{".":"d"},'
        '"lookups":{"b":"file"},"packages":{"numpy":"2.2 h"},"patterns":{"*.x":"e"},'
        '"questions":{"module a":"missing","size a.bin":"3"}}'
    )
    assert dependencies.sha256(Path("/p")) == hashlib.sha256(parts.encode()).hexdigest()
    assert entry._key(SOURCE, "s") == (
        "13d6238bfcf727e231400f3805197fc045348b3235b7fa97951499bda6cb2c16"
    )
    assert cached_detections._key("model", "while files are missing") == (
        "98f4a54a022952227d4e7d65f26047196719565a4503c3d0b8ed9de6861f6c78"
    )


def test_names_of_settings_that_are_part_of_a_key() -> None:
    assert OnnxSettings.__struct_fields__ == (
        *("input", "dtype", "channels_first", "size", "resize", "pad_value", "channel_order"),
        *("divide_by", "mean", "std", "layout", "outputs", "boxes", "normalised", "activation"),
        *("objectness", "first_label", "classes", "score_floor", "nms_iou"),
    )


def test_a_training_record_is_read() -> None:
    record = msgspec.json.decode(RECORD, type=TrainingRecord)

    assert (record.config, record.seed, record.settled) == ("/p/train.py", 5, True)
    assert record.dependencies == Dependencies()
