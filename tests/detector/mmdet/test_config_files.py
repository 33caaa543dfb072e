"""Configurations and all the files they were made of."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from pytest_detgate.detector.mmdet.config_files import load_config, plain_digest, project_files
from pytest_detgate.errors import DetectorError

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that reads whatever a configuration can read."""
    files = {
        "bases/schedule.py": "lr = 0.1",
        "bases/model.py": "_base_ = ['./schedule.py']\nwidth = 8",
        "settings.json": '{"depth": 3}',
        "rules_of_config_sources/__init__.py": "",
        "rules_of_config_sources/heads.py": "from . import losses",
        "rules_of_config_sources/losses.py": "",
        "unrelated.py": "",
        "config.py": (
            "import json\n"
            "_base_ = 'bases/model.py'\n"
            f"depth = json.load(open({str(tmp_path / 'settings.json')!r}))['depth']\n"
            "custom_imports = dict(imports=['rules_of_config_sources.heads'])\n"
            "data_root = '{{$DETGATE_TEST_ROOT:nowhere}}'\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_every_file_a_configuration_was_made_of(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETGATE_TEST_ROOT", "somewhere")
    loaded = load_config(project / "config.py")
    assert (loaded.config.lr, loaded.config.width, loaded.config.depth) == (0.1, 8, 3)
    assert loaded.config.data_root == "somewhere"
    assert {str(file.relative_to(project)) for file in loaded.files} == {
        "config.py",
        "bases/model.py",
        "bases/schedule.py",
        "settings.json",
        "rules_of_config_sources/__init__.py",
        "rules_of_config_sources/heads.py",
        "rules_of_config_sources/losses.py",
    }
    assert loaded.environment == {"DETGATE_TEST_ROOT": "somewhere"}

    # Loaded once more, the modules are not read again; they are still the project's code.
    assert {file.name for file in project_files(["rules_of_config_sources.heads"])} == {
        "__init__.py",
        "heads.py",
        "losses.py",
    }


def test_files_of_installed_packages_are_not_the_project() -> None:
    assert project_files(["numpy", "torch", "json", "pytest_detgate"]) == set()


def test_lazily_imported_bases(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "base.py").write_text("width = 8", encoding="utf-8")
    (tmp_path / "config.py").write_text(
        "from mmengine.config import read_base\nwith read_base():\n    from .base import *\n",
        encoding="utf-8",
    )
    loaded = load_config(tmp_path / "config.py")
    assert loaded.config.width == 8
    assert {tmp_path / "config.py", tmp_path / "base.py"} <= set(loaded.files)


@pytest.mark.parametrize("text", ["a = 1 / 0", "a = (", "_base_ = 'missing.py'"])
def test_a_broken_configuration_is_named(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.py"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(DetectorError, match=r"config\.py: the configuration cannot be loaded"):
        load_config(config)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="no such configuration file"):
        load_config(tmp_path / "config.py")


@pytest.mark.parametrize("broken", ["config.py", "bases/model.py", "bases/schedule.py"])
def test_a_configuration_that_fails_leaves_no_file_open(project: Path, broken: str) -> None:
    """MMEngine leaves its temporary copies open. Python closes them later, with a warning that
    fails the test that runs then."""
    (project / broken).write_text((project / broken).read_text() + "\nx = nowhere\n")

    with pytest.raises(DetectorError, match="nowhere") as caught:
        load_config(project / "config.py")

    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__cause__.__traceback__)]  # type: ignore[union-attr]
    copies = [copy for frame in frames if (copy := frame.f_locals.get("temp_config_file"))]
    assert copies
    assert all(copy.closed for copy in copies)


def test_digest_follows_every_change_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep asks for each checkpoint, and a file may change in between."""
    config = tmp_path / "config.py"

    def write(name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    def digest() -> str | None:
        first = plain_digest(config)
        assert plain_digest(config) == first
        return first

    write("base.py", "lr = 0.1\n")
    write("other.py", "lr = 0.3\n")
    write("config.py", "import os\n_base_ = './base.py'\nwidth = os.environ.get('WIDTH_OF_NET')\n")
    seen = [digest()]
    write("base.py", "lr = 0.2\n")
    seen.append(digest())
    monkeypatch.setenv("WIDTH_OF_NET", "8")
    seen.append(digest())
    write("base.py", "_base_ = './other.py'\nx = 1\n")
    seen.append(digest())
    write("other.py", "lr = 0.4\n")
    seen.append(digest())
    assert None not in seen
    assert len(set(seen)) == len(seen)

    write("other.py", "import json\nlr = 0.4\n")
    assert digest() is None
    write("other.py", "lr = 0.4\n")
    assert digest() == seen[-1]
    monkeypatch.delenv("WIDTH_OF_NET")
    assert digest() not in seen[2:]
