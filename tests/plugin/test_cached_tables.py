"""Tables of large annotation files are kept between runs, and a run says the same with them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.testing import coco_content
from tests.plugin.conftest import GateProject

CONFIG = """
[dataset.splits.train]
annotations = "train.json"
images = "images"
[rules.duplicate-ids]
[rules.duplicate-boxes]
[rules.class-support]
min-boxes = 1
[rules.class-ap]
min = 0.5
[model]
evaluate-on = "train"
"""


@pytest.fixture
def large(pytester: pytest.Pytester) -> GateProject:
    """A project with an annotation file that is worth keeping, and one doubled box in it."""
    pytester.makeini("[pytest]\n")
    project = GateProject(pytester)
    boxes = [("helmet_off", number % 90, number // 90 % 90, 5, 5) for number in range(8000)]
    images = {f"{number}.jpg": boxes for number in range(9)}
    images["9.jpg"] = [boxes[0], boxes[0]]
    project.write("train.json", coco_content(images))
    project.write("detgate.toml", CONFIG)
    train = pytester.path / "train.json"
    os.utime(train, (1_700_000_000, 1_700_000_000))
    return project


def cached_tables(project: GateProject) -> list[Path]:
    return sorted(project.pytester.path.glob(".pytest_cache/**/*.tables"))


def report_without_times(project: GateProject) -> Any:
    """What the last run said, without how long it took."""
    report = project.report
    for rule in report["rules"]:
        rule.pop("duration_s")
    return report["rules"], report["dataset"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_second_run_says_the_same_from_what_is_kept(
    large: GateProject, workers: tuple[str, ...]
) -> None:
    arguments = ("detgate.toml", "-m", "detgate_data", *workers)

    assert large.gate(*arguments, with_predictions=False).ret == 1
    first = report_without_times(large)
    (entry,) = cached_tables(large)
    written = entry.stat().st_mtime_ns, entry.stat().st_ino
    assert large.gate(*arguments, with_predictions=False).ret == 1

    assert report_without_times(large) == first
    assert cached_tables(large) == [entry]
    assert entry.stat().st_ino == written[1]
    content = (large.pytester.path / "train.json").read_bytes()
    assert first[1]["splits"]["train"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert large.verdicts() == {
        "duplicate-ids[train]": "passed",
        "duplicate-boxes[train]": "failed",
        "class-support[train]": "passed",
    }


def test_a_changed_file_is_what_the_next_run_sees(large: GateProject) -> None:
    arguments = ("detgate.toml", "-k", "duplicate-boxes")
    assert large.gate(*arguments, with_predictions=False).ret == 1
    path = large.pytester.path / "train.json"
    text = path.read_text()
    path.write_text(text.replace('"bbox": [0, 0, 5, 5]', '"bbox": [0, 0, 5, 9]', 1))

    large.gate(*arguments, with_predictions=False)

    (rule,) = large.report["rules"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert large.report["dataset"]["splits"]["train"]["sha256"] == digest
    assert rule["verdict"] == "failed"


@pytest.mark.parametrize("option", [("--detgate-no-cache",), ("-p", "no:cacheprovider")])
def test_nothing_is_kept_where_nothing_may_be(large: GateProject, option: tuple[str, ...]) -> None:
    result = large.gate("detgate.toml", "-m", "detgate_data", *option, with_predictions=False)

    assert result.ret == 1
    assert cached_tables(large) == []
