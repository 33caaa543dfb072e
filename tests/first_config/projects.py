"""Small data sets in the layouts that people have, and `init` on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.config.load import load_configuration
from pytest_detgate.first_config.summary import MOST_LINES
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.example import Box
from pytest_detgate.testing import coco_content, draw_image
from tests.judged import project_results
from tests.unit.label_files import write

BOX = ("helmet_off", 10.0, 10.0, 30.0, 30.0)
YOLO_BOX = "0 0.25 0.25 0.3 0.3\n"


@dataclass(frozen=True)
class Made:
    """What a run of `init` left: its exit code, its output, and the folder it ran in."""

    folder: Path
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return (self.folder / "detgate.toml").read_text(encoding="utf-8")

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.toml.decode(self.text)
        return document

    def judged(self, **predictions: Path) -> dict[str, RuleResult]:
        """The items of the file that was written, as a gate judges them."""
        project = Project(load_configuration(self.folder / "detgate.toml"), self.folder)
        return project_results(project, predictions)

    def red(self, **predictions: Path) -> dict[str, str]:
        """The items that do not pass, with their messages."""
        return {
            name: result.message
            for name, result in self.judged(**predictions).items()
            if result.verdict != "passed"
        }


class Init:
    """Runs `init` in one folder, in this process."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self._capsys = capsys
        monkeypatch.chdir(folder)

    def __call__(self, *arguments: str | Path) -> Made:
        self._capsys.readouterr()
        code = main(["init", *map(str, arguments)])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        assert len(out.splitlines()) <= MOST_LINES or "--dry-run" in arguments
        assert all(len(line) < 80 for line in out.splitlines()) or "--dry-run" in arguments
        return Made(self.folder, code, out, err)


def draw(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_image(name).save(path)


def write_coco(
    folder: Path, file: str, images: Mapping[str, Sequence[Box]], images_dir: str
) -> None:
    """Write a COCO file and its images."""
    write(folder, {file: json.dumps(coco_content(images))})
    draw(folder, *(f"{images_dir}/{name}" for name in images))


def yolo_set(folder: Path, *, empty: int = 1, names: str = "names: [helmet_off]\n") -> None:
    """A clean YOLO set with a data.yaml as Roboflow writes it: three images a split, the first
    `empty` of them without a box."""
    write(folder, {"data.yaml": f"train: ../train/images\nval: ../valid/images\n{names}"})
    for split in ("train", "valid"):
        for number in range(3):
            stem = f"{split}-{number}x"
            draw(folder, f"{split}/images/{stem}.jpg")
            write(folder, {f"{split}/labels/{stem}.txt": "" if number < empty else YOLO_BOX})
