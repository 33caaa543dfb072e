"""The limits that `init` writes: measured values, what it accepts, and what it does not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.first_config.limits import floor_of
from pytest_detgate.rules.example import Box, Detection
from pytest_detgate.rules.registry import RuleRegistry
from pytest_detgate.testing import coco_content, result_content
from tests.first_config.projects import BOX, YOLO_BOX, Init, draw, write_coco, yolo_set
from tests.unit.label_files import write

OUTSIDE = ("helmet_off", 90.0, 90.0, 30.0, 30.0)


def two_splits(folder: Path, train: dict[str, list[Box]], val: dict[str, list[Box]]) -> None:
    for name, images in (("train", train), ("val", val)):
        write_coco(folder, f"{name}.json", images, "images")


def detection(name: str, score: float = 0.9) -> Detection:
    return (name, score, *BOX[1:])


def test_a_fault_of_today_is_the_limit(init: Init) -> None:
    train = {"ax.jpg": [BOX, OUTSIDE], "bx.jpg": [BOX, OUTSIDE], "cx.jpg": []}
    two_splits(init.folder, train, {"dx.jpg": [BOX], "ex.jpg": []})

    made = init(".")

    assert made.document["rules"]["box-bounds"] == {"max-by-split": {"train": 2}}
    assert "max-by-split = { train = 2 }  # 2 faults: known today; lower it" in made.text
    assert "box-bounds[train]: 2 faults" in made.out
    assert made.red() == {}


def test_one_more_fault_fails(init: Init) -> None:
    two_splits(init.folder, {"ax.jpg": [BOX, OUTSIDE], "cx.jpg": []}, {"dx.jpg": [BOX]})
    made = init(".")

    write_coco(init.folder, "val.json", {"dx.jpg": [BOX, OUTSIDE]}, "images")

    assert list(made.red()) == ["box-bounds[val]"]


def test_names_and_classes_that_are_near_are_accepted(init: Init) -> None:
    two_splits(init.folder, {"ax.jpg": [BOX], "AX.jpg": [BOX], "cx.jpg": []}, {"dx.jpg": [BOX]})

    made = init(".")

    assert made.document["rules"]["duplicate-ids"] == {"max-near-names": 1}
    assert made.red() == {}


def test_a_leak_comes_first_and_fails(init: Init) -> None:
    names = [f"{clip}_{number:03d}.jpg" for clip in ("yard", "roof") for number in range(6)]
    train = {name: [BOX] for name in names} | {"cx.jpg": []}
    two_splits(init.folder, train, {"yard_009.jpg": [BOX], "roof_008.jpg": [BOX]})

    made = init(".")

    assert made.out.splitlines()[:2] == [
        "does not pass until it is fixed:",
        "  clip-overlap[train-val]: 2 of 2 val images share a clip with train (2 clips)",
    ]
    assert "clips: 14 of 15 images in 2 clips, 1 single" in made.out
    assert list(made.red()) == ["clip-overlap[train-val]"]
    assert "# - clip-overlap[train-val]: 2 of 2 val images share a clip with train" in made.text


def test_an_image_that_cannot_be_read_fails(init: Init) -> None:
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": []}, {"dx.jpg": [BOX]})
    (init.folder / "images" / "dx.jpg").write_bytes(b"no image")

    made = init(".")

    assert "image-files[val]: 1 of 1 image has a bad file: 1 unreadable" in made.out
    assert "image-files[val]" in made.red()


def test_a_rotated_image_is_accepted_a_missing_one_is_not(init: Init) -> None:
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": [], "cx.jpg": [BOX]}, {"dx.jpg": [BOX]})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 100)).save(init.folder / "images" / "ax.jpg", exif=exif)
    (init.folder / "images" / "cx.jpg").unlink()

    made = init(".")

    assert made.document["rules"]["image-files"] == {"max-by-split": {"train": 1}}
    assert "image-files[train]" in made.red()
    draw(init.folder, "images/cx.jpg")
    assert made.red() == {}


def test_images_without_labels_are_accepted_by_number(init: Init) -> None:
    yolo_set(init.folder)
    (init.folder / "train/labels/train-2x.txt").unlink()

    made = init("data.yaml")

    assert made.document["rules"]["box-bounds"] == {"max-unlabelled": 1}
    assert "max-unlabelled = 1  # images without label file: known today; lower it" in made.text
    assert made.red() == {}
    (init.folder / "train/labels/train-1x.txt").unlink()
    assert "box-bounds[train]" in made.red()


def test_other_files_are_left_out_by_name(init: Init) -> None:
    yolo_set(init.folder)
    write(init.folder, {"train/images/notes.docx": "x"})

    made = init("data.yaml")

    assert made.document["dataset"]["splits"]["train"]["allow-other-files"] is True
    assert "1 other file left out: notes.docx" in made.text
    assert "allow-other-files" not in made.document["dataset"]["splits"]["val"]
    assert made.red() == {}


def test_images_of_formats_that_are_not_read_are_named(init: Init) -> None:
    """One has a label, so its image is missing; nothing but the note tells of the other."""
    yolo_set(init.folder)
    (init.folder / "train/images/train-1x.jpg").unlink()
    write(init.folder, {"train/images/train-1x.CR2": "x", "valid/images/more.svg": "<svg/>"})

    made = init("data.yaml")

    out = " ".join(made.out.split())
    raw = "(there is train-1x.CR2, which cannot be read: save it as JPEG or PNG)"
    assert f"train: 1 label belongs to a missing image: train-1x.txt {raw}" in out
    svg = "val: more.svg is left out, as it cannot be read: save it as JPEG or PNG"
    assert svg in out
    red = made.judged()
    assert raw in red["image-files[train]"].findings[0].text
    assert raw in red["box-bounds[train]"].left_out[0]
    assert "rules" not in made.document


def test_a_split_in_the_folder_itself_is_a_dot(init: Init) -> None:
    draw(init.folder, "ax.jpg", "bx.jpg")
    text = "<annotation><filename>ax.jpg</filename></annotation>"
    write(init.folder, {"ax.xml": text, "bx.xml": text})

    made = init(".")

    assert "all: .: ax.jpg has two labels" in made.out
    assert str(init.folder) not in made.out + made.text


def test_data_around_the_configuration(init: Init) -> None:
    """Images and labels in one folder, and what the gate writes among them. A run inside pytester
    would leave more there."""
    names = ["ax.jpg", "bx.jpg", "cx.jpg"]
    draw(init.folder, *names)
    labels = {Path(name).with_suffix(".txt").name: YOLO_BOX for name in names}
    write(init.folder, {**labels, "classes.txt": "helmet_off\n"})

    made = init(".")

    assert made.document["dataset"]["splits"]["all"]["allow-other-files"] is True
    assert "# detgate.toml and its report lie there, too" in made.text
    for _ in range(2):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "detgate.toml"]
        done = subprocess.run(command, cwd=init.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert (init.folder / "detgate-report/report.json").is_file()


def without_sizes(path: Path) -> None:
    content = json.loads(path.read_text())
    for image in content["images"]:
        del image["width"], image["height"]
    path.write_text(json.dumps(content))


def test_what_cannot_be_evaluated_is_left_out_by_split(init: Init) -> None:
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": []}, {"dx.jpg": [BOX], "ex.jpg": [BOX]})
    without_sizes(init.folder / "val.json")

    made = init(".")

    assert made.document["rules"]["box-bounds"] == {"splits": ["train"]}
    assert "# box-bounds[val]: " in made.text
    assert made.red() == {}


def test_a_rule_without_any_split_left_is_off(init: Init) -> None:
    write_coco(init.folder, "val.json", {"dx.jpg": [BOX], "ex.jpg": [BOX]}, "images")
    without_sizes(init.folder / "val.json")

    made = init("val.json")

    assert made.document["rules"]["box-bounds"] == {"enabled": False}
    assert made.red() == {}


def test_a_rule_that_crashes_stays_on(init: Init, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether the data would pass it."""
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": []}, {"dx.jpg": [BOX], "ex.jpg": [BOX]})
    monkeypatch.setattr(RuleRegistry().rule("box-bounds"), "check", lambda *inputs: 1 / 0)

    made = init(".")

    assert "box-bounds" not in made.document["rules"]
    assert made.out.count("the rule crashed: ZeroDivisionError") == 2
    assert set(made.red()) == {"box-bounds[train]", "box-bounds[val]"}


