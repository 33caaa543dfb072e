"""A result file that says which images or classes it covers must cover them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import result_rows, write_json
from tests.judged import judged, split_tables
from tests.rules.comparing import Comparison

BOX = (10.0, 10.0, 40.0, 40.0)
CLASSES = ("worker", "cone")
SPLIT = {f"a_{n}.jpg": [("worker", *BOX), ("cone", 60.0, 60.0, 20.0, 20.0)] for n in range(4)}
DETECTIONS = {
    name: [("worker", 0.9, *BOX), ("cone", 0.9, 60.0, 60.0, 20.0, 20.0)] for name in SPLIT
}
FRAMES: dict[str, list[Any]] = {f"c_{n}.jpg": [] for n in range(10)}

MODEL_RULES = {
    "mean-ap": "min = 0.1",
    "class-ap": "min = 0.1",
    "recall": "min = 0.1",
    "size-ap": "small = 0.1",
    "slice-ap": 'by = "width"\nmin = 0.1',
    "error-budget": "miss = 0.9",
    "calibration": "max = 0.9",
    "absent-class-boxes": "",
    "operating-point": "max-boxes = 1\nmin-recall = 0.1",
    "probe-fp": "max-boxes = 1",
}
"""Rules that look at detections, with limits that a perfect detector keeps."""

Gate = Callable[..., dict[str, RuleResult]]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A function from the content of two result files to the results of the rules."""

    def run(val: Any = None, calm: Any = None, code: str = "", options: str = "") -> Any:
        write_json(tmp_path / "val.json", coco_content(SPLIT, CLASSES))
        write_json(tmp_path / "calm.json", coco_content(FRAMES, CLASSES))
        rules = {code: MODEL_RULES[code]} if code else MODEL_RULES
        config = (
            split_tables(val="images")
            + '[probes.calm]\nannotations = "calm.json"\nimages = "images"\n'
            + "".join(f"[rules.{rule}]\n{table}\n{options}\n" for rule, table in rules.items())
        )
        files = {
            "val": result_content(SPLIT, DETECTIONS, CLASSES) if val is None else val,
            "calm": result_content(FRAMES, {}, CLASSES) if calm is None else calm,
        }
        paths = {
            name: write_json(tmp_path / f"{name}-found.json", content)
            for name, content in files.items()
        }
        return judged(tmp_path, config, paths)

    return run


def named(content: dict[str, Any], **lists: Any) -> dict[str, Any]:
    return {**content, **lists}


def test_files_that_cover_all_pass(gate: Gate) -> None:
    assert {result.verdict for result in gate().values()} == {"passed"}


@pytest.mark.parametrize("code", MODEL_RULES)
def test_images_that_the_file_does_not_list_are_not_looked_at(gate: Gate, code: str) -> None:
    """One of four images of the split, three of ten frames of the probe."""
    val, calm = result_content(SPLIT, DETECTIONS, CLASSES), result_content(FRAMES, {}, CLASSES)
    val["images"], calm["images"] = val["images"][:1], calm["images"][:3]
    val["annotations"] = [row for row in val["annotations"] if row["image_id"] == 1]
    items = gate(val, calm, code)

    assert items
    for result in items.values():
        assert result.verdict == "not-evaluated"
        looked = {"probe-fp": (3, 10), "operating-point": (4, 14)}.get(code, (1, 4))
        assert (result.looked_at, result.to_look_at, result.look_unit) == (*looked, "images")
        assert "are not listed in the result file" in result.message


@pytest.mark.parametrize("code", MODEL_RULES)
@pytest.mark.parametrize("left", [1, 0])
def test_classes_that_the_file_does_not_list_are_not_looked_at(
    gate: Gate, code: str, left: int
) -> None:
    val, calm = result_content(SPLIT, DETECTIONS, CLASSES), result_content(FRAMES, {}, CLASSES)
    for content in (val, calm):
        content["categories"] = content["categories"][:left]
        content["annotations"] = [
            row for row in content["annotations"] if row["category_id"] <= left
        ]
    items = gate(val, calm, code)

    assert items
    assert {result.verdict for result in items.values()} == {"not-evaluated"}
    if left:
        for result in items.values():
            both = 2 if code == "operating-point" else 1
            looked = (result.looked_at, result.to_look_at, result.look_unit)
            assert looked == (both, 2 * both, "classes")
            assert "not listed in the result file: cone" in result.message


