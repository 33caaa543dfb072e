"""`[history]`: a line for each run, and the values over time on the page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.report.history import read_history
from tests.plugin.conftest import CONFIG, GateProject

TABLE = '[history]\npath = "runs/history.jsonl"\n'


@pytest.fixture
def with_history(project: GateProject, monkeypatch: pytest.MonkeyPatch) -> GateProject:
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA"):
        monkeypatch.delenv(name, raising=False)
    project.write("detgate.toml", CONFIG + TABLE)
    return project


def lines(project: GateProject) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file(project).read_text().splitlines()]


def file(project: GateProject) -> Path:
    return project.pytester.path / "runs" / "history.jsonl"


def page(project: GateProject) -> str:
    return (project.pytester.path / "detgate-report" / "index.html").read_text("utf-8")


def test_each_run_appends_a_line(with_history: GateProject) -> None:
    assert with_history.gate_here("detgate.toml").ret == 0
    assert 'id="history"' not in page(with_history), "one run is no history"
    rows = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9}] * 3
    with_history.write("found/youtube.json", rows)

    assert with_history.gate_here("detgate.toml").ret == 1

    first, second = lines(with_history)
    assert (first["verdict"], second["verdict"]) == ("passed", "failed")
    assert first["rules"]["probe-fp[youtube]"] == {"verdict": "passed", "values": {"boxes": 1}}
    assert second["rules"]["probe-fp[youtube]"] == {"verdict": "failed", "values": {"boxes": 3}}
    assert first["data"] == second["data"]
    assert len(first["data"]["val"]) == len(first["config"]) == 64
    assert first["predictions"]["youtube"] != second["predictions"]["youtube"]
    assert first["commit"] is None
    chart = with_history.report["history"][0]
    assert chart["title"] == "probe-fp[youtube]", "what blocks comes first"
    (panel,) = chart["panels"]
    assert panel["series"] == [{"name": "boxes", "x": [1, 2], "y": [1, 3]}]
    assert panel["marks"] == [{"label": "limit", "at": 1, "axis": "y"}]
    html = page(with_history)
    assert '<h2 id="history">History</h2>' in html
    assert '<a href="#history">' in html


def test_line_names_the_commit(with_history: GateProject) -> None:
    folder = with_history.pytester.path
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
    )

    for _ in range(2):
        assert with_history.gate_here("detgate.toml").ret == 0

    assert lines(with_history)[0]["commit"] == head.stdout.strip()
    assert f"commit {head.stdout[:12]}" in with_history.report["history"][0]["about"]


def test_damaged_lines_are_left_out(with_history: GateProject) -> None:
    """A line that was cut off costs neither the earlier runs nor the new line."""
    assert with_history.gate_here("detgate.toml").ret == 0
    with file(with_history).open("a") as history:
        history.write('{"started": "2026-11-2')

    result = with_history.gate_here("detgate.toml")

    assert result.ret == 0
    assert "history.jsonl: 1 line could not be read as a run; left out" in result.stdout.str()
    assert len(with_history.report["history"]) == 5
    assert len(file(with_history).read_text().splitlines()) == 3
    assert with_history.gate_here("detgate.toml").ret == 0
    assert with_history.report["history"][0]["panels"][0]["series"][0]["x"] == [1, 2, 3]


def test_file_that_cannot_be_written_changes_no_verdict(with_history: GateProject) -> None:
    file(with_history).mkdir(parents=True)

    result = with_history.gate_here("detgate.toml")

    assert result.ret == 0
    assert "the history history.jsonl could not be written" in result.stdout.str()


def test_value_of_another_limit_or_rule_leaves_a_gap(with_history: GateProject) -> None:
    assert with_history.gate_here("detgate.toml").ret == 0
    assert with_history.gate_here("detgate.toml", "-k", "probe or mean").ret == 0
    assert with_history.gate_here("detgate.toml").ret == 0

    charts = {chart["title"]: chart for chart in with_history.report["history"]}
    assert charts["clip-overlap[train-val]"]["panels"][0]["series"][0]["y"] == [0, None, 0]


def test_only_the_last_hundred_runs_are_drawn(with_history: GateProject) -> None:
    assert with_history.gate_here("detgate.toml").ret == 0
    file(with_history).write_text(file(with_history).read_text() * 150)

    assert with_history.gate_here("detgate.toml").ret == 0

    assert with_history.report["history"][0]["panels"][0]["series"][0]["x"][-1] == 100
    assert len(file(with_history).read_text().splitlines()) == 151


def test_two_workers_append_one_line(with_history: GateProject) -> None:
    assert with_history.gate("detgate.toml", "-n", "2").ret == 0

    assert len(lines(with_history)) == 1


def test_page_of_an_earlier_record_has_its_history(with_history: GateProject) -> None:
    from pytest_detgate.__main__ import main

    for _ in range(2):
        assert with_history.gate_here("detgate.toml").ret == 0
    assert main(["report", "detgate-report/report.json", "-o", "again.html"]) == 0

    assert 'id="history"' in (with_history.pytester.path / "again.html").read_text("utf-8")


def test_path_is_required(with_history: GateProject) -> None:
    with_history.write("detgate.toml", f"{CONFIG}[history]\n")

    result = with_history.gate_here("detgate.toml")

    assert result.ret == 4
    assert "the key 'path' is missing" in result.stderr.str()


def test_lines_of_two_branches_are_in_the_order_of_time(tmp_path: Path) -> None:
    """`merge=union` of git puts those of one branch behind those of the other."""
    path = tmp_path / "history.jsonl"
    days = ["2026-11-01", "2026-11-05", "2026-11-02"]
    rows = [{"started": f"{day}T08:00:00Z", "verdict": "passed", "rules": {}} for day in days]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    runs, n_unread = read_history(path)

    assert [run.started[:10] for run in runs] == sorted(days)
    assert n_unread == 0
