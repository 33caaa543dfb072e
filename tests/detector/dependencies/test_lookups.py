"""Who is notified of what is asked about a path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.dependencies.lookups import observe_lookups


class Heard:
    """Takes down which links are asked for, with the kind of the path at that time."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None

    def is_listening(self) -> bool:
        return True

    def on_question(self, question: str, path: str) -> None:
        self.questions.append((question, Path(path).name))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file.txt").write_text("x")
    (tmp_path / "link").symlink_to("inner")
    return tmp_path.resolve()


def test_only_folders_are_no_news(folder: Path) -> None:
    heard = Heard()

    with observe_lookups(heard):
        assert os.path.realpath(folder / "inner" / "file.txt").endswith("file.txt")
        assert not os.path.islink(folder / "inner")  # noqa: PTH114
        assert os.path.islink(folder / "link")  # noqa: PTH114
        assert not os.path.lexists(folder / "absent")
        assert os.path.realpath(folder / "link") == str(folder / "inner")

    asked = [path for question, path in heard.questions if question == "link"]
    assert asked == ["file.txt", "link", "absent", "link", "link"]


def test_errors_are_those_of_the_system(folder: Path) -> None:
    with observe_lookups(Heard()):
        with pytest.raises(FileNotFoundError):
            os.lstat(folder / "absent")
        with pytest.raises(ValueError, match="null"):
            os.lstat("a\0b")
        with pytest.raises(TypeError):
            os.lstat(None)  # type: ignore[arg-type]