@pytest.mark.parametrize("allowed", ["true", "1"])
def test_missing_classes_may_be_allowed(gate: Gate, allowed: str) -> None:
    val, calm = result_content(SPLIT, DETECTIONS, CLASSES), result_content(FRAMES, {}, CLASSES)
    for content in (val, calm):
        content["categories"] = content["categories"][:1]
        content["annotations"] = [row for row in content["annotations"] if row["category_id"] == 1]
    items = gate(val, calm, options=f"allow-missing-classes = {allowed}")

    # What the file leaves out counts as not found: recall and AP of cone are 0, the mean is half.
    failed = {item for item, result in items.items() if result.verdict == "failed"}
    assert {result.verdict for result in items.values()} == {"passed", "failed"}
    assert failed >= {"class-ap[cone]", "recall[cone]"}
    assert items["probe-fp[calm]"].verdict == "passed"
    assert items["probe-fp[calm]"].left_out_allowed == 1
    assert items["mean-ap"].measurements[0].value == pytest.approx(0.5)


@pytest.mark.parametrize("given", ["-1", '"yes"'])
def test_other_values_of_the_option_are_refused(gate: Gate, given: str) -> None:
    with pytest.raises(ConfigError, match="allow-missing-classes"):
        gate(code="probe-fp", options=f"allow-missing-classes = {given}")


def test_no_class_at_all_is_not_allowed_by_a_number_of_them(gate: Gate) -> None:
    calm = named(result_content(FRAMES, {}, CLASSES), categories=[])
    (result,) = gate(calm=calm, code="probe-fp", options="allow-missing-classes = true").values()

    assert result.verdict == "not-evaluated"


@pytest.mark.parametrize(
    "content", [[], {"annotations": []}, {"annotations": [], "images": []}], ids=str
)
@pytest.mark.parametrize("code", ["probe-fp", "mean-ap", "absent-class-boxes"])
def test_an_empty_file_must_say_which_images_it_covers(gate: Gate, code: str, content: Any) -> None:
    """A file without detections must say which images it covers."""
    items = gate(content, content, code)

    assert {result.verdict for result in items.values()} == {"not-evaluated"}
    for result in items.values():
        assert (result.looked_at, result.look_unit) == (0, "images")


def in_two_files(folder: Path, first: Any, second: Any, config: str) -> dict[str, RuleResult]:
    write_json(folder / "val.json", coco_content(SPLIT, CLASSES))
    files = [write_json(folder / f"{n}.json", each) for n, each in enumerate((first, second))]
    return judged(
        folder,
        split_tables(val="images") + config,
        lambda project: ResultFiles({"val": files}, project),
    )


def on_images(ids: set[int], classes: int) -> dict[str, Any]:
    """A file that lists some images of the split and the first classes."""
    content = result_content(SPLIT, DETECTIONS, CLASSES)
    return {
        "images": [image for image in content["images"] if image["id"] in ids],
        "categories": content["categories"][:classes],
        "annotations": [
            row
            for row in content["annotations"]
            if row["image_id"] in ids and row["category_id"] <= classes
        ],
    }


AP = "[rules.mean-ap]\nmin = 0.1\n[rules.class-ap]\nmin = 0.1\n"


def test_a_class_that_one_of_two_files_leaves_out(tmp_path: Path) -> None:
    """It was not looked for on two of the four images."""
    items = in_two_files(tmp_path, on_images({1, 2}, 2), on_images({3, 4}, 1), AP)

    assert {result.verdict for result in items.values()} == {"not-evaluated"}
    assert "not listed in the result file: cone" in items["mean-ap"].message


def test_a_class_that_a_file_leaves_out_beside_a_bare_list(tmp_path: Path) -> None:
    first = on_images({1, 2}, 2)["annotations"]
    items = in_two_files(tmp_path, first, on_images({3, 4}, 1), AP)

    assert {result.verdict for result in items.values()} == {"not-evaluated"}


