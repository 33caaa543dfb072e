"""Progress of reading a large COCO file: in megabytes, to its end, and none for a small one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_detgate.dataset.coco import reader
from pytest_detgate.dataset.coco.reader import read_coco_file
from pytest_detgate.testing import coco_content


class Recorded:
    """Remembers each task: its label and unit, its total, and what was done of it."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, str, int]] = []
        self.steps: list[int] = []

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        self.tasks.append((label, unit, total))
        yield self.steps.append


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A COCO file of some megabytes, most of them annotations."""
    content = coco_content({f"{n}.jpg": [("hat", 1, 1, 5, 5)] for n in range(100)}, ("hat",))
    content["annotations"] = [
        {**content["annotations"][n % 100], "id": n + 1} for n in range(30_000)
    ]
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_large_file_shows_its_megabytes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LARGE", 1_000_000)
    progress = Recorded()
    total = file.stat().st_size // 1_000_000

    dataset = read_coco_file(file, (), progress)

    assert progress.tasks == [("reading train.json", "MB", total)]
    assert len(progress.steps) > total, "it is reported after each part"
    assert total - 1 <= sum(progress.steps) <= total
    assert len(dataset.boxes) == 30_000


def test_a_small_file_shows_nothing(file: Path) -> None:
    progress = Recorded()

    read_coco_file(file, (), progress)

    assert progress.tasks == []