def test_boxes_of_unlisted_classes_are_never_known(init: Init) -> None:
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": []}, {"dx.jpg": [BOX], "ex.jpg": [BOX]})
    content = json.loads((init.folder / "val.json").read_text())
    content["annotations"][0]["category_id"] = 77
    write(init.folder, {"val.json": json.dumps(content)})

    made = init(".")

    assert set(made.document["rules"]) == {"empty-gt-share"}
    reason = "val: 1 annotation refers to categories that the file does not list: 77"
    assert made.out.startswith(f"does not pass until it is fixed:\n  {reason}\n")
    assert f"# - {reason}\n" in made.text
    assert made.out.count("not list") == 1
    assert set(made.red()) == {
        f"{code}[val]"
        for code in ("box-bounds", "box-format", "dangling-annotations", "duplicate-boxes")
    }


@pytest.mark.parametrize("classes", [(1, 2), (2, 2)])
def test_classes_numbered_from_1_never_pass(init: Init, classes: tuple[int, int]) -> None:
    """Two names have the numbers 0 and 1."""
    yolo_set(init.folder, names="names: [helmet_off, vest_off]\n")
    for split in ("train", "valid"):
        for number, name in enumerate(classes, start=1):
            write(init.folder, {f"{split}/labels/{split}-{number}x.txt": f"{name}{YOLO_BOX[1:]}"})

    made = init("data.yaml")

    cause = "likely cause: the annotations number the classes from 1, the list from 0"
    assert cause in " ".join(made.out.split())
    assert cause in made.text
    assert "rules" not in made.document
    red = made.red()
    for split in ("train", "val"):
        assert red[f"dangling-annotations[{split}]"].endswith(cause)
        assert cause in red[f"duplicate-boxes[{split}]"]


