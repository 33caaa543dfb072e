"""A run of a project whose every name is hostile, with all that it says."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaign.hostile_names import NAMES, PATHS
from tests.campaign.project import Project
from tests.forked import python_says

# Controls except the line break, lone surrogates, what turns the direction of writing, and line
# breaks that are no line feed.
CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u200e\u200f\u061c\u202a-\u202e"
    "\u2066-\u2069]"
)


FILES = [f"image{name}" for name in (*NAMES, *PATHS)]
"""Names of files that stay in their folder, as a back slash at the beginning would not."""


@dataclass(frozen=True)
class Channels:
    """Everything that a run said."""

    code: int
    terminal: str
    collected: str
    junit: str
    record: dict[str, Any]
    page: str
    summary: str
    step: str
    badge: str
    findings: dict[str, Any]
    sarif: str
    codequality: str
    history: str
    folder: Path

    @property
    def ids(self) -> list[str]:
        return [rule["id"] for rule in self.record["rules"]]


def run(project: Project, folder: Path) -> Channels:
    """Gate a project as on a build server, with every channel open."""
    project.write(folder)
    environment = {
        **{name: os.environ[name] for name in os.environ if not name.startswith("PYTEST_")},
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "step.md"),
        "GITHUB_WORKSPACE": str(folder),
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }

    def pytest_says(*arguments: str) -> tuple[int, str]:
        command = ("-m", "pytest", "-p", "no:randomly", *arguments, *project.arguments)
        code, output = python_says(folder, environment, *command)
        return code, output.decode("utf-8")

    _, collected = pytest_says("--collect-only", "-q")
    code, terminal = pytest_says(
        *("-v", "-rA", "--junitxml=junit.xml"),
        *("--detgate-sarif=detgate.sarif", "--detgate-codequality=codequality.json"),
    )
    report = folder / "detgate-report"
    return Channels(
        code=code,
        terminal=terminal,
        collected=collected,
        junit=(folder / "junit.xml").read_text("utf-8"),
        record=json.loads((report / "report.json").read_text("utf-8")),
        page=(report / "index.html").read_text("utf-8"),
        summary=(report / "summary.md").read_text("utf-8"),
        step=(folder / "step.md").read_text("utf-8"),
        badge=(report / "badge.svg").read_text("utf-8"),
        findings={
            path.name: json.loads(path.read_text("utf-8"))
            for path in (report / "findings").glob("*.json")
        },
        sarif=(folder / "detgate.sarif").read_text("utf-8"),
        codequality=(folder / "codequality.json").read_text("utf-8"),
        history=(folder / "history.jsonl").read_text("utf-8"),
        folder=folder,
    )


def command_says(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of `python -m pytest_detgate` in a folder, and what it printed."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "120", "NO_COLOR": "1"}
    code, output = python_says(folder, environment, "-m", "pytest_detgate", *arguments)
    return code, output.decode("utf-8")
