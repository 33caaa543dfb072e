"""`recommended = true`: what it switches on, what wins, and that clean data are never red."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import ConfigError
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.documentation.config_schema import config_schema
from pytest_detgate.rules.recommended import RECOMMENDED
from pytest_detgate.rules.registry import rule_classes
from pytest_detgate.testing import coco_content, draw_image
from tests.judged import judged, split_tables

BOX = ("helmet_off", 10, 10, 30, 30)
PATTERN = "[dataset]\nframe-pattern = '(?P<clip>[a-z]+)_'\n"


def write_splits(folder: Path, *names: str) -> str:
    """Write a clean COCO file and two images for each split; return their tables."""
    for name in names:
        images = {f"{name}_1.jpg": [BOX], f"{name}_2.jpg": []}
        (folder / f"{name}.json").write_text(json.dumps(coco_content(images)))
        for image in images:
            draw_image(image).save(folder / image)
    return split_tables(**dict.fromkeys(names, "."))


def items(folder: Path, config: str) -> list[str]:
    (folder / "detgate.toml").write_text(config)
    project = Project(load_configuration(folder / "detgate.toml"), folder)
    return [bound.item_name(target) for bound in bind_rules(project) for target in bound.targets]


def mistake(folder: Path, config: str) -> str:
    with pytest.raises(ConfigError) as raised:
        items(folder, config)
    return str(raised.value)


def test_rules_that_are_safe_are_recommended() -> None:
    safe = [code for code, kind in rule_classes().items() if kind.safe_because is not None]

    assert list(RECOMMENDED) == safe


def test_splits_are_compared_with_the_training_split(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "val", "train", "test")

    names = items(tmp_path, f"recommended = true\n{PATTERN}{tables}")

    assert [name for name in names if name.startswith("clip-overlap")] == [
        "clip-overlap[train-val]",
        "clip-overlap[train-test]",
    ]
    assert "duplicate-images[train-val]" in names
    assert [name for name in names if name.startswith("box-bounds")] == [
        f"box-bounds[{split}]" for split in ("val", "train", "test")
    ]


def test_without_a_pattern_no_clip_is_compared(tmp_path: Path) -> None:
    names = items(tmp_path, f"recommended = true\n{write_splits(tmp_path, 'train', 'val')}")

    assert not any(name.startswith("clip-overlap") for name in names)


def test_probes_are_compared_with_the_training_split(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "training", "val")
    (tmp_path / "calm").mkdir()
    draw_image("calm").save(tmp_path / "calm" / "calm_1.jpg")

    results = judged(tmp_path, f'recommended = true\n{tables}[probes.calm]\nimages = "calm"\n')

    assert results["probe-isolation[calm]"].verdict == "passed"


def test_a_part_of_the_training_split_is_not_compared_with_it(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train", "val")
    probes = "".join(
        f'[probes.{split}-calm]\nsplit = "{split}"\nempty = true\n' for split in ("train", "val")
    )

    names = items(tmp_path, f"recommended = true\n{tables}{probes}")

    assert [name for name in names if name.startswith("probe-isolation")] == [
        "probe-isolation[val-calm]"
    ]


def test_without_a_training_split_no_probe_is_compared(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "val")

    names = items(
        tmp_path, f'recommended = true\n{tables}[probes.calm]\nsplit = "val"\nempty = true\n'
    )

    assert not any(name.startswith("probe-isolation") for name in names)


def test_clean_splits_pass(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train", "val")

    results = judged(tmp_path, f"recommended = true\n{PATTERN}{tables}")

    assert {result.verdict for result in results.values()} == {"passed"}


def test_a_table_of_the_file_wins(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train", "val")

    names = items(tmp_path, f'recommended = true\n{tables}[rules.box-bounds]\nsplits = ["val"]\n')

    assert [name for name in names if name.startswith("box-bounds")] == ["box-bounds[val]"]


@pytest.mark.parametrize("code", ["box-bounds", "duplicate-images"])
def test_a_rule_is_switched_off(tmp_path: Path, code: str) -> None:
    tables = write_splits(tmp_path, "train", "val")
    config = f"recommended = true\n{tables}[rules.{code}]\nenabled = false\n"

    assert not any(name.startswith(code) for name in items(tmp_path, config))
    jsonschema.validate(msgspec.toml.decode(config), config_schema(rule_classes()))


def test_a_switched_off_table_is_still_checked(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train")
    config = f"recommended = true\n{tables}[rules.box-bounds]\nenabled = false\nmaks = 3\n"

    assert "no such key; did you mean 'max'?" in mistake(tmp_path, config)


def test_a_file_with_every_rule_off_is_refused(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train")

    assert "no rule is on" in mistake(tmp_path, f"{tables}[rules.box-bounds]\nenabled = false\n")


def test_recommended_without_a_split_is_refused(tmp_path: Path) -> None:
    assert "no rule is on" in mistake(tmp_path, "recommended = true\n")
    assert "no rules" in mistake(tmp_path, "recommended = false\n")


def test_a_wrong_pattern_is_reported_once(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train", "val")
    config = f"recommended = true\n[dataset]\nframe-pattern = '(?P<clip>'\n{tables}"

    text = mistake(tmp_path, config)

    assert text.startswith("detgate.toml:3: [dataset] frame-pattern: not a regular expression")


def test_a_limit_of_one_split_leaves_the_others_alone(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train", "val")
    for name in ("train", "val"):
        outside = {f"{name}_1.jpg": [BOX, ("helmet_off", 90, 90, 30, 30)], f"{name}_2.jpg": []}
        (tmp_path / f"{name}.json").write_text(json.dumps(coco_content(outside)))

    results = judged(tmp_path, f"{tables}[rules.box-bounds]\nmax-by-split = {{ train = 1 }}\n")

    assert results["box-bounds[train]"].verdict == "passed"
    assert results["box-bounds[val]"].verdict == "failed"


def test_a_limit_of_a_split_that_is_not_there_is_refused(tmp_path: Path) -> None:
    tables = write_splits(tmp_path, "train")
    config = f"{tables}[rules.box-bounds]\nmax-by-split = {{ trian = 1 }}\n"

    assert "no split 'trian'; did you mean 'train'?" in mistake(tmp_path, config)


YOLO = '[dataset.splits.train]\nformat = "yolo"\nannotations = "{gts}/yolo_format/obj_train_data"\n'
CLEAN_SETS = {
    "coco": '[dataset.splits.train]\nannotations = "{gts}/coco_format_v1/instances_default.json"\n',
    "voc": '[dataset.splits.train]\nformat = "voc"\nannotations = "{gts}/pascalvoc_format"\n',
    "cvat": '[dataset.splits.train]\nformat = "cvat"\n'
    'annotations = "{gts}/cvat_format/annotations.xml"\n',
    "openimages": '[dataset.splits.train]\nformat = "openimages"\n'
    'annotations = "{gts}/openimages_format/all_bounding_boxes.csv"\n',
    "yolo": YOLO,
}


@pytest.mark.shared
@pytest.mark.parametrize("form", CLEAN_SETS)
def test_nothing_is_red_on_clean_data(form: str, tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "formats-voc100"
    config = CLEAN_SETS[form].format(gts=folder / "gts") + f'images = "{folder}/images"\n'

    results = judged(tmp_path, f"recommended = true\n{config}")

    assert {
        name: result.message for name, result in results.items() if result.verdict != "passed"
    } == {}


@pytest.mark.shared
def test_nothing_is_red_on_tiny_coco(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "tiny-coco"
    tables = "".join(
        f'[dataset.splits.{name}]\nannotations = "{folder}/annotations/instances_{name}2017.json"\n'
        f'images = "{folder}/images/{name}2017"\n'
        for name in ("train", "val")
    )

    results = judged(tmp_path, f"recommended = true\n{tables}")

    assert {
        name: result.message for name, result in results.items() if result.verdict != "passed"
    } == {}
