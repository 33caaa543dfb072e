"""`init` on real data sets, and on inputs as people have them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pytest_detgate.rules.registry import RuleRegistry
from tests.conftest import SHARED
from tests.first_config.projects import Init, Made

SETS = (
    *("css-ppe", "css-ppe/data.yaml", "css-ppe/coco", "css-ppe/coco/violations-valid.json"),
    *("bccd", "raccoon", "tiny-coco", "taco-json", "formats-voc100", "eval-reference"),
    *("formats-voc100/gts/coco_format_v1", "eval-reference/padilla-coco"),
)
CASES = sorted(path.parent.name for path in SHARED.glob("cases/*/README"))


def unexplained(made: Made) -> dict[str, str]:
    """What is red, except leaks and unreadable files, which the file names in its first lines."""
    head = made.text.partition("\nrecommended")[0]
    registry = RuleRegistry()
    left = {}
    for item, message in made.red().items():
        code, _, label = item.partition("[")
        names = label.rstrip("]").split("-")
        never = registry.rule(code).never_accepted and f"# - {item}: " in head
        unreadable = any(f"# - {name}: " in head for name in (label.rstrip("]"), *names))
        if not (never or unreadable):
            left[item] = message
    return left


@pytest.mark.shared
@pytest.mark.parametrize("name", SETS)
def test_set(init: Init, shared_data: Path, name: str) -> None:
    made = init(shared_data / name)

    assert made.code == 0, made.err
    assert unexplained(made) == {}
    comments = [line for line in made.text.splitlines() if line and "# " not in line]
    assert comments == []


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_case(init: Init, shared_data: Path, name: str) -> None:
    shutil.copytree(shared_data / "cases" / name, init.folder, symlinks=True, dirs_exist_ok=True)
    (init.folder / "detgate.toml").unlink(missing_ok=True)

    made = init(".")

    assert made.code == 0, made.err
    assert unexplained(made) == {}


@pytest.mark.shared
def test_css_ppe_tells_the_leak_that_only_names_show(init: Init, shared_data: Path) -> None:
    """SOURCE.md of the set: eight clips and eight source photos are in two splits."""
    made = init(shared_data / "css-ppe" / "data.yaml")

    assert set(made.red()) == {
        "clip-overlap[train-val]",
        "clip-overlap[train-test]",
        "probe-isolation[calm]",
    }
    assert re.search(r"141 of 306 images in 19 clips, 165 single", made.out)


@pytest.mark.shared
def test_bccd_has_exactly_two_boxes_without_area(init: Init, shared_data: Path) -> None:
    made = init(shared_data / "bccd")

    assert made.document["rules"] == {"degenerate-boxes": {"max-by-split": {"train": 1, "val": 1}}}
    assert list(made.red()) == ["duplicate-images[train-val]"]


@pytest.mark.shared
def test_clean_set_passes_whole(init: Init, shared_data: Path) -> None:
    made = init(shared_data / "tiny-coco")

    assert made.red() == {}
    assert "does not pass" not in made.out
