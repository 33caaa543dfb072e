"""The clips of `examples/site`: debounce alone changes the verdict."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.forked import gate_forked
from tests.processes import PATIENCE_S

SITE = Path(__file__).parents[2] / "examples" / "site"
RESULTS = (
    "--detgate-predictions=clips=data/clips_found.json",
    "--detgate-predictions=quiet-clips=data/quiet_clips_found.json",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips, drawn as README says, and the configuration beside them."""
    folder = tmp_path_factory.mktemp("clips")
    command = [sys.executable, str(SITE / "make_clips.py"), "--out", str(folder / "data")]
    subprocess.run(command, check=True, timeout=PATIENCE_S)
    for name in ("detgate-alarms.toml", "pytest.ini"):
        shutil.copy(SITE / name, folder)
    return folder


def gate(folder: Path, config: str) -> dict[str, Any]:
    """The record of a gate, by item."""
    code, output = gate_forked(folder, "--detgate-config", config, *RESULTS)
    assert code in (0, 1), output
    record = json.loads((folder / "detgate-report" / "report.json").read_text("utf-8"))
    return {rule["id"]: rule for rule in record["rules"]}


def value(rule: dict[str, Any], name: str) -> float:
    return float(
        next(
            measurement["value"]
            for measurement in rule["measurements"]
            if measurement["name"] == name
        )
    )


def test_debounce_changes_the_verdict(folder: Path) -> None:
    rules = gate(folder, "detgate-alarms.toml")

    assert {rule["verdict"] for rule in rules.values()} == {"passed"}
    assert value(rules["alarm-rate[quiet-clips]"], "alarms") == 0
    assert value(rules["alarm-rate[quiet-clips]"], "hours") * 3600 == pytest.approx(18)
    text = (folder / "detgate-alarms.toml").read_text("utf-8")
    at_once = text.replace("hits = 3\nof = 5", "hits = 1\nof = 1")
    assert at_once != text
    (folder / "at-once.toml").write_text(at_once, encoding="utf-8")
    rules = gate(folder, "at-once.toml")

    failed = [name for name, rule in rules.items() if rule["verdict"] != "passed"]
    assert failed == ["alarm-rate[quiet-clips]"]
    assert value(rules["alarm-rate[quiet-clips]"], "alarms") == 6


def test_clips_have_25_frames_a_second_without_a_gap(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "data" / "clips" / "quiet").iterdir())

    assert len(names) == 6 * 75
    assert names[:2] == ["brewery71_000000.jpg", "brewery71_000001.jpg"]
