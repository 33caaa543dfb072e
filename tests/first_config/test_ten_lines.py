"""From a folder with a data set and a result file to a blocked pull request, as a user types it."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = """\
git init -q .
git checkout -q -b add-model
python -m pytest_detgate init data.yaml --predictions val=val.json --ci github
git add -A
git commit -qm "Add the gate and the results of the model"
pytest detgate.toml --detgate-predictions val=val.json -q
"""
"""The last line is the check that the workflow runs: its exit code blocks the merge."""
MOST_TYPED = 10
MOST_SECONDS = 300


def write_results(folder: Path) -> None:
    """Write what a mediocre detector finds on the validation images, as a COCO result file: most
    boxes, and a false one here and there."""
    chance = random.Random(0)
    rows = []
    for image in sorted((folder / "valid" / "images").iterdir()):
        with Image.open(image) as opened:
            width, height = opened.size
        text = (folder / "valid" / "labels" / f"{image.stem}.txt").read_text()
        for line in [*text.splitlines(), *(["0 0.1 0.1 0.1 0.1"] if chance.random() < 0.3 else [])]:
            number, x, y, w, h = map(float, line.split())
            if chance.random() < 0.8:
                box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
                score = chance.uniform(0.2, 0.95)
                row = {"image_id": image.name, "category_id": int(number)}
                rows.append({**row, "bbox": box, "score": score})
    (folder / "val.json").write_text(json.dumps(rows))


@pytest.mark.shared
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_blocked_pull_request_in_ten_lines(tmp_path: Path, shared_data: Path) -> None:
    """Takes ten seconds: every line starts a process, as a user's does."""
    for name in ("train", "valid", "test", "data.yaml"):
        source = shared_data / "css-ppe" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    write_results(tmp_path)
    folder = str(Path(sys.executable).parent)
    names = {"GIT_AUTHOR_NAME": "a", "GIT_COMMITTER_NAME": "a"}
    mails = {"GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_EMAIL": "a@example.org"}
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
        **names,
        **mails,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
    }
    typed = SCRIPT.splitlines()

    started = time.monotonic()
    codes, output = [], ""
    for line in typed:
        run = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        codes.append(run.returncode)
        output += run.stdout + run.stderr
    seconds = time.monotonic() - started

    assert codes == [0] * (len(typed) - 1) + [1], output
    assert len(typed) <= MOST_TYPED
    assert seconds < MOST_SECONDS
    assert "clip-overlap[train-val]" in output.rpartition("BLOCKED")[2]
    report = json.loads((tmp_path / "detgate-report" / "report.json").read_text())
    red = [rule["id"] for rule in report["rules"] if rule["verdict"] != "passed"]
    assert sorted(red) == [
        "clip-overlap[train-test]",
        "clip-overlap[train-val]",
        "probe-isolation[calm]",
    ]