def test_two_files_that_list_all_classes_pass(tmp_path: Path) -> None:
    items = in_two_files(tmp_path, on_images({1, 2}, 2), on_images({3, 4}, 2), AP)

    assert {result.verdict for result in items.values()} == {"passed"}


def test_an_empty_list_beside_a_file_that_lists_its_images(tmp_path: Path) -> None:
    """Nobody says that the detector saw the other two images."""
    items = in_two_files(tmp_path, on_images({1, 2}, 2), [], AP)

    assert {result.verdict for result in items.values()} == {"not-evaluated"}
    assert (items["mean-ap"].looked_at, items["mean-ap"].to_look_at) == (2, 4)


def test_a_folder_takes_the_classes_of_the_evaluated_split(tmp_path: Path) -> None:
    """A folder is judged by the classes of the evaluated split."""
    for name in FRAMES:
        (tmp_path / "calm").mkdir(exist_ok=True)
        (tmp_path / "calm" / name).write_bytes(b"")
    write_json(tmp_path / "val.json", coco_content(SPLIT, CLASSES))
    config = (
        split_tables(val="images") + '[probes.calm]\nimages = "calm"\n'
        "[rules.probe-fp]\nmax-boxes = 1\n"
    )

    def verdict(classes: tuple[str, ...], options: str = "") -> RuleResult:
        content = result_content(FRAMES, {}, classes)
        results_path = write_json(tmp_path / "found.json", content)
        on_val = write_json(tmp_path / "val-found.json", result_content(SPLIT, DETECTIONS, CLASSES))
        files = {"calm": results_path, "val": on_val}
        return judged(tmp_path, config + options, files)["probe-fp[calm]"]

    assert verdict(CLASSES).verdict == "passed"
    first = verdict(("worker",))
    assert (first.verdict, first.looked_at, first.to_look_at) == ("not-evaluated", 1, 2)
    assert verdict(("worker",), "allow-missing-classes = 1").verdict == "passed"
    assert verdict(()).verdict == "not-evaluated"
    write_json(tmp_path / "found.json", [])
    empty = judged(tmp_path, config, {"calm": tmp_path / "found.json"})["probe-fp[calm]"]
    assert (empty.verdict, empty.looked_at, empty.to_look_at) == ("not-evaluated", 0, 10)


