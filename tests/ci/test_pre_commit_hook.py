"""The hook for pre-commit: what it runs, when, and in what surroundings."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from pytest_detgate.testing import coco_content
from tests.ci.steps import ROOT, clean_environment

pytestmark = pytest.mark.source
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
CONFIG = """\
[dataset.splits.train]
annotations = "train.json"
images = "images"
[model]
evaluate-on = "train"
[rules.box-bounds]
[rules.mean-ap]
min = 0.8
"""


@pytest.mark.parametrize(("width", "code"), [(40, 0), (400, 1)])
def test_data_rules_alone_are_run(width: int, code: int, tmp_path: Path) -> None:
    """With none of the packages that `conftest.py` and the ini file of the project need."""
    box = ("helmet_off", 10, 10, width, 40)
    (tmp_path / "train.json").write_text(json.dumps(coco_content({"a.jpg": [box]})))
    (tmp_path / "detgate.toml").write_text(CONFIG)
    (tmp_path / "conftest.py").write_text("import a_package_that_nobody_has\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --cov-of-nothing\n")

    run = subprocess.run(
        shlex.split(HOOK["entry"]),
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == code, run.stdout + run.stderr
    record = json.loads((tmp_path / "detgate-report" / "report.json").read_text())
    assert [rule["id"] for rule in record["rules"]] == ["box-bounds[train]"]


@pytest.mark.parametrize(
    ("name", "is_label"),
    [
        ("detgate.toml", True), ("data/data.yaml", True), ("data/labels/a.txt", True),
        ("train.json", True), ("voc/a.xml", True), ("open/boxes.csv", True),
        ("src/train.py", False), ("a.jpg", False), ("pyproject.toml", False), ("ci.yml", False),
    ],
)  # fmt: skip
def test_files_that_start_it(name: str, is_label: bool) -> None:
    assert bool(re.search(HOOK["files"], name)) == is_label
