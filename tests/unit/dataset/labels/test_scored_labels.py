"""Labels that have scores: detections that were named as ground truth, or pseudo-labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.scored_labels import ScoredLabelsError
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.inputs.project import Project
from tests.judged import judged
from tests.unit.label_files import draw, write
from tests.unit.label_writers import WRITERS, Truth

TRUTH: Truth = {
    "a.jpg": (100, 50, [("helmet", 10, 10, 20, 20), ("vest", 40, 10, 20, 20)]),
    "b.jpg": (100, 50, [("helmet", 10, 10, 20, 20)]),
}
TABLE = '[dataset.splits.val]\nformat = "{kind}"\nannotations = "{labels}"\nimages = "images"\n'
RULES = '[rules.degenerate-boxes]\nsplits = ["val"]\n'
ADVICE = (
    "if these are detections, give them by --detgate-predictions NAME=FILE; if they are labels, "
    "such as pseudo-labels that somebody checked, write scored-labels = true beside annotations"
)


def coco(scores: list[Any]) -> dict[str, Any]:
    """One box with each of these scores, on one image; no key for a score of `...`."""
    box = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}
    rows = [
        {"id": row, **box, **({} if score is ... else {"score": score})}
        for row, score in enumerate(scores, start=1)
    ]
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}],
        "annotations": rows,
        "categories": [{"id": 1, "name": "helmet"}],
    }


def write_coco(folder: Path) -> str:
    write(folder, {"labels.json": json.dumps(coco([0.9, 0.5, 0.7]))})
    return "labels.json"


def write_labelme(folder: Path) -> str:
    """As X-AnyLabeling writes shapes that a model made."""
    labels = WRITERS["labelme"](TRUTH, folder)
    for path in labels.glob("*.json"):
        content = json.loads(path.read_text())
        for shape in content["shapes"]:
            shape["score"] = 0.9
        path.write_text(json.dumps(content))
    return labels.name


def write_scalabel(folder: Path) -> str:
    path = WRITERS["scalabel"](TRUTH, folder)
    frames = json.loads(path.read_text())
    for frame in frames:
        for label in frame["labels"]:
            label["score"] = 0.9
    path.write_text(json.dumps(frames))
    return path.name


def write_datumaro(folder: Path) -> str:
    path = WRITERS["datumaro"](TRUTH, folder)
    content = json.loads(path.read_text())
    for item in content["items"]:
        for annotation in item["annotations"]:
            annotation["attributes"]["score"] = 0.9
    path.write_text(json.dumps(content))
    return path.name


def write_openimages(folder: Path) -> str:
    rows = "a,xclick,helmet,0.9,0.1,0.3,0.2,0.6\nb,xclick,helmet,0.5,0.1,0.3,0.2,0.6\n"
    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n"
    write(folder, {"boxes.csv": head + rows})
    return "boxes.csv"


def write_yolo(folder: Path) -> str:
    line = "0 0.2 0.4 0.2 0.4 0.9\n"
    write(folder, {"labels/a.txt": line, "labels/b.txt": line, "labels/classes.txt": "helmet\n"})
    return "labels"


def write_kitti(folder: Path) -> str:
    labels = WRITERS["kitti"](TRUTH, folder)
    for path in labels.glob("*.txt"):
        path.write_text("".join(f"{line} 0.9\n" for line in path.read_text().splitlines()))
    return labels.name


FORMATS: dict[str, tuple[Callable[[Path], str], str]] = {
    "coco": (write_coco, "its 3 annotations all have a `score`, as detections have"),
    "labelme": (write_labelme, "its 3 annotations all have a `score`, as detections have"),
    "scalabel": (write_scalabel, "its 3 annotations all have a `score`, as detections have"),
    "datumaro": (write_datumaro, "its 3 annotations all have a `score`, as detections have"),
    "openimages": (write_openimages, "its 2 annotations all have a `score`, as detections have"),
    "yolo": (write_yolo, "line 1: ends with 0.9, as a score does"),
    "kitti": (write_kitti, "line 1: has a score in the last column"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_scored_labels_are_not_judged_unasked(tmp_path: Path, kind: str) -> None:
    writer, seen = FORMATS[kind]
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    table = TABLE.format(kind=kind, labels=writer(tmp_path))

    (item,) = judged(tmp_path, table + RULES).values()
    (allowed,) = judged(tmp_path, table + "scored-labels = true\n" + RULES).values()

    assert item.verdict == "not-evaluated"
    assert seen in item.message
    assert ADVICE in item.message
    assert allowed.verdict == "passed", allowed.message


def read_probe(folder: Path, labels: str) -> Dataset:
    write(folder, {"detgate.toml": f"recommended = true\n[probes.calm]\n{labels}"})
    return Project(load_configuration(folder / "detgate.toml"), folder).read("calm")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_probe_with_scored_labels(tmp_path: Path, kind: str) -> None:
    writer, seen = FORMATS[kind]
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    labels = TABLE.format(kind=kind, labels=writer(tmp_path)).partition("\n")[2]

    with pytest.raises(ScoredLabelsError) as refusal:
        read_probe(tmp_path, labels)
    dataset = read_probe(tmp_path, f"{labels}scored-labels = true\n")

    assert seen in str(refusal.value)
    assert ADVICE in str(refusal.value)
    assert len(dataset.boxes) >= 2


@pytest.mark.parametrize(
    "scores",
    [
        pytest.param([0.9, ..., 0.5], id="one without the key"),
        pytest.param([0.9, None, 0.5], id="one that is null"),
        pytest.param([..., 0.9], id="the first without the key"),
        pytest.param([], id="no annotation"),
    ],
)
def test_labels_of_which_some_have_scores(tmp_path: Path, scores: list[Any]) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels.json": json.dumps(coco(scores))})

    (item,) = judged(tmp_path, TABLE.format(kind="coco", labels="labels.json") + RULES).values()

    assert item.verdict == "passed", item.message


@pytest.mark.parametrize("last", [{"score": 0.3}, {}])
def test_each_piece_of_a_large_file_is_looked_at(tmp_path: Path, last: dict[str, float]) -> None:
    """The annotations are read in pieces of 256 kB; the last row is in another one than the
    first."""
    content = coco([0.5] * 5000)
    content["annotations"][-1].pop("score")
    content["annotations"][-1] |= last
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels.json": json.dumps(content)})

    (item,) = judged(tmp_path, TABLE.format(kind="coco", labels="labels.json") + RULES).values()

    assert (item.verdict == "not-evaluated") == bool(last)


def test_scores_of_another_kind_do_not_count(tmp_path: Path) -> None:
    """A score of a mask, or a text that mentions one, is no score of a detection."""
    content = coco([..., ...])
    for row in content["annotations"]:
        row |= {"attributes": {"score": 0.5}, "note": 'no "score"'}
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels.json": json.dumps(content)})

    (item,) = judged(tmp_path, TABLE.format(kind="coco", labels="labels.json") + RULES).values()

    assert item.verdict == "passed", item.message
