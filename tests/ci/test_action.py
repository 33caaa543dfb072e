"""The shell steps of the GitHub action in a clean folder: outputs, summary, comment, verdict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_detgate.testing import coco_content
from tests.ci.api import GITHUB, Comments, comments_api
from tests.ci.steps import ROOT, ActionRun, clean_environment
from tests.content import result_rows

pytestmark = [
    pytest.mark.source,
    pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed"),
]
CONFIG = """\
[dataset.splits.val]
annotations = "my data/val.json"
images = "images"
[probes.calm]
annotations = "my data/calm.json"
images = "images"
[rules.probe-fp]
max-boxes = 0
[rules.class-ap]
min = 0.85
"""
BOX = ("helmet_off", 10, 10, 40, 40)
FALSE = {"c.jpg": [("helmet_off", 0.8, 10, 10, 40, 40)]}
PAGE = "https://example.org/artifacts/5"


class Repository:
    """A checkout in a job of GitHub Actions, with an API on loopback."""

    def __init__(self, folder: Path, api: Comments) -> None:
        self.api = api
        self.folder, self.runner = folder / "checkout", folder / "runner"
        for entry in (self.folder / "my data", self.runner):
            entry.mkdir(parents=True)
        val: dict[str, Any] = {"a.jpg": [BOX], "b.jpg": []}
        self.write("my data/val.json", coco_content(val))
        self.write("my data/calm.json", coco_content({"c.jpg": []}))
        detections = {"a.jpg": [("helmet_off", 0.9, 10, 10, 40, 40)]}
        self.write("my data/found val.json", result_rows(val, detections))
        below = {"c.jpg": [("helmet_off", 0.1, 10, 10, 40, 40)]}
        self.write("my data/none.json", result_rows({"c.jpg": []}, below))
        self.write("my data/false.json", result_rows({"c.jpg": []}, FALSE))
        (self.folder / "detgate.toml").write_text(CONFIG)
        self.event: dict[str, Any] = {"pull_request": {"number": 7}}

    def write(self, name: str, content: object) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_text(text)

    def run(self, calm: str = "none", **inputs: str) -> ActionRun:
        """Run the action with a result file for each of the split and the probe."""
        for path in self.runner.iterdir():
            path.unlink()
        event = self.runner / "event.json"
        event.write_text(json.dumps(self.event))
        predictions = f"\n  val=my data/found val.json\n\n  calm=my data/{calm}.json  \n"
        run = ActionRun(
            self.folder,
            self.runner,
            {"predictions": predictions, **inputs},
            {
                **clean_environment(self.runner),
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKSPACE": str(self.folder),
                "GITHUB_REPOSITORY": "ada/site",
                "GITHUB_API_URL": self.api.url,
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_STEP_SUMMARY": str(self.runner / "summary.md"),
            },
            {"upload": {"artifact-url": PAGE}},
            skip=("install",),
        )
        run.run()
        return run

    @property
    def summary(self) -> str:
        """What the page of the run shows."""
        return (self.runner / "summary.md").read_text("utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with comments_api() as api:
        yield Repository(tmp_path, api)


def test_a_passed_run_sets_outputs_and_comments(repository: Repository) -> None:
    run = repository.run()

    assert run.code == 0, run.text
    assert run.values == {
        "verdict": "passed", "exit-code": "0", "record": "detgate-report/report.json",
        "page": "detgate-report/index.html", "page-url": PAGE,
        "comment-url": "https://example.org/100",
    }  # fmt: skip
    assert (repository.folder / run.values["page"]).exists()
    assert "## ✅ detgate: Clear to merge" in repository.summary
    (body,) = repository.api.bodies("github-actions[bot]")
    assert body.startswith("<!-- pytest-detgate detgate.toml -->\n## ✅ detgate: Clear to merge\n")
    assert body.endswith(f"\n[The page of this run]({PAGE})\n")
    assert repository.api.tokens == {"Bearer job-token"}


def test_a_blocked_run_fails_last_and_replaces_the_comment(repository: Repository) -> None:
    repository.run()

    run = repository.run("false", sarif="gate.sarif")

    assert run.code == 1
    assert (run.values["verdict"], run.values["exit-code"]) == ("failed", "1")
    assert "::error file=detgate.toml,line=7,title=detgate%3A probe-fp[calm] failed" in run.text
    assert "## ❌ detgate: Blocked" in repository.summary
    (body,) = repository.api.bodies("github-actions[bot]")
    assert "## ❌ detgate: Blocked" in body
    assert "probe-fp" in body
    assert ("PATCH", "/repos/ada/site/issues/comments/100") in repository.api.requests
    results = json.loads((repository.folder / "gate.sarif").read_text())["runs"][0]["results"]
    assert {result["ruleId"] for result in results} == {"probe-fp"}


def test_a_run_without_a_record_says_so(repository: Repository) -> None:
    repository.run()
    repository.write("detgate.toml", CONFIG.replace("probe-fp", "probe-pf"))

    run = repository.run()

    assert run.code == 4
    assert (run.values["verdict"], run.values["exit-code"]) == ("none", "4")
    (body,) = repository.api.bodies("github-actions[bot]")
    assert "## ❔ detgate: no verdict\n\nThe run ended with exit code 4" in body


def test_only_our_own_comment_is_replaced(repository: Repository) -> None:
    mark = "<!-- pytest-detgate detgate.toml -->\n"
    api = repository.api
    for number in range(150):
        api.add(f"{mark}{number}", "mallory")
    api.add("I have seen <!-- pytest-detgate detgate.toml -->", "github-actions[bot]")
    api.add("<!-- pytest-detgate other/detgate.toml -->\nx", "github-actions[bot]")
    own = api.add(f"{mark}old", "github-actions[bot]")

    run = repository.run()

    assert run.values["comment-url"] == own["html_url"]
    assert own["body"].startswith(f"{mark}## ✅")
    assert len(api.comments) == 153
    assert all(len(body) < 50 for body in api.bodies("mallory"))
    assert ("POST", GITHUB) not in api.requests


@pytest.mark.parametrize(("event", "status"), [({}, None), ({"pull_request": {"number": 7}}, 403)])
def test_no_comment_changes_no_verdict(
    repository: Repository, event: dict[str, Any], status: int | None
) -> None:
    """A push belongs to no pull request; a token for a fork may not write."""
    repository.event, repository.api.refuses = event, status

    run = repository.run()

    assert run.code == 0
    assert run.values["verdict"] == "passed"
    assert run.values["comment-url"] == ""
    assert ("::warning title=detgate::The comment" in run.text) == (status is not None)
    assert "Traceback" not in run.text
    assert "job-token" not in run.text


def test_comments_can_be_switched_off(repository: Repository) -> None:
    assert repository.run(comment="false").code == 0
    assert repository.api.requests == []


def test_arguments_are_quoted_as_in_a_shell(repository: Repository) -> None:
    """What they say is given to pytest, and is run by no shell."""
    repository.run()

    run = repository.run(arguments='-k "class-ap and not nothing" -o "x_y=$(touch hacked);`id`"',
                         predictions="val=my data/found val.json")  # fmt: skip

    assert "hacked" not in {path.name for path in repository.folder.iterdir()}
    record = json.loads((repository.folder / "detgate-report" / "report.json").read_text())
    assert [rule["id"] for rule in record["rules"]] == ["class-ap[helmet_off]"]
    assert record["not_selected"] == ["probe-fp[calm]"]
    assert run.code == 0


def test_a_configuration_of_another_name_gates_only(repository: Repository) -> None:
    (repository.folder / "gates").mkdir()
    text = CONFIG.replace('"my data', '"../my data').replace('"images', '"../images')
    repository.write("gates/night gate.toml", text)
    repository.write("test_own.py", "def test_it():\n    assert False\n")
    repository.write("pytest.ini", "[pytest]\n")

    run = repository.run(config="gates/night gate.toml")

    assert run.code == 0, run.text
    (body,) = repository.api.bodies("github-actions[bot]")
    assert body.startswith("<!-- pytest-detgate gates/night_gate.toml -->\n")


@pytest.mark.parametrize(
    ("package", "extras", "installed"),
    [
        ("", "", str(ROOT)),
        ("", "onnx", f"{ROOT}[onnx]"),
        ("pytest-detgate==1.0", "onnx,ray", "pytest-detgate[onnx,ray]==1.0"),
        ("pytest-detgate", "onnx", "pytest-detgate[onnx]"),
        ("none", "onnx", None),
    ],
)
def test_what_is_installed(
    package: str, extras: str, installed: str | None, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{log}"\n')
    python.chmod(0o755)

    subprocess.run(
        ["bash", str(ROOT / "action" / "install.sh")],
        env={
            "PATH": f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin", "DETGATE_PACKAGE": package,
            "DETGATE_EXTRAS": extras, "DETGATE_SOURCE": str(ROOT),
        },
        check=True,
    )  # fmt: skip

    words = log.read_text().splitlines() if log.exists() else []
    assert words[:3] == (["-m", "pip", "install"] if installed else [])
    assert words[-1:] == ([installed] if installed else [])


def test_no_step_puts_an_input_into_a_script() -> None:
    """A branch, a title or a file name would be run by the shell."""
    for file in (ROOT / "action.yml", ROOT / ".github" / "workflows" / "gate.yml"):
        text = yaml.safe_load(file.read_text("utf-8"))
        jobs = text["jobs"].values() if "jobs" in text else [text["runs"]]
        for job in jobs:
            assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


def test_the_action_offers_what_its_page_says() -> None:
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "gate.yml").read_text("utf-8"))

    for name in [*action["inputs"], *action["outputs"]]:
        assert f"| `{name}` |" in page, name
    # `on` is a truth value in YAML 1.1.
    called = workflow[True]["workflow_call"]["inputs"]
    assert set(called) - {"lfs", "runs-on", "timeout-minutes"} <= set(action["inputs"])


def test_our_own_workflow_tries_the_action() -> None:
    """It gates a model that is blocked and one that passes, with inputs that the action knows."""
    known = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    steps = workflow["jobs"]["action"]["steps"]
    tried = {step["id"]: step for step in steps if step.get("uses") == "./"}

    assert tried.keys() == {"blocked", "passed"}
    assert tried["blocked"]["continue-on-error"]
    for step in tried.values():
        assert step["with"].keys() <= known.keys()
        assert (ROOT / step["with"]["config"]).is_file()


def test_a_run_that_ends_well_without_a_record_fails(repository: Repository) -> None:
    repository.run()
    # As a program that takes the place of the process does.
    end = "import os, sys\ndef pytest_runtest_setup():\n    os.execv('/bin/true', ['true'])\n"
    (repository.folder / "conftest.py").write_text(end)

    run = repository.run()

    assert run.code == 1
    assert (run.values["verdict"], run.values["exit-code"]) == ("none", "1")
    assert "::error title=detgate::The run ended with exit code 0, and detgate-report/" in run.text
    (body,) = repository.api.bodies("github-actions[bot]")
    assert "## ❔ detgate: no verdict" in body
