"""Only regular files are opened, everywhere: a pipe would wait for ever, a device has no end."""

from __future__ import annotations

import ast
import hashlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.images.folder_files import folder_files
from pytest_detgate.dataset.images.options import AS_SHOWN
from pytest_detgate.dataset.text.files import read_each
from pytest_detgate.dataset.text.files import read_text as read_class_file
from pytest_detgate.detector.mmdet.checkpoint import require_checkpoint
from pytest_detgate.detector.onnx.file import read_onnx_file
from pytest_detgate.errors import DataError, DetgateError
from pytest_detgate.record.report_file import read_report
from pytest_detgate.regular_file import (
    NotRegularError,
    open_regular,
    read_listed,
    read_regular,
    read_regular_text,
    require_regular,
    sha256_of_file,
)
from tests.judged import judged
from tests.unit.label_files import draw

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("pytest_detgate", "checks", "fixtures")
    for path in (ROOT / folder).rglob("*.py")
)

OPENERS = frozenset(
    {
        *("open", "read_bytes", "read_text", "fromfile", "memmap", "imread", "loadtxt"),
        *("genfromtxt", "connect", "fdopen"),
    }
)
"""Names of functions and methods that open a file by its path."""
LOADERS = frozenset({"np", "numpy", "torch", "json", "yaml", "pickle", "toml", "tomllib"})
"""Modules whose `load` does."""

# Where a file is opened in another way, and why that is right.
EXCEPTIONS = {
    ("regular_file", "open"): "the one place",
    ("regular_file", "fdopen"): "the one place",
    ("__main__", "open"): "the null device, for output that nobody reads",
    ("atomic_file", "open"): "a file that is written, and a folder that is synchronised",
    ("report.rendering", "read_text"): "a template of the package",
    ("report.compiled_templates", "read_bytes"): "a compiled template of the package",
    ("dataset.images.opening", "open"): "an image that was opened by open_regular",
    ("cache.table_file", "open"): "a file that is written",
    ("detector.torch_file.reading", "torch.load"): "after require_regular: torch is faster by path",
    ("detector.mmdet.config_files", "fromfile"): "MMEngine runs a configuration of the project's",
    ("detector.dependencies.forked_notes", "open"): "a file of the gate, appended to",
    ("detector.dependencies.installed", "read_text"): "metadata of an installed package",
    ("run_record.versions", "read_text"): "metadata of an installed package",
    ("detector.workers.pipes", "open"): "the null device, and a log that is written",
    ("detector.workers.pipes", "fdopen"): "pipes of this process",
    ("detector.subprocesses", "fdopen"): "a pipe of this process",
    ("detector.latency.timing", "open"): "a log that is written",
    ("cache.sqlite_file", "connect"): "SQLite opens for writing, which never waits for a pipe",
    ("detector.mmdet.stored_parts", "read_text"): "a list of the package",
    ("training.train_process", "open"): "a log that is written",
    ("training.fed_data", "open"): "a log that is written",
    ("plugin.output.github", "open"): "a file that is appended to",
    ("publishing.http", "open"): "an address, by urllib",
    ("image_changes.small", "open"): "an image in memory",
    ("image_changes.corruptions.digital", "open"): "an image in memory",
    ("expectations.models", "read_bytes"): "a file of the package, which may be in an archive",
}


def openings(path: Path) -> Iterator[str]:
    """What a module opens files with: `open`, `torch.load`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id == "open":
            yield function.id
        elif isinstance(function, ast.Attribute):
            if function.attr in OPENERS:
                yield function.attr
            owner = function.value
            if function.attr == "load" and isinstance(owner, ast.Name) and owner.id in LOADERS:
                yield f"{owner.id}.load"


@pytest.mark.source
def test_files_are_opened_in_one_place() -> None:
    listed = {
        (
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("pytest_detgate."),
            opening,
        )
        for path in SOURCES
        for opening in openings(path)
    }

    assert sorted(listed - set(EXCEPTIONS)) == []
    assert sorted(set(EXCEPTIONS) - listed) == []


def test_a_regular_file_is_read_through_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo\rthree\xff")
    (tmp_path / "b").symlink_to("a")

    assert read_regular(tmp_path / "b") == b"one\r\ntwo\rthree\xff"
    assert read_regular_text(tmp_path / "b", "latin-1") == "one\ntwo\nthree\xff"
    with open_regular(str(tmp_path / "b")) as file:
        file.seek(-4, os.SEEK_END)
        assert file.read(2) == b"re"


def test_whatever_else_there_is_has_a_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)  # the name of a socket may not be long
        server.bind("socket")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")

    texts = {}
    for name in ("pipe", "socket", "zero", ".", "loop", "gone"):
        with pytest.raises(OSError, match="Errno") as caught:
            require_regular(tmp_path / name)
        texts[name] = caught.value.strerror
        assert isinstance(caught.value, NotRegularError) == (name not in ("loop", "gone"))

    assert texts == {
        "pipe": "not a regular file but a pipe",
        "socket": "not a regular file but a socket",
        "zero": "not a regular file but a device",
        ".": "not a regular file but a folder",
        "loop": "Too many levels of symbolic links",
        "gone": "No such file or directory",
    }


def test_what_replaces_a_file_meanwhile_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes the place of a file meanwhile is not waited for."""
    os.mkfifo(tmp_path / "a")
    monkeypatch.setattr("pytest_detgate.regular_file.require_regular", lambda path: None)

    with pytest.raises(NotRegularError, match="a pipe"):
        open_regular(tmp_path / "a")