def test_share_of_empty_images_has_a_floor_a_tenth_below(init: Init) -> None:
    train = {f"{letter}x.jpg": [BOX] if letter < "d" else [] for letter in "abcd"}
    two_splits(init.folder, train, {"ex.jpg": [BOX]})

    made = init(".")

    assert made.document["rules"]["empty-gt-share"] == {"splits": ["train"], "min": 0.225}
    assert "0.250 today, less a tenth" in made.text


def test_no_empty_image_is_said_and_has_no_floor(init: Init) -> None:
    two_splits(init.folder, {"ax.jpg": [BOX]}, {"dx.jpg": [BOX]})

    made = init(".")

    assert "every image of train has an annotation" in made.out
    assert "empty-gt-share" not in made.document.get("rules", {})


def interval(low: float) -> Interval:
    return Interval(low=low, high=1.0, confidence=0.95, method="bootstrap")


@pytest.mark.parametrize(
    ("value", "bounds", "clips", "floor"),
    [
        (0.8, interval(0.61239), 12, (0.612, "0.800 today; lower bound over 12 clips")),
        (0.8, interval(0.61239), None, (0.72, "0.800 today, less a tenth")),
        (0.8, None, 3, (0.72, "0.800 today, less a tenth")),
        (0.8, interval(0.0), 12, (0.72, "0.800 today, less a tenth")),
        (0.001, None, None, None),
        (0.0, None, None, None),
    ],
)
def test_floor(
    value: float, bounds: Interval | None, clips: int | None, floor: tuple[float, str] | None
) -> None:
    made = floor_of(Measurement.shown("ap", value, bounds), clips)

    assert (None if made is None else (made.value, made.why)) == floor


def results(folder: Path, images: dict[str, list[Box]], detections: dict[str, Any]) -> Path:
    path = folder / "found.json"
    path.write_text(json.dumps(result_content(images, detections)))
    return path


def test_result_file_gives_the_model_rules(init: Init) -> None:
    """3 of 4 boxes are found, each before any false box: AP is 76 of 101 points, 0.752."""
    val = {f"{letter}x.jpg": [BOX] for letter in "efgh"}
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": []}, val)
    detections = {f"{letter}x.jpg": [detection("helmet_off")] for letter in "efg"}
    path = results(init.folder, val, detections)

    made = init(".", "--predictions", "val=found.json")

    assert made.document["model"] == {"score-threshold": 0.3, "evaluate-on": "val"}
    rules = made.document["rules"]
    assert rules["mean-ap"] == {"min": 0.677}
    assert rules["class-ap"] == {"classes": {"helmet_off": 0.677}}
    assert rules["recall"] == {"classes": {"helmet_off": 0.675}}
    assert "helmet_off = 0.675  # 0.750 today, less a tenth" in made.text
    assert made.red(val=path) == {}
    results(init.folder, val, {"ex.jpg": [detection("helmet_off")]})
    assert set(made.red(val=path)) == {
        "mean-ap", "class-ap[helmet_off]", "recall[helmet_off]"
    }  # fmt: skip
    assert (
        made.out.splitlines()[-1]
        == "next: pytest detgate.toml --detgate-predictions=val=found.json"
    )


def test_bounds_over_clips_are_the_floor(init: Init) -> None:
    names = [f"{clip}_{number:03d}.jpg" for clip in ("aa", "bb", "cc", "dd", "ee", "ff", "gg")
             for number in range(6)]  # fmt: skip
    val = {name: [BOX] for name in names}
    write_coco(init.folder, "val.json", val, "images")
    detections = {name: [detection("helmet_off")] for name in names if not name.startswith("a")}
    path = results(init.folder, val, detections)

    made = init("val.json", "--predictions", "val=found.json")

    floor = made.document["rules"]["recall"]["classes"]["helmet_off"]
    low = made.judged(val=path)["recall[helmet_off]"].measurements[0].interval
    assert low is not None
    assert floor == int(low.low * 1000) / 1000 < 0.75
    assert "lower bound over 7 clips" in made.text


