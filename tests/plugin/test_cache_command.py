"""`python -m pytest_detgate cache`, and the bound that a run keeps the store within."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.detector.store import STORE_FILE
from pytest_detgate.detector.store_upkeep import size_of
from tests.detector.test_store_upkeep import fill, kept
from tests.plugin.conftest import GateProject

STORE = Path(".pytest_cache/d/detgate")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store of two models, that is the current one."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / STORE / STORE_FILE, "key-old", range(300), days_ago=40)
    fill(tmp_path / STORE / STORE_FILE, "key-new", range(100))
    (tmp_path / STORE / "tables").mkdir()
    (tmp_path / STORE / "tables" / "9-digest.tables").write_bytes(b"x" * 500_000)
    return tmp_path


def test_show(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0

    said = capsys.readouterr().out
    assert "detections of a model that has changed since (key-new): 100 images, 0.5 MB" in said
    assert said.index("key-new") < said.index("key-old")
    assert "tables of annotation files: 1, 0.5 MB" in said


def test_clear_everything(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "clear"]) == 0

    assert "freed 2." in capsys.readouterr().out  # 400 × 200 boxes × 24 bytes, and the tables
    assert not list((here / STORE / "tables").iterdir())
    main(["cache"])
    assert "images" not in capsys.readouterr().out


def test_clear_one_model_or_what_was_not_used(here: Path) -> None:
    path = here / STORE / STORE_FILE
    assert main(["cache", "clear", "--unused-days", "30"]) == 0
    assert kept(fill(path, "other", range(1)), "key-old", range(300)) == []
    assert len(kept(fill(path, "other", range(1)), "key-new", range(100))) == 100

    assert main(["cache", "clear", "--model", "key-new"]) == 0
    assert kept(fill(path, "other", range(1)), "key-new", range(100)) == []
    assert list((here / STORE / "tables").iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cache", "--store", "nowhere"], "nowhere: there is no store; run the gate once"),
        (["cache", "clear", "--model", "epoch_9"], "no kept model whose key begins with"),
        (["cache", "show", "--model", "epoch_9"], "--model and --unused-days go with clear"),
    ],
)
def test_mistakes_are_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 4
    assert said in capsys.readouterr().err


def test_a_run_keeps_the_store_within_its_bound(project: GateProject) -> None:
    path = project.pytester.path / STORE / STORE_FILE
    fill(path, "old", range(600), days_ago=9)
    fill(path, "new", range(100))
    assert size_of(path) > 3_000_000
    config = project.pytester.path / "detgate.toml"
    config.write_text(config.read_text() + "[cache]\nmax-megabytes = 2\n")

    project.gate()

    assert size_of(path) < 2_000_000
    store = fill(path, "other", range(1))
    assert len(kept(store, "new", range(100))) == 100
    assert len(kept(store, "old", range(600))) < 350
