"""The second wall: what a model may not do while it is built and while it runs."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import importlib
import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.loading_limits.wall import walled
from pytest_detgate.detector.mmdet.stored_wall import Guard, stored_wall
from pytest_detgate.errors import DetectorError
from tests.detector.conftest import Worksite

NOT_IMPORTED = "this" if "this" not in sys.modules else "antigravity"


def refused(act: Callable[[], object]) -> str:
    with (
        pytest.raises(DetectorError) as caught,
        walled(stored_wall("x.pth", "while the model was built")),
    ):
        act()
    message = str(caught.value)
    assert message.startswith("x.pth: the stored configuration is not used: while the model was ")
    assert "--detgate-trust-checkpoint" in message
    return message


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda folder: os.system("true"), "start a process (os.system"),
        (lambda folder: subprocess.run(["true"], check=False), "start a process (subprocess.Popen"),
        (lambda folder: os.posix_spawn("/bin/true", ["true"], {}), "start a process"),
        (lambda folder: os.fork(), "start a process (os.fork"),
        (lambda folder: os.execv("/bin/true", ["true"]), "start a process (os.exec"),
        (lambda folder: socket.socket(), "use the network (socket"),
        (lambda folder: socket.getaddrinfo("localhost", 80), "use the network"),
        (lambda folder: urllib.request.urlopen("http://127.0.0.1:9"), "use the network"),
        (lambda folder: (folder / "new").write_bytes(b""), "write a file"),
        (lambda folder: (folder / "here").open("r+b"), "write a file"),
        (lambda folder: os.open(folder / "here", os.O_WRONLY | os.O_TRUNC), "write a file"),
        (lambda folder: (folder / "here").read_bytes(), "open a file"),
        (lambda folder: Path("/etc/passwd").read_bytes(), "open a file ('/etc/passwd'"),
        (lambda folder: (folder / "here").unlink(), "change files (os.remove"),
        (lambda folder: (folder / "here").rename(folder / "there"), "change files (os.rename"),
        (lambda folder: (folder / "folder").mkdir(), "change files (os.mkdir"),
        (lambda folder: shutil.rmtree(folder), "change files (shutil"),
        (lambda folder: tempfile.mkdtemp(dir=folder), "change files"),
        (lambda folder: eval("1 + 1"), "evaluate text, in tests.detector.mmdet.test_stored_wall"),
        (lambda folder: exec("x = 1"), "evaluate text"),
        (lambda folder: compile("1", "x", "eval"), "evaluate text"),
        (lambda folder: pickle.loads(b"cposix\nsystem\n."), "run code (pickle.find_class"),
        (lambda folder: __import__("no_such_module_of_mine"), "import 'no_such_module_of_mine'"),
        (lambda folder: __import__(NOT_IMPORTED), f"import '{NOT_IMPORTED}'"),
        (lambda folder: importlib.import_module(NOT_IMPORTED), f"import '{NOT_IMPORTED}'"),
        (lambda folder: importlib.import_module("simpleeval"), "import 'simpleeval'"),
        (lambda folder: __import__("beside"), "import 'beside'"),
        (lambda folder: importlib.import_module("beside"), "open a file"),
        (lambda folder: importlib.import_module("colorsys"), "open a file"),
    ],
)
def test_what_no_model_does_is_refused_and_not_done(
    act: Callable[[Path], object], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").write_bytes(b"kept")
    # One of no known package; and one that takes the name of a module of Python's.
    (tmp_path / "beside.py").write_text("raise SystemExit", encoding="utf-8")
    (tmp_path / "colorsys.py").write_text("raise SystemExit", encoding="utf-8")
    for name in ("colorsys", "simpleeval"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    assert why in refused(lambda: act(tmp_path))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.py", "colorsys.py", "here"]
    assert (tmp_path / "here").read_bytes() == b"kept"


def test_what_is_refused_is_told_though_the_code_swallows_it(tmp_path: Path) -> None:
    def swallowing() -> None:
        with contextlib.suppress(Exception):
            (tmp_path / "new").write_bytes(b"")

    def failing_otherwise() -> None:
        try:
            (tmp_path / "new").write_bytes(b"")
        except Exception as error:
            raise ValueError("no more") from error

    assert "write a file" in refused(swallowing)
    assert "write a file" in refused(failing_otherwise)


def test_a_module_that_is_only_tried_seems_not_installed() -> None:
    """A module that is only tried is as if it were not installed."""
    with walled(stored_wall("x.pth", "while the model was built")), pytest.raises(ImportError):
        __import__("no_such_module_of_mine")


def test_what_models_do_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with walled(stored_wall("x.pth", "while the model was built")):
        importlib.import_module("colorsys")
        collections.namedtuple("Point", "x y")
        dataclasses.make_dataclass("Pair", ["a", "b"])
        Path(os.__file__).read_bytes()
        with Path(os.devnull).open("w") as nothing:
            nothing.write("x")


def test_the_wall_stands_for_one_thread_and_one_while(tmp_path: Path) -> None:
    with walled(stored_wall("x.pth", "while the model was built")):
        thread = threading.Thread(target=(tmp_path / "other").write_bytes, args=(b"",))
        thread.start()
        thread.join()
    (tmp_path / "after").write_bytes(b"")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["after", "other"]


def test_a_configuration_of_the_project_s_own_is_free(tmp_path: Path) -> None:
    with Guard().building():
        (tmp_path / "a").write_bytes(b"")
    with Guard().running():
        (tmp_path / "b").write_bytes(b"")


@pytest.mark.mmdet
def test_a_model_that_does_more_when_it_runs_is_stopped(
    site: Worksite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reading the source might have missed: a part that writes a file when it is used."""
    from mmdet.models import RTMDet
    from mmdet.models.data_preprocessors import DetDataPreprocessor

    from pytest_detgate.detector.mmdet.loader import load_model
    from pytest_detgate.detector.protocol import ModelSource

    detector = load_model(ModelSource(site.checkpoint, None), sha256="", device="cpu").detector
    assert len(list(detector.detect(site.images[:2]))) == 2

    really = RTMDet.predict

    def predict(self: Any, *args: Any, **kwargs: Any) -> Any:
        (tmp_path / "canary").write_bytes(b"")
        return really(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(RTMDet, "predict", predict)
        with pytest.raises(DetectorError, match=r"epoch_7\.pth: .* while the model ran, .*write a"):
            list(detector.detect(site.images[:2]))

    really_init = DetDataPreprocessor.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        (tmp_path / "canary").write_bytes(b"")
        really_init(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(DetDataPreprocessor, "__init__", init)
        with pytest.raises(DetectorError, match=r"while the model was built, it tried to write a"):
            load_model(ModelSource(site.checkpoint, None), sha256="", device="cpu")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("module", ["numpy", "scipy.optimize", "shapely.geometry"])
def test_a_known_package_may_be_imported_late(module: str, run_python: Callable[..., str]) -> None:
    """With what it needs: modules evaluate text and import others while they are imported."""
    pytest.importorskip(module.partition(".")[0])
    script = f"""
import importlib, sys
from pytest_detgate.detector.mmdet.stored_wall import stored_wall
from pytest_detgate.detector.loading_limits.wall import walled
with walled(stored_wall("x.pth", "while the model was built")):
    importlib.import_module({module!r})
print(type(sys.modules[{module!r}]).__name__)
"""
    assert run_python(script).strip() == "module"


def test_a_module_that_is_imported_late_is_held_to_the_rest(
    run_python: Callable[..., str], tmp_path: Path
) -> None:
    """Whatever a module of a known package does, it starts nothing and writes nothing."""
    folder = tmp_path / "site-packages" / "yaml"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "import this_is_not_there_at_all_but_may_be_asked_for\n", encoding="utf-8"
    )
    (folder.parent / "this_is_not_there_at_all_but_may_be_asked_for.py").write_text(
        "exec('x = 1')\nopen('canary', 'w')\n", encoding="utf-8"
    )
    script = f"""
import sys
sys.path.insert(0, {str(folder.parent)!r})
from pytest_detgate.detector.mmdet.stored_wall import stored_wall
from pytest_detgate.detector.loading_limits.wall import walled
try:
    with walled(stored_wall("x.pth", "while the model was built")):
        import yaml
except Exception as error:
    print(error)
"""
    assert "it tried to write a file" in run_python(script)
    assert not (tmp_path / "canary").exists()
