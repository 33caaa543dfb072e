"""A gate that compares with the report of an earlier run, from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.content import result_rows
from tests.plugin.conftest import CONFIG, GateProject

COMPARE = """
[rules.ap-regression]
max-drop = 0.1
[rules.fp-regression]
max-growth = 0.0
"""


@pytest.fixture
def compared(project: GateProject) -> GateProject:
    """The project with the report of a first run, and result files that differ from its own."""
    project.write("detgate.toml", CONFIG)
    assert project.gate().ret == 0
    path = project.pytester.path
    (path / "detgate-report" / "report.json").rename(path / "approved.json")
    project.write("detgate.toml", f"{CONFIG}{COMPARE}")
    val: dict[str, Any] = {"roof_1.jpg": [], "roof_2.jpg": [], "roof_3.jpg": []}
    youtube: dict[str, Any] = {"tube_1.jpg": [], "tube_2.jpg": []}
    box = ("helmet_off", 0.7, 10, 10, 40, 40)
    project.write("found/val.json", result_rows(val, {"roof_1.jpg": [box], "roof_2.jpg": [box]}))
    project.write("found/youtube.json", result_rows(youtube, {"tube_1.jpg": [box]}))
    return project


def test_report_of_an_earlier_run(compared: GateProject) -> None:
    result = compared.gate("--detgate-baseline=approved.json")

    assert result.ret == 0
    verdicts = compared.verdicts()
    assert (verdicts["ap-regression"], verdicts["fp-regression[youtube]"]) == ("passed", "passed")
    baseline = compared.report["baseline"]
    assert (baseline["path"], baseline["kind"]) == ("approved.json", "report")
    assert len(baseline["sha256"]) == 64
    assert len(compared.report["dataset"]["probes"]["youtube"]["names_sha256"]) == 64


@pytest.mark.parametrize(
    ("item", "part", "value", "message"),
    [
        ("ap-regression", ("scores", "val"), {"AP": -1}, "AP of val is -1, and it is from 0 to 1"),
        (
            "ap-regression",
            ("scores", "val", "classes", "helmet_off"),
            {"AP": -1.0},
            "AP of val is -1, and it is from 0 to 1",
        ),
        (
            "fp-regression[youtube]",
            ("dataset", "probes", "youtube", "false_boxes", 0),
            {"boxes": -5, "by_image": None},
            "it counts -5 false boxes on youtube",
        ),
    ],
)
def test_a_sentinel_in_a_report_is_compared_with_nothing(
    compared: GateProject, item: str, part: tuple[Any, ...], value: dict[str, Any], message: str
) -> None:
    path = compared.pytester.path / "approved.json"
    inner = content = json.loads(path.read_text())
    for key in part:
        inner = inner[key]
    inner.update(value)
    path.write_text(json.dumps(content))

    assert compared.gate("--detgate-baseline=approved.json").ret == 1
    rules = {rule["id"]: rule for rule in compared.report["rules"]}
    assert rules[item]["verdict"] == "not-evaluated"
    assert rules[item]["message"] == f"the baseline approved.json is damaged: {message}"


def test_two_workers_say_the_same(compared: GateProject) -> None:
    assert compared.gate("--detgate-baseline=approved.json", "-n", "2").ret == 0
    assert compared.report["baseline"]["path"] == "approved.json"


def test_baseline_of_the_file(compared: GateProject) -> None:
    compared.write("detgate.toml", f'{CONFIG}{COMPARE}[model]\nbaseline = "approved.json"\n')

    assert compared.gate("detgate.toml").ret == 0
    assert compared.report["baseline"]["path"] == "approved.json"


def test_report_that_this_run_writes_over(compared: GateProject) -> None:
    """Who keeps the report where it is compares each run with the one before it."""
    assert compared.gate("--detgate-baseline=approved.json").ret == 0
    results_path = compared.pytester.path / "found" / "youtube.json"
    content = json.loads(results_path.read_text())
    results_path.write_text(json.dumps([*content, {**content[0], "image_id": 2}]))

    result = compared.gate("--detgate-baseline=detgate-report/report.json")

    assert result.ret == 1
    assert compared.verdicts()["fp-regression[youtube]"] == "failed"
    result.stdout.fnmatch_lines(["*fp-regression?youtube?*", "*growth 1, at most 0*"])


def test_first_run_that_is_let_through_says_so(project: GateProject) -> None:
    accept = COMPARE.replace("max-", 'first-run = "accept"\nmax-')
    project.write("detgate.toml", f"{CONFIG}{accept}")

    assert project.gate("--detgate-baseline=approved.json").ret == 1
    assert project.verdicts()["ap-regression"] == "not-evaluated"
    assert project.verdicts()["fp-regression[youtube]"] == "not-evaluated"
    project.write("detgate.toml", f'{CONFIG}{accept}[model]\nbaseline = "approved.json"\n')
    assert project.gate("detgate.toml").ret == 1
    assert project.verdicts()["ap-regression"] == "not-evaluated"
    table = '[model.baseline]\npath = "approved.json"\nmay-be-missing = true\n'
    project.write("detgate.toml", f"{CONFIG}{accept}{table}")

    assert project.gate("detgate.toml").ret == 0
    assert project.verdicts()["ap-regression"] == "waived"
    assert project.report["baseline"] is None
    # What the command line names is there.
    assert project.gate("--detgate-baseline=approved.json").ret == 1
    assert project.gate("detgate.toml").ret == 0
    (rule,) = [rule for rule in project.report["rules"] if rule["id"] == "ap-regression"]
    assert "the baseline approved.json does not exist" in rule["message"]


def test_sweep_of_what_is_trained_first_is_not_asked_for_yet(project: GateProject) -> None:
    train = '[train]\nconfig = "train.py"\nwork-dir = "work"\n'
    project.write("detgate.toml", f"{CONFIG}{train}")
    sweep = "--detgate-sweep=work/epoch_*.pth"

    result = project.gate("--detgate-train", sweep, "--collect-only", "-q", with_predictions=False)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["detgate.toml::checkpoint-choice"])


@pytest.mark.parametrize(
    ("arguments", "config", "expected"),
    [
        (
            ("--detgate-baseline=old.pth",),
            CONFIG,
            "--detgate-baseline: no rule compares with it; add [rules.ap-regression], "
            "[rules.fp-regression] or [rules.lost-objects]",
        ),
        (
            (),
            f'{CONFIG}[model]\nbaseline = "old.pth"\n',
            "[model] baseline: no rule compares with it; add",
        ),
        (("--detgate-sweep=gone_*.pth",), CONFIG, "gone_*.pth"),
        (
            ("--detgate-sweep=*.toml",),
            CONFIG.partition("[probes")[0] + "[rules.mean-ap]\nmin = 0.85\n",
            "--detgate-sweep: the rule checkpoint-choice cannot be evaluated: there is no probe",
        ),
        (
            ("--detgate-sweep=*.toml", "--detgate-predictions=val=found/val.json"),
            CONFIG,
            "--detgate-sweep compares checkpoints of one training",
        ),
    ],
)
def test_wrong_options(
    project: GateProject, arguments: tuple[str, ...], config: str, expected: str
) -> None:
    project.write("detgate.toml", config)

    result = project.gate("detgate.toml", *arguments, with_predictions=False)

    assert result.ret == 4
    assert expected in result.stderr.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
