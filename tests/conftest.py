"""Fixtures of all tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import DetgateError

pytest_plugins = ["pytester"]

NUMPY_TYPE = re.compile(r"\bnp\.\w+\(|\barray\(\[")
"""What NumPy's `repr` looks like, and nothing of a file, a class or a word of ours does."""
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

Box = tuple[str, float, float, float, float]


@pytest.fixture(autouse=True)
def _not_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own runs on a build server must tell it nothing of these projects."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _plain_messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No message for a person shows the type of one of NumPy's numbers: `np.int64(7)`."""
    odd: list[str] = []
    as_ever = DetgateError.__init__

    def checked(error: DetgateError, *arguments: object) -> None:
        as_ever(error, *arguments)
        odd.extend(filter(NUMPY_TYPE.search, map(str, arguments)))

    monkeypatch.setattr(DetgateError, "__init__", checked)
    yield
    assert not odd


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest's own, whose runs see no plugins that only developers install: one changes the order,
    others import what the gate leaves alone."""
    others = ("randomly", "html", "metadata")
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in others))
    return pytester


@pytest.fixture
def shared_data() -> Path:
    """The folder with the real data sets beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the real data sets (../shared/data) are not on this machine")
    return SHARED


def coco(
    images: Mapping[str, Sequence[Box]], classes: Sequence[str] = ("helmet_off",)
) -> dict[str, Any]:
    """A COCO file's content: 100 × 100 images by name, their boxes, ids from 1."""
    annotations = [
        {
            "image_id": number,
            "category_id": list(classes).index(name) + 1,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        for number, boxes in enumerate(images.values(), start=1)
        for name, *box in boxes
    ]
    return {
        "images": [
            {"id": number, "file_name": name, "width": 100, "height": 100}
            for number, name in enumerate(images, start=1)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(classes, start=1)
        ],
        "annotations": [
            {"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)
        ],
    }


def results(
    images: Mapping[str, Sequence[Box]],
    detections: Mapping[str, Sequence[tuple[str, float, float, float, float, float]]],
    classes: Sequence[str] = ("helmet_off",),
) -> list[dict[str, Any]]:
    """A COCO result file's content for the images of `coco`."""
    return [
        {
            "image_id": list(images).index(image) + 1,
            "category_id": list(classes).index(name) + 1,
            "score": score,
            "bbox": box,
        }
        for image, found in detections.items()
        for name, score, *box in found
    ]


def named_results(
    images: Mapping[str, Sequence[Box]],
    detections: Mapping[str, Sequence[tuple[str, float, float, float, float, float]]],
    classes: Sequence[str] = ("helmet_off",),
) -> dict[str, Any]:
    """A result file's content that lists the images and classes which it covers: all of them."""
    listed = coco(images, classes)
    return {**listed, "annotations": results(images, detections, classes)}


@pytest.fixture
def write_json() -> Callable[[Path, Any], Path]:
    """A function that writes JSON, folders included, and gives the path back."""

    def write(path: Path, content: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def coco_content() -> Callable[..., dict[str, Any]]:
    """The function `coco`."""
    return coco


@pytest.fixture
def result_content() -> Callable[..., list[dict[str, Any]]]:
    """The function `results`."""
    return results
