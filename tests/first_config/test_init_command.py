"""The command `init`: what it writes where, what it refuses, and what it prints."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_detgate.commands.shared.progress import progress_of_command
from pytest_detgate.first_config.summary import MOST_LINES, Summary
from pytest_detgate.first_config.toml_text import TomlText, toml_value
from tests.first_config.projects import BOX, Init, write_coco, yolo_set
from tests.unit.label_files import write


@pytest.mark.parametrize("name", ["detgate.toml", ".github/workflows/detgate.yml"])
def test_nothing_is_overwritten(init: Init, name: str) -> None:
    yolo_set(init.folder)
    write(init.folder, {name: "mine"})

    made = init("data.yaml", "--ci", "github")

    assert made.code == 4
    assert f"{Path(name).name} exists, and is not overwritten" in made.err
    assert (init.folder / name).read_text() == "mine"
    assert (init.folder / "detgate.toml").exists() == (name == "detgate.toml")


def test_a_dry_run_prints_the_file_and_writes_nothing(init: Init) -> None:
    yolo_set(init.folder)
    before = sorted(init.folder.rglob("*"))

    dry = init("data.yaml", "--dry-run")

    assert sorted(init.folder.rglob("*")) == before
    assert "2 splits in a data.yaml, 1 class:" in dry.err
    init("data.yaml")
    assert dry.out == (init.folder / "detgate.toml").read_text()


def test_git_passes_over_a_cache_that_is_new(init: Init) -> None:
    """pytest writes these files only into a folder that it makes itself."""
    yolo_set(init.folder)

    init("data.yaml")

    assert (init.folder / ".pytest_cache" / ".gitignore").read_text() == "*\n"
    assert (
        (init.folder / ".pytest_cache" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a47")
    )


def test_a_path_elsewhere_is_written_as_it_was_named(init: Init) -> None:
    inside = init.folder / "project"
    inside.mkdir()
    write_coco(init.folder, "data/val.json", {"ax.jpg": [BOX], "bx.jpg": []}, "data")

    relative = init("data/val.json").document["dataset"]["splits"]["val"]
    (init.folder / "detgate.toml").unlink()
    absolute = init(init.folder / "data" / "val.json").document["dataset"]["splits"]["val"]

    assert relative == absolute == {"annotations": "data/val.json", "images": "data"}


def test_paths_above_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_coco(tmp_path, "data/val.json", {"ax.jpg": [BOX], "bx.jpg": []}, "data")
    (tmp_path / "project").mkdir()
    init = Init(tmp_path / "project", capsys, monkeypatch)

    made = init("../data/val.json")

    assert made.document["dataset"]["splits"]["val"]["annotations"] == "../data/val.json"
    assert made.red() == {}
    (tmp_path / "project" / "detgate.toml").unlink()
    far = init(tmp_path / "data" / "val.json").document["dataset"]["splits"]["val"]
    assert far["annotations"] == str(tmp_path / "data" / "val.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predictions", "val"], "--predictions: expected NAME=FILE, found 'val'"),
        (["--predictions", "val=gone.json"], "--predictions: gone.json: no such file"),
        (
            ["--predictions", "val=data.yaml", "--predictions", "val=data.yaml"],
            "--predictions: 'val' is given twice",
        ),
        (["--model", "gone.onnx"], "--model gone.onnx: no such file"),
    ],
)
def test_a_wrong_option_is_one_line(init: Init, arguments: list[str], message: str) -> None:
    yolo_set(init.folder)

    made = init("data.yaml", *arguments)

    assert made.code == 4
    assert made.err == f"error: {message}\n"


def test_a_model_that_cannot_be_loaded_is_refused(init: Init) -> None:
    yolo_set(init.folder)
    write(init.folder, {"model.onnx": "no model"})

    made = init("data.yaml", "--model", "model.onnx")

    assert made.code == 4
    assert "model.onnx" in made.err
    assert not (init.folder / "detgate.toml").exists()


def test_long_output_is_cut_and_counted() -> None:
    summary = Summary()
    summary.section("first:", [f"entry {n}: {'x ' * 60}" for n in range(30)])
    summary.section("second:", [f"entry {n}" for n in range(9)])
    summary.line("last")

    lines = str(summary).splitlines()

    assert len(lines) == MOST_LINES
    assert max(map(len, lines)) < 80
    shown = [line for line in lines if line.startswith("  entry")]
    left_out = sum(int(line.split()[1]) for line in lines if line.startswith("  and"))
    assert len(shown) + left_out == 39
    assert lines[-1] == "last"


def test_progress_is_shown_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((Terminal(), "measuring: 2/2 items"), (io.StringIO(), "")):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress_of_command().task("measuring", 2, "items") as advance:
            advance(2)
        assert expected in stream.getvalue()
        assert bool(expected) == bool(stream.getvalue())


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        r"(?P<clip>.+)_\d+",
        "it's \\ 'both'",
        'quote " and \n line \x7f',
        "Straße 北",
        True,
        3,
        0.25,
        ["a", "b c"],
        {"NO-Safety Vest": 1, "b": 2},
    ],
)
def test_values_are_read_as_they_were(value: object) -> None:
    assert msgspec.toml.decode(f"key = {toml_value(value)}") == {"key": value}


def test_a_comment_stays_on_its_line() -> None:
    text = TomlText()
    text.table("rules", 'odd "name"', why="two\nlines \x1b[31m")

    assert str(text) == '[rules."odd \\"name\\""]  # two\\nlines \\x1b[31m\n'
