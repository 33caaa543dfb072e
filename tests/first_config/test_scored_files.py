"""`init`, `split` and `tables` on files whose rows have scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.__main__ import main
from tests.first_config.projects import BOX, Init, draw, write_coco
from tests.unit.label_files import write

ROW = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 30, 30], "score": 0.9}


def pseudo(folder: Path) -> None:
    """A COCO file of pseudo-labels, val_det.json, and its images."""
    write_coco(folder, "val_det.json", {"ax.jpg": [BOX], "bx.jpg": [BOX]}, "images")
    content = json.loads((folder / "val_det.json").read_text())
    for row in content["annotations"]:
        row["score"] = 0.9
    write(folder, {"val_det.json": json.dumps(content)})


@pytest.mark.parametrize(
    "content",
    [
        [ROW, ROW],
        {"annotations": [ROW, ROW]},
        {"info": {}, "annotations": [{**ROW, "segmentation": []}, ROW], "categories": []},
    ],
)
def test_a_result_file_is_no_ground_truth(init: Init, content: Any) -> None:
    draw(init.folder, "ax.jpg")
    write(init.folder, {"val_det.json": json.dumps(content)})

    made = init("val_det.json")

    assert made.code == 4
    assert made.err.strip().splitlines()[-1] == (
        "error: val_det.json: a result file: 2 rows with a `score`, and no list of images, so it "
        "cannot be ground truth. Name the ground truth as PATH, and give this file by "
        "--predictions NAME=val_det.json, where NAME is its split"
    )
    assert not (init.folder / "detgate.toml").exists()


@pytest.mark.parametrize("arguments", [(), ("--scored-labels",)])
def test_a_result_file_stays_one_with_the_option(init: Init, arguments: tuple[str, ...]) -> None:
    write(init.folder, {"val_det.json": json.dumps([ROW])})

    made = init("val_det.json", *arguments)

    assert made.code == 4
    assert "a result file: 1 row with a `score`" in made.err


def test_pseudo_labels_need_the_option(init: Init) -> None:
    pseudo(init.folder)

    refused = init("val_det.json")

    assert refused.code == 4
    assert refused.err.strip().splitlines()[-1] == (
        "error: val_det.json: its 2 annotations all have a `score`, as detections have; if "
        "these are detections, name the ground truth as PATH, and give them by --predictions "
        "NAME=FILE; if they are labels, such as pseudo-labels that somebody checked, add "
        "--scored-labels"
    )
    assert not (init.folder / "detgate.toml").exists()

    made = init("val_det.json", "--scored-labels")

    assert made.code == 0, made.err
    assert made.document["dataset"]["splits"]["val"] == {
        "annotations": "val_det.json",
        "images": "images",
        "scored-labels": True,
    }
    assert made.red() == {}


def test_a_yolo_folder_of_detections(init: Init) -> None:
    for split in ("train", "val"):
        draw(init.folder, f"images/{split}/{split}x.jpg")
        score = " 0.87" if split == "val" else ""
        write(init.folder, {f"labels/{split}/{split}x.txt": f"0 0.25 0.25 0.3 0.3{score}\n"})
    yaml = "train: images/train\nval: images/val\nnames: [helmet_off]\n"
    write(init.folder, {"data.yaml": yaml})

    refused = init("data.yaml")

    assert refused.code == 4
    assert "line 1: ends with 0.87, as a score does" in refused.err
    assert not (init.folder / "detgate.toml").exists()

    made = init("data.yaml", "--scored-labels")

    assert made.code == 0, made.err
    assert made.document["dataset"]["splits"] == {
        "train": {"data": "data.yaml"},
        "val": {"data": "data.yaml", "scored-labels": True},
    }


def test_the_option_without_scores(init: Init) -> None:
    write_coco(init.folder, "val.json", {"ax.jpg": [BOX]}, "images")

    made = init("val.json", "--scored-labels")

    assert made.code == 4
    assert "--scored-labels: no labels there have scores; omit it" in made.err


def test_result_files_of_a_folder_are_no_splits(init: Init) -> None:
    pseudo(init.folder)
    write_coco(init.folder, "val.json", {"ax.jpg": [BOX], "bx.jpg": [BOX]}, "images")

    made = init(".")

    assert made.document["dataset"]["splits"]["val"]["annotations"] == "val.json"


@pytest.mark.parametrize("arguments", [(), ("--scored-labels",)])
def test_a_folder_of_pseudo_labels_alone(init: Init, arguments: tuple[str, ...]) -> None:
    pseudo(init.folder)

    made = init(".", *arguments)

    if arguments:
        assert made.document["dataset"]["splits"]["val"]["scored-labels"] is True
    else:
        assert made.code == 4
        assert "its 2 annotations all have a `score`" in made.err


def test_split_says_that_all_rows_have_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pseudo(tmp_path)
    out = ("--train", "train.json", "--val", "val.json", "--frame-pattern", r"(?P<clip>\w+)\.jpg")

    assert main(["split", "val_det.json", "--images", "images", *out]) == 0

    assert (
        "note: val_det.json: has labels with a score, as detections have; splits of them need "
        "scored-labels = true"
    ) in capsys.readouterr().out
    assert all("score" in row for row in json.loads(Path("train.json").read_text())["annotations"])


def test_tables_refuse_them_as_the_gate_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pseudo(tmp_path)
    table = '[dataset.splits.val]\nannotations = "val_det.json"\nimages = "images"\n'
    table = f"recommended = true\n{table}"
    write(tmp_path, {"detgate.toml": table})

    assert main(["tables", "--table", "annotations"]) != 0
    assert "write scored-labels = true beside annotations" in capsys.readouterr().err

    write(tmp_path, {"detgate.toml": f"{table}scored-labels = true\n"})
    assert main(["tables", "--table", "annotations"]) == 0