PROJECT = """
[dataset]
follow-links = ["/dev"]
[dataset.splits.val]
annotations = "val.json"
images = "images"
[rules.image-files]
[rules.duplicate-ids]
[probes.calm]
images = "probe"
[rules.probe-isolation]
from = "val"
clips = false
[model]
evaluate-on = "val"
[rules.mean-ap]
min = 0.5
"""
COCO = (
    '{"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "cone"}],'
    ' "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}]}'
)


@pytest.fixture
def in_time() -> Iterator[None]:
    """Fail, in place of waiting for ever."""

    def give_up(number: int, frame: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def put(path: Path, kind: str) -> None:
    """A pipe that nobody writes to, or a link to a device without an end."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize(
    ("what", "items"),
    [
        ("val.json", ("image-files[val]", "duplicate-ids[val]", "probe-isolation[calm]")),
        ("images/a.jpg", ("image-files[val]", "probe-isolation[calm]")),
        ("probe/b.jpg", ("probe-isolation[calm]",)),
        ("result.json", ("mean-ap",)),
    ],
)
def test_data_that_is_no_regular_file(
    tmp_path: Path, what: str, items: tuple[str, ...], kind: str
) -> None:
    (tmp_path / "val.json").write_text(COCO, encoding="utf-8")
    (tmp_path / "result.json").write_text("[]", encoding="utf-8")
    draw(tmp_path, "images/a.jpg", "probe/b.jpg")
    put(tmp_path / what, kind)

    results = judged(tmp_path, PROJECT, {"val": tmp_path / "result.json"})

    for item in items:
        texts = [results[item].message, *(finding.text for finding in results[item].findings)]
        assert results[item].verdict in ("failed", "not-evaluated")
        assert f"not a regular file but a {kind}" in " ".join(texts)


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize(
    "read",
    [load_configuration, require_checkpoint, read_onnx_file, read_report, read_class_file],
    ids=lambda read: str(read.__name__),
)
def test_a_file_by_itself(tmp_path: Path, kind: str, read: Callable[[Path], object]) -> None:
    put(tmp_path / "file", kind)

    with pytest.raises(DetgateError, match=f"not a regular file but a {kind}"):
        read(tmp_path / "file")


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 1_280_000])
@pytest.mark.parametrize("version", [(3, 10), sys.version_info])
def test_digest_of_a_file_of_several_blocks(
    version: tuple[int, ...], size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block has 2^20 bytes. The same on Python 3.10, which has no `hashlib.file_digest`."""
    content = (bytes(range(256)) * 5000)[:size]
    (tmp_path / "file").write_bytes(content)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", version)
        digest = sha256_of_file(tmp_path / "file")

    assert digest == hashlib.sha256(content).hexdigest()
    assert read_regular(tmp_path / "file") == content


def test_a_listed_file_that_became_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    os.mkfifo(tmp_path / "pipe")

    assert read_listed(str(tmp_path / "file")) == b"text"
    assert read_listed(str(tmp_path / "pipe")) is None
    with pytest.raises(OSError, match="No such file"):
        read_listed(str(tmp_path / "gone"))


def test_links_and_pipes_are_looked_at_before_they_are_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    (tmp_path / "b").symlink_to("a")
    os.mkfifo(tmp_path / "c")
    listed = folder_files(tmp_path, AS_SHOWN)

    assert listed.files == ("a", "b", "c")
    assert listed.not_regular == {"b", "c"}
    assert list(read_each(tmp_path, "ab", listed.not_regular)) == [("a", b"text"), ("b", b"text")]
    with pytest.raises(DataError, match="c: cannot be read: not a regular file but a pipe"):
        list(read_each(tmp_path, "c", listed.not_regular))
