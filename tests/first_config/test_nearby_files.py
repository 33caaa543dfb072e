"""Among which files of a folder `init` looks for labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.first_config.layouts.nearby_files import files_below
from tests.first_config.projects import Init, draw
from tests.first_config.test_layouts import cvat_file, splits
from tests.unit.label_files import write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    names = ("b.JSON", "a.txt", "c/d/e/f.json", "c/d/e/too/deep.json", "._b.json", ".git/g.json")
    write(tmp_path, dict.fromkeys((*names, "node_modules/h.json", "detgate-report/i.json"), "{}"))
    return tmp_path


def test_files_down_to_the_third_folder(root: Path) -> None:
    files = [path.relative_to(root).as_posix() for path in files_below(root)]

    assert files == ["a.txt", "b.JSON", "c/d/e/f.json"]


def test_only_files_with_a_suffix(root: Path) -> None:
    files = [path.relative_to(root).as_posix() for path in files_below(root, ".xml", ".json")]

    assert files == ["b.JSON", "c/d/e/f.json"]


def test_a_hidden_export_is_no_split(init: Init) -> None:
    """macOS writes `._annotations.xml` beside a file that it copies."""
    draw(init.folder, "images/a.jpg")
    text = cvat_file(["a.jpg"])
    write(init.folder, {"annotations.xml": text, "._val.xml": text, "detgate-report/x.xml": text})

    made = init(".")

    assert list(splits(made)) == ["all"]
