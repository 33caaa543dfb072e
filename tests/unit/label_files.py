"""Label files and pictures made for a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from pytest_detgate.dataset.labels.formats import label_readers
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import Dataset

READERS = label_readers()


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def draw(folder: Path, *names: str, size: tuple[int, int] = (100, 50)) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(folder / name)


def split(folder: Path, labels: str = "labels", **options: Any) -> SplitFiles:
    return SplitFiles(name="train", labels=folder / labels, images=folder / "images", **options)


def unlabelled(dataset: Dataset) -> list[str]:
    assert dataset.images.unlabelled is not None
    return list(dataset.images.file_name[dataset.images.unlabelled].tolist())
