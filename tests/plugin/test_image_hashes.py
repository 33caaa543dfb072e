"""Hashes of pictures in real runs: kept between them, shared by workers, forgotten on demand."""

from __future__ import annotations

import sqlite3

import pytest

from tests.drawn import draw_pictures
from tests.plugin.conftest import CONFIG, GateProject

RULES = """
[rules.duplicate-images]
between = ["train", "val"]
[rules.probe-isolation]
"""
IDS = ["duplicate-images[train-val]", "probe-isolation[youtube]"]
NO_HASHING = """
import pytest_detgate.image_hashes.image_looks

def refuse(content, max_pixels):
    raise AssertionError("decoded again")

pytest_detgate.image_hashes.image_looks.decode = refuse
"""


@pytest.fixture
def pictures(project: GateProject) -> GateProject:
    """The project with pictures, none of which shows what another does."""
    folder = project.pytester.path
    names = ["yard_1.jpg", "yard_2.jpg", "roof_1.jpg", "roof_2.jpg", "roof_3.jpg"]
    draw_pictures(folder / "data" / "images", {name: name for name in names})
    draw_pictures(folder / "probes" / "youtube", {f"tube_{n}.jpg": f"tube {n}" for n in (1, 2)})
    rules = CONFIG.partition("[rules.empty-gt-share]")[0] + RULES
    project.write("detgate.toml", rules)
    return project


def cached_hashes(project: GateProject) -> int:
    """How many hashes the cache holds."""
    path = project.pytester.path / ".pytest_cache" / "d" / "detgate" / "detections.sqlite"
    if not path.exists():
        return 0
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM hashes_1").fetchone()
    connection.close()
    return int(count)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_second_run_hashes_nothing(pictures: GateProject, workers: tuple[str, ...]) -> None:
    assert pictures.gate("detgate.toml", *workers, with_predictions=False).ret == 0
    assert pictures.verdicts() == dict.fromkeys(IDS, "passed")
    assert cached_hashes(pictures) == 7
    pictures.write("conftest.py", NO_HASHING)

    result = pictures.gate("detgate.toml", *workers, with_predictions=False)

    assert result.ret == 0
    assert pictures.verdicts() == dict.fromkeys(IDS, "passed")


def test_no_cache_neither_uses_nor_keeps(pictures: GateProject) -> None:
    arguments = ("detgate.toml", "--detgate-no-cache")
    assert pictures.gate(*arguments, with_predictions=False).ret == 0
    assert cached_hashes(pictures) == 0

    assert pictures.gate("detgate.toml", with_predictions=False).ret == 0
    pictures.write("conftest.py", NO_HASHING)
    assert pictures.gate(*arguments, with_predictions=False).ret == 1
    reasons = {rule["message"] for rule in pictures.report["rules"]}
    assert any("cannot be read, first yard_1.jpg: decoded again" in reason for reason in reasons)


def test_these_are_data_rules(pictures: GateProject) -> None:
    result = pictures.gate("detgate.toml", "-m", "detgate_data", with_predictions=False)

    result.assert_outcomes(passed=2)


def test_copies_block_and_are_shown(pictures: GateProject) -> None:
    folder = pictures.pytester.path / "data" / "images"
    (folder / "roof_2.jpg").write_bytes((folder / "yard_1.jpg").read_bytes())

    result = pictures.gate("detgate.toml", with_predictions=False)

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*_ duplicate-images?train-val? _*",
            "1 of 3 val images is in train too, 1 of*",
            "*count 1, at most 0   <- over the limit",
            "*- val/roof_2.jpg: the same bytes as train/yard_1.jpg",
        ]
    )
