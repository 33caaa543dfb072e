"""The drawn building sites: what splits and probes promise, and that they can be drawn again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from tests.processes import PATIENCE_S

SITE = Path(__file__).parents[2] / "examples" / "site"
FRAME = re.compile(r"(?P<clip>[^/]+)_(?P<frame>\d+)\.jpg$")


def draw(out: Path, seed: int = 0) -> Path:
    """The folder into which a small version of the data was drawn."""
    command = [sys.executable, str(SITE / "make_data.py")]
    options = ["--out", str(out), "--seed", str(seed), "--clips", "2"]
    subprocess.run([*command, *options], check=True, timeout=PATIENCE_S)
    return out


def coco(path: Path) -> dict[str, Any]:
    """A COCO file."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def clips(names: list[str]) -> set[str]:
    """The clips of files; every name has to match."""
    matches = [FRAME.search(name) for name in names]
    return {match["clip"] for match in matches if match}


def empty_share(data: dict[str, Any]) -> float:
    """Images without a box, as a share of all."""
    with_box = {annotation["image_id"] for annotation in data["annotations"]}
    return 1 - len(with_box) / len(data["images"])


def file_names(data: dict[str, Any]) -> list[str]:
    """The file names of a COCO file in its order."""
    return [image["file_name"] for image in data["images"]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small version of the data."""
    return draw(tmp_path_factory.mktemp("site"))


def test_training_on_violations_has_no_compliant_frame(data: Path) -> None:
    """The split that teaches the mistake has a violation in every frame."""
    assert empty_share(coco(data / "train.json")) == 0


def test_mended_training_adds_compliant_frames(data: Path) -> None:
    """The mended split keeps every frame and annotation and adds a third without any."""
    before, after = coco(data / "train.json"), coco(data / "train_neg.json")

    assert before["annotations"] == after["annotations"]
    assert before["images"] == after["images"][: len(before["images"])]
    assert empty_share(after) == pytest.approx(1 / 3, abs=0.02)


def test_validation_has_both_kinds(data: Path) -> None:
    """Validation holds violations of both classes, and compliant frames."""
    val = coco(data / "val.json")

    assert {1, 2} == {annotation["category_id"] for annotation in val["annotations"]}
    assert 0.2 < empty_share(val) < 0.5


def test_probes_hold_no_annotation(data: Path) -> None:
    """One probe is a folder, the other a COCO file without boxes; both have pictures."""
    other = coco(data / "probes" / "other_style.json")
    pictures = sorted(path.name for path in (data / "probes" / "other_style").iterdir())

    assert other["annotations"] == []
    assert sorted(file_names(other)) == pictures
    assert list((data / "probes" / "same_sites").glob("*.jpg"))


def test_no_clip_is_used_twice(data: Path) -> None:
    """Training, validation and the probes are of different clips, and every name tells its clip."""
    folders = [
        file_names(coco(data / "train_neg.json")),
        file_names(coco(data / "val.json")),
        [path.name for path in (data / "probes" / "same_sites").iterdir()],
        [path.name for path in (data / "probes" / "other_style").iterdir()],
    ]
    sets = [clips(names) for names in folders]

    assert all(FRAME.search(name) for names in folders for name in names)
    assert sum(map(len, sets)) == len(set.union(*sets))


def test_same_sites_are_trained_on_and_other_style_is_not(data: Path) -> None:
    """One probe is of the training sites, the other of sites that no split knows."""

    def sites(names: list[str]) -> set[str]:
        return {clip.rstrip("0123456789") for clip in clips(names)}

    trained = {image["site"] for image in coco(data / "train_neg.json")["images"]}
    validated = {image["site"] for image in coco(data / "val.json")["images"]}

    assert sites([path.name for path in (data / "probes" / "same_sites").iterdir()]) == trained
    assert trained < validated
    assert not validated & sites(file_names(coco(data / "probes" / "other_style.json")))


@pytest.mark.parametrize("name", ["train.json", "train_neg.json", "val.json"])
def test_coco_files_are_sound(data: Path, name: str) -> None:
    """Ids are unique, boxes are inside their image, areas agree, files are there."""
    split = coco(data / name)
    sizes = {image["id"]: (image["width"], image["height"]) for image in split["images"]}

    assert len(sizes) == len(split["images"]) == len(set(file_names(split)))
    assert [annotation["id"] for annotation in split["annotations"]] == list(
        range(1, len(split["annotations"]) + 1)
    )
    for annotation in split["annotations"]:
        left, top, width, height = annotation["bbox"]
        assert 0 <= left < left + width <= sizes[annotation["image_id"]][0] + 0.01
        assert 0 <= top < top + height <= sizes[annotation["image_id"]][1] + 0.01
        assert annotation["area"] == pytest.approx(width * height, abs=0.01)
        assert annotation["iscrowd"] == 0
    for image in split["images"]:
        with Image.open(data / "images" / image["file_name"]) as picture:
            assert (image["width"], image["height"]) == picture.size


def test_same_seed_draws_the_same(data: Path, tmp_path: Path) -> None:
    """A second drawing is equal byte for byte; another seed draws something else."""

    def contents(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    first = contents(data)

    assert first == contents(draw(tmp_path / "again"))
    assert first != contents(draw(tmp_path / "other", seed=1))


def test_both_gates_have_the_same_budgets() -> None:
    """The two gates of the example differ in training split and model, and the second is also
    compared with the first."""
    gates = [
        msgspec.toml.decode((SITE / name).read_bytes())["rules"]
        for name in ("detgate.toml", "detgate-mended.toml")
    ]
    for rules in gates:
        del rules["checkpoint-choice"]["checkpoints"]
    del gates[1]["ap-regression"], gates[1]["fp-regression"]

    assert gates[0] == gates[1]
    assert len(gates[0]) == 11