def test_a_class_that_is_not_found_has_no_floor(init: Init) -> None:
    val = {"ex.jpg": [BOX, ("vest", 60.0, 60.0, 20.0, 20.0)], "fx.jpg": [BOX]}
    classes = ("helmet_off", "vest", "cone")
    write(init.folder, {"val.json": json.dumps(coco_content(val, classes))})
    draw(init.folder, "ex.jpg", "fx.jpg")
    detections = {name: [detection("helmet_off")] for name in val}
    content = result_content(val, detections, classes)
    write(init.folder, {"found.json": json.dumps(content)})

    made = init("val.json", "--predictions", "val=found.json")

    assert list(made.document["rules"]["class-ap"]["classes"]) == ["helmet_off"]
    assert "# no floor for vest: 0 today" in made.text
    assert "# no floor for cone: class 'cone' has no ground truth in val" in made.text
    assert made.red(val=init.folder / "found.json") == {}


def test_a_result_file_of_an_unknown_split_is_refused(init: Init) -> None:
    yolo_set(init.folder)
    write(init.folder, {"found.json": "[]"})

    made = init("data.yaml", "--predictions", "valid=found.json")

    assert made.code == 4
    assert "--predictions: no split or probe 'valid'; did you mean 'val'?" in made.err
    assert not (init.folder / "detgate.toml").exists()


def test_a_result_file_that_cannot_be_read_is_refused(init: Init) -> None:
    yolo_set(init.folder)
    write(init.folder, {"found.json": "{"})

    made = init("data.yaml", "--predictions", "val=found.json")

    assert made.code == 4
    assert made.err.startswith("error: found.json: ")


def test_a_detector_that_finds_nothing_gets_no_limits(init: Init) -> None:
    val = {"ex.jpg": [BOX], "fx.jpg": [BOX]}
    write_coco(init.folder, "val.json", val, "images")
    results(init.folder, val, {})

    made = init("val.json", "--predictions", "val=found.json")

    assert made.code == 0
    assert "not evaluated today, so left out:" in made.out
    assert "mean-ap" not in made.document.get("rules", {})


def test_a_probe_is_a_query_over_the_split(init: Init) -> None:
    """Two false boxes on one of the two images without annotation."""
    val: dict[str, list[Box]] = {"ex.jpg": [BOX], "fx.jpg": [], "gx.jpg": []}
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": []}, val)
    detections = {
        "ex.jpg": [detection("helmet_off")],
        "fx.jpg": [detection("helmet_off"), ("helmet_off", 0.8, 60, 60, 20, 20)],
    }
    path = results(init.folder, val, detections)

    made = init(".", "--predictions", "val=found.json")

    assert made.document["probes"] == {"calm": {"split": "val", "empty": True}}
    assert made.document["rules"]["probe-fp"] == {"probes": {"calm": {"max-boxes": 2}}}
    assert "max-boxes = 2  # 2 on 2 images: known today; lower it" in made.text
    assert made.red(val=path) == {}


def test_a_budget_of_no_box_cannot_be_lower(init: Init) -> None:
    val: dict[str, list[Box]] = {"ex.jpg": [BOX], "fx.jpg": []}
    two_splits(init.folder, {"ax.jpg": [BOX], "bx.jpg": []}, val)
    results(init.folder, val, {"ex.jpg": [detection("helmet_off")]})

    made = init(".", "--predictions", "val=found.json")

    assert "max-boxes = 0  # 0 on 1 image today" in made.text


def test_every_line_says_why_in_ten_words(init: Init) -> None:
    train = {"ax.jpg": [BOX, OUTSIDE], "bx.jpg": [BOX, BOX], "cx.jpg": []}
    val: dict[str, list[Box]] = {"dx.jpg": [BOX], "ex.jpg": []}
    two_splits(init.folder, train, val)
    results(init.folder, val, {"dx.jpg": [detection("helmet_off")]})

    made = init(".", "--predictions", "val=found.json")

    for line in filter(None, made.text.splitlines()):
        if not line.startswith("#"):
            code, mark, why = line.rpartition("  # ")
            assert code, line
            assert mark, line
            assert 1 <= len(re.findall(r"\S+", why)) <= 10, line


def test_yolo_labels_of_a_clean_set_pass(init: Init) -> None:
    yolo_set(init.folder)
    write(init.folder, {"valid/labels/valid-0x.txt": YOLO_BOX})

    made = init("data.yaml")

    assert made.red() == {}
    assert set(made.document["rules"]) == {"empty-gt-share"}