def test_a_file_without_any_class_where_none_is_known(tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    (tmp_path / "calm" / "c_0.jpg").write_bytes(b"")
    content = result_content({"c_0.jpg": []}, {}, ())
    results_path = write_json(tmp_path / "found.json", content)
    config = '[probes.calm]\nimages = "calm"\n[rules.probe-fp]\nmax-boxes = 1\n'
    (result,) = judged(tmp_path, config, {"calm": results_path}).values()

    assert result.verdict == "not-evaluated"
    assert "lists no class at all" in result.message


@pytest.mark.parametrize("bare", [True, False])
def test_the_record_says_where_a_file_does_not_list_its_images(tmp_path: Path, bare: bool) -> None:
    rows = result_rows(SPLIT, dict(list(DETECTIONS.items())[:3]), CLASSES)
    results_path = write_json(tmp_path / "found.json", rows if bare else {"annotations": rows})
    write_json(tmp_path / "val.json", coco_content(SPLIT, CLASSES))
    path = tmp_path / "detgate.toml"
    path.write_text(split_tables(val="images") + "[rules.mean-ap]\nmin = 0.1", encoding="utf-8")
    project = Project(load_configuration(path), tmp_path)
    source = ResultFiles({"val": results_path}, project)
    Inputs(project, source).detections("val")

    what = "is a bare list" if bare else "does not list its images"
    assert source.predictions_records()["val"].notes == [
        f"found.json {what}: images without rows count as images without detections (1 of 4)"
    ]


def test_a_file_with_rows_for_every_image_needs_no_note(tmp_path: Path) -> None:
    split: dict[str, list[Any]] = {"a_1.jpg": [], "a_2.jpg": []}
    box = [(CLASSES[0], 0.9, 10, 10, 40, 40)]
    results_path = write_json(
        tmp_path / "found.json", result_rows(split, dict.fromkeys(split, box), CLASSES)
    )
    write_json(tmp_path / "val.json", coco_content(split, CLASSES))
    path = tmp_path / "detgate.toml"
    path.write_text(split_tables(val="images") + "[rules.mean-ap]\nmin = 0.1", encoding="utf-8")
    project = Project(load_configuration(path), tmp_path)
    source = ResultFiles({"val": results_path}, project)
    Inputs(project, source).detections("val")

    assert source.predictions_records()["val"].notes == []


@pytest.mark.parametrize(
    ("written", "is_told"),
    [
        ("{}", False),
        ("images/{}", False),
        ("site/images/{}", False),
        (".\\images\\{}", False),
        ("/elsewhere/data/images/{}", False),
        ("frames/{}", True),
        ("other/images/{}", True),
        ("/elsewhere/data/frames/{}", True),
        ("C:\\data\\frames\\{}", True),
    ],
)
def test_paths_in_other_folders_are_told(tmp_path: Path, written: str, is_told: bool) -> None:
    """Each name is there once, so they are taken, and may yet be those of another data set."""
    folder = tmp_path / "site"
    folder.mkdir()
    content = result_content(SPLIT, DETECTIONS, CLASSES)
    for image in content["images"]:
        image["file_name"] = written.format(image["file_name"])
    results_path = write_json(folder / "found.json", content)
    write_json(folder / "val.json", coco_content(SPLIT, CLASSES))
    path = folder / "detgate.toml"
    path.write_text(split_tables(val="images") + "[rules.mean-ap]\nmin = 0.1", encoding="utf-8")
    project = Project(load_configuration(path), folder)
    source = ResultFiles({"val": results_path}, project)
    Inputs(project, source).detections("val")

    first = written.format(next(iter(SPLIT)))
    note = (
        f"found.json: {len(SPLIT)} images of val matched by name only, in other folders: "
        f"{first!r} is taken for images/{next(iter(SPLIT))}"
    )
    assert source.predictions_records()["val"].notes == [note] * is_told


TWICE = {
    "annotations of the file": '{"annotations": [], "images": [], "annotations": []}',
    "categories of the file": '{"annotations": [], "categories": [], "categories": []}',
    "name of a category": '{"annotations": [], "categories": [{"id": 1, "name": "a", "id": 2}]}',
    "score": '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9, "score": 0}]',
    "an escaped score": (
        '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9, "sc\\u006fre": 0}]'
    ),
}


@pytest.mark.parametrize("text", TWICE.values(), ids=TWICE)
def test_a_key_that_occurs_twice_is_refused(gate: Gate, tmp_path: Path, text: str) -> None:
    from pytest_detgate.dataset.coco.reader import read_coco
    from pytest_detgate.dataset.coco.results import read_results

    (tmp_path / "val.json").write_text(json.dumps(coco_content(SPLIT, CLASSES)))
    (tmp_path / "found.json").write_text(text)
    dataset = read_coco(tmp_path / "val.json", tmp_path, "val")

    with pytest.raises(DataError, match="occurs twice in one object"):
        read_results(tmp_path / "found.json", dataset)


def test_an_incomplete_baseline_is_no_baseline(tmp_path: Path) -> None:
    """Its AP would be too low, and the gated model would seem no worse than it."""
    site = Comparison(tmp_path, {"val": SPLIT}, CLASSES)
    old, new = (
        site.model("old", val=DETECTIONS),
        site.model("new", val=dict(list(DETECTIONS.items())[:1])),
    )
    content = json.loads((tmp_path / "old" / "val.json").read_text())
    content["images"] = content["images"][:1]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] == 1]
    site.write("old/val.json", content)
    (result,) = site.results("[rules.ap-regression]\nmax-drop = 0.01", new, baseline=old).values()

    assert result.verdict == "not-evaluated"
    assert "the baseline old.pth: 3 images of val are not listed" in result.message
