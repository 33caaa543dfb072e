"""The GitLab component: its script in a clean folder, its form, and the note that it writes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_detgate.testing import coco_content
from tests.ci.api import GITLAB, Comments, comments_api
from tests.ci.steps import ROOT, clean_environment
from tests.content import result_rows
from tests.unit.test_editor_schema import tool

pytestmark = pytest.mark.source
TEMPLATE = ROOT / "templates" / "detgate" / "template.yml"
CONFIG = """\
[probes.calm]
annotations = "calm.json"
images = "images"
[rules.probe-fp]
max-boxes = 0
"""


def component(**inputs: str) -> dict[str, Any]:
    """The jobs that the component adds, with inputs as GitLab fills them in."""
    head, text = TEMPLATE.read_text("utf-8").split("\n---\n")
    declared = yaml.safe_load(head)["spec"]["inputs"]
    values = {name: str(entry["default"]).lower() if isinstance(entry["default"], bool)
              else entry["default"] for name, entry in declared.items()}  # fmt: skip
    assert inputs.keys() <= values.keys()
    values.update(inputs)
    filled = re.sub(r"\$\[\[ inputs\.([a-z-]+) \]\]", lambda match: values[match[1]], text)
    assert "[[" not in filled
    jobs: dict[str, Any] = yaml.safe_load(filled)
    return jobs


def run(folder: Path, api: Comments, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the job, without the line that installs."""
    job = component(**inputs)["detgate"]
    install, *script = job["script"]
    assert install == 'python -m pip install --quiet "$DETGATE_PACKAGE"'
    environment = {
        **clean_environment(folder),
        "GITLAB_CI": "true",
        "CI_PROJECT_DIR": str(folder),
        "CI_API_V4_URL": api.url,
        "CI_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "3",
        "CI_JOB_URL": "https://gitlab.example/ada/site/-/jobs/5",
        "DETGATE_GITLAB_TOKEN": "secret-token",
        **{name: value for name, value in job["variables"].items() if name.startswith("DETGATE_")},
    }
    command = ["sh", "-e", "-c", "\n".join(script)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def api() -> Iterator[Comments]:
    with comments_api() as server:
        server.author = "project_42_bot"
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images: dict[str, Any] = {"c.jpg": []}
    false = result_rows(images, {"c.jpg": [("helmet_off", 0.8, 10, 10, 40, 40)]})
    below = result_rows(images, {"c.jpg": [("helmet_off", 0.1, 10, 10, 40, 40)]})
    files = {"calm.json": coco_content(images), "false.json": false, "none.json": below}
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "detgate.toml").write_text(CONFIG)
    return tmp_path


def test_the_script_gates_reports_and_writes_one_note(folder: Path, api: Comments) -> None:
    report = folder / "detgate-report"

    blocked = run(folder, api, predictions="calm=false.json", comment="true")

    assert blocked.returncode == 1, blocked.stdout + blocked.stderr
    issues = json.loads((report / "codequality.json").read_text())
    assert [issue["location"]["path"] for issue in issues] == ["detgate.toml", "calm.json"]
    assert "probe-fp" in (report / "junit.xml").read_text()
    (note,) = api.bodies("project_42_bot")
    assert "## ❌ detgate: Blocked" in note
    assert "https://gitlab.example/ada/site/-/jobs/5/artifacts/browse/detgate-report" in note

    passed = run(folder, api, predictions="calm=none.json", comment="true")

    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert json.loads((report / "codequality.json").read_text()) == []
    (note,) = api.bodies("project_42_bot")
    assert "## ✅ detgate: Clear to merge" in note
    assert ("PUT", f"{GITLAB}/100") in api.requests
    assert api.tokens == {"secret-token"}
    assert "secret-token" not in passed.stdout + passed.stderr


def test_a_note_that_cannot_be_written_changes_nothing(folder: Path, api: Comments) -> None:
    api.refuses = 401

    passed = run(folder, api, predictions="calm=none.json", comment="true")

    assert passed.returncode == 0
    assert "The note on the merge request could not be written." in passed.stdout
    assert "401 Unauthorized" in passed.stderr


def test_options_reach_the_gate(folder: Path, api: Comments) -> None:
    ended = run(folder, api, predictions="calm=none.json", baseline="old report.json",
                arguments="-k probe-fp -q")  # fmt: skip

    assert ended.returncode == 4
    assert "--detgate-baseline: no rule compares with it" in ended.stdout + ended.stderr
    assert api.requests == []


def test_the_files_are_of_the_form_that_hosts_read(tmp_path: Path) -> None:
    pipeline = tmp_path / "gitlab.yml"
    pipeline.write_text(yaml.safe_dump(component()))
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

    for schema, files in {
        "vendor.gitlab-ci": [pipeline],
        "vendor.github-actions": [ROOT / "action.yml"],
        "vendor.github-workflows": workflows,
    }.items():
        command = [tool("check-jsonschema"), "--builtin-schema", schema, *map(str, files)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_run_that_ends_well_without_a_record_fails(folder: Path, api: Comments) -> None:
    end = "import os, sys\ndef pytest_runtest_setup():\n    os.execv('/bin/true', ['true'])\n"
    (folder / "conftest.py").write_text(end)

    ended = run(folder, api, predictions="calm=none.json", comment="true")

    assert ended.returncode == 1
    assert "The run ended without a record that passed." in ended.stdout
    (note,) = api.bodies("project_42_bot")
    assert "## ❔ detgate: no verdict" in note
