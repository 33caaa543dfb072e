"""The file that `init --ci` writes: it gates the same files, and the action knows its inputs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from pytest_detgate.first_config.ci_files import workflow
from tests.ci.steps import ROOT, ActionRun, clean_environment
from tests.first_config.projects import BOX, Init, write_coco
from tests.unit.label_files import write


def write_found(folder: Path) -> None:
    write_coco(folder, "val.json", {"ax.jpg": [BOX], "bx.jpg": []}, "images")
    write(folder, {"found it.json": '[{"image_id": 1, "category_id": 1, "score": 0.9, '
                   '"bbox": [10, 10, 30, 30]}]'})  # fmt: skip


def test_gitlab_runs_the_same_command(init: Init) -> None:
    write_found(init.folder)

    made = init("val.json", "--predictions", "val=found it.json", "--ci", "gitlab")

    assert made.code == 0, made.err
    assert yaml.safe_load((init.folder / ".gitlab-ci.yml").read_text())["detgate"]["script"] == [
        "pip install pytest-detgate",
        "pytest detgate.toml '--detgate-predictions=val=found it.json'",
    ]
    assert "wrote .gitlab-ci.yml" in made.out


def test_github_uses_the_action(init: Init) -> None:
    write_found(init.folder)

    made = init("val.json", "--predictions", "val=found it.json", "--ci", "github")

    assert made.code == 0, made.err
    workflow = yaml.safe_load((init.folder / ".github/workflows/detgate.yml").read_text())
    checkout, action = workflow["jobs"]["detgate"]["steps"]
    assert checkout == {"uses": "actions/checkout@v5"}
    assert action == {
        "uses": "pytest-detgate/pytest-detgate@v1",
        "with": {"predictions": "val=found it.json\n"},
    }
    assert workflow["permissions"]["pull-requests"] == "write"
    assert "wrote .github/workflows/detgate.yml" in made.out


@pytest.mark.source
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_action_gates_what_init_wrote(init: Init, tmp_path: Path) -> None:
    """Takes three seconds: the steps of the action are processes."""
    write_found(init.folder)
    init("val.json", "--predictions", "val=found it.json", "--ci", "github")
    content = yaml.safe_load((init.folder / ".github/workflows/detgate.yml").read_text())
    inputs = content["jobs"]["detgate"]["steps"][-1]["with"]
    runner = tmp_path / "runner"
    runner.mkdir()
    action = ActionRun(
        init.folder, runner, {**inputs, "comment": "false"}, clean_environment(runner), {},
        skip=("install",),
    )  # fmt: skip

    action.run()

    assert action.values["verdict"] == "passed", action.text
    assert action.values["exit-code"] == "0"
    report = json.loads((init.folder / "detgate-report" / "report.json").read_text())
    assert report["predictions"]["val"]["path"] == "found it.json"


def test_mmdetection_is_installed_before_the_action() -> None:
    workflow_text = workflow("github", ["pytest"], {}, "mmdet")
    *_, install, action = yaml.safe_load(workflow_text)["jobs"]["detgate"]["steps"]

    assert install == {"run": "pip install 'pytest-detgate[mmdet]'"}
    assert action["with"] == {"python-version": "", "package": "none"}


def test_inputs_are_those_of_the_action() -> None:
    """A name that the action does not know would be ignored with a warning."""
    known = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"]
    for extra in (None, "onnx", "mmdet"):
        text = workflow("github", ["pytest"], {"val": "val.json"}, extra)
        action = yaml.safe_load(text)["jobs"]["detgate"]["steps"][-1]
        assert action["with"].keys() <= known.keys()
