"""What the command line names is used or refused, be it there or not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.needs import import_or_skip
from tests.plugin.conftest import CONFIG, GateProject

VAL, YOUTUBE = GateProject.arguments
GONE = "--detgate-predictions=val=gone.json"
MORE = CONFIG + (
    "[rules.ap-regression]\nmax-drop = 0.1\n"
    "[rules.latency]\nmax-ms = 1e9\n"
)  # fmt: skip
READS_NOTHING = "no selected rule reads it"


@pytest.mark.parametrize(
    ("arguments", "unread"),
    [
        (("--detgate-ckpt=gone.pth", "-m", "detgate_data"), "--detgate-ckpt"),
        (("--detgate-ckpt=gone.pth", "-k", "clip"), "--detgate-ckpt"),
        ((VAL, "-m", "detgate_data"), "--detgate-predictions val"),
        ((GONE, "-m", "detgate_data"), "--detgate-predictions val"),
        ((YOUTUBE, "-k", "mean"), "--detgate-predictions youtube"),
        ((VAL, YOUTUBE, "-k", "mean"), "--detgate-predictions youtube"),
        (("--detgate-predictions=train=gone.json", VAL), "--detgate-predictions train"),
        ((VAL, "--detgate-baseline=gone.json", "-k", "mean"), "--detgate-baseline"),
        ((VAL, "--detgate-baseline=gone.json", "--deselect=detgate.toml::ap-regression"),
         "--detgate-baseline"),
        (("--detgate-ckpt=gone.pth", "--detgate-sweep=*.toml", "-k", "mean"), "--detgate-sweep"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("workers", [False, True])
def test_file_that_no_selected_rule_reads_is_refused(
    project: GateProject, arguments: tuple[str, ...], unread: str, workers: bool
) -> None:
    if workers and "-m" not in arguments:
        pytest.skip("what workers do differently needs one case of each")
    project.write("detgate.toml", MORE)
    config = (project.pytester.path / "detgate.toml").read_text()
    project.write("detgate.toml", config + "[probes.other]\nimages = 'data'\n")

    if workers:
        result = project.gate("-n", "2", *arguments, with_predictions=False)
    else:
        result = project.gate_here(*arguments, with_predictions=False)

    assert result.ret == 4
    (line,) = [line for line in result.stderr.lines if line.startswith("ERROR: ")]
    assert line.startswith(f"ERROR: {unread}: {READS_NOTHING}")
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(
    "arguments",
    [
        (VAL, "-k", "mean"),
        (VAL, YOUTUBE, "-k", "probe"),
        (YOUTUBE, "-k", "probe"),
        ("--detgate-ckpt=gone.pth", "-k", "latency"),
        (VAL, "--detgate-baseline=gone.json", "-k", "regression"),
    ],
)
def test_file_that_a_selected_rule_reads_is_not_refused(
    project: GateProject, arguments: tuple[str, ...]
) -> None:
    project.write("detgate.toml", MORE)

    result = project.gate_here(*arguments, with_predictions=False)

    assert READS_NOTHING not in result.stderr.str()
    assert result.ret in (0, 1)


def test_message_says_that_rules_are_not_selected(project: GateProject) -> None:
    result = project.gate_here(YOUTUBE, "-k", "mean", with_predictions=False)

    assert (
        f"ERROR: --detgate-predictions youtube: {READS_NOTHING} (4 of 5 rules are not selected by "
        "-k 'mean'). It is read by probe-fp[youtube]. Select one of them, or leave the option out"
    ) in result.stderr.str()


def test_file_that_no_rule_at_all_reads(project: GateProject) -> None:
    train = "--detgate-predictions=train=found/val.json"

    result = project.gate_here(VAL, YOUTUBE, train, with_predictions=False)

    assert (
        f"ERROR: --detgate-predictions train: {READS_NOTHING}; leave it out, or add a rule that "
        "reads it"
    ) in result.stderr.str()


def test_message_fits_a_terminal(project: GateProject) -> None:
    """Only there: lines of a log are searched."""
    pty = import_or_skip("pty")
    leader, follower = pty.openpty()
    arguments = [sys.executable, "-m", "pytest", YOUTUBE, "-k", "mean", "detgate.toml"]

    process = subprocess.run(
        arguments,
        cwd=project.pytester.path,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env={**os.environ, "COLUMNS": "80"},
        check=False,
    )
    os.close(follower)
    lines = os.read(leader, 65536).decode().splitlines()
    os.close(leader)

    assert process.returncode == 4
    assert max(map(len, lines)) <= 80
    assert " ".join(line.strip() for line in lines if line).startswith(
        f"ERROR: --detgate-predictions youtube: {READS_NOTHING} (4 of 5 rules are not selected by"
    )


@pytest.mark.parametrize(
    ("fixture", "code"),
    [("detgate_detections", 0), ("detgate_scores", 0), ("detgate_dataset", 4)],
)
def test_test_by_hand_that_asks_for_detections_reads_them(
    project: GateProject, fixture: str, code: int
) -> None:
    project.write("test_own.py", f"def test_own({fixture}):\n    {fixture}('val')\n")

    result = project.gate_here(VAL, "test_own.py", "-k", "test_own", with_predictions=False)

    assert result.ret == code


def test_last_failed_that_leaves_the_file_unread(project: GateProject) -> None:
    project.write("detgate.toml", CONFIG.replace("min = 0.25", "min = 0.75"))
    project.gate_here()

    assert project.gate_here("--lf").ret == 4
    assert project.gate_here("--lf", "detgate.toml", with_predictions=False).ret == 1


def test_listing_refuses_nothing(project: GateProject) -> None:
    assert project.gate_here("--collect-only", "-k", "share").ret == 0


QUERY = CONFIG + '[probes.calm]\nsplit = "train"\nempty = true\n'


def test_file_of_a_split_is_read_for_its_probe(project: GateProject) -> None:
    """`train` has no rule of its own that reads detections."""
    project.write("detgate.toml", QUERY)
    rows = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9}]
    project.write("found/train.json", rows)
    project.write("found/calm.json", rows)
    train = "--detgate-predictions=train=found/train.json"

    served = project.gate_here(VAL, YOUTUBE, train, with_predictions=False)
    report = project.report
    own = project.gate_here(
        VAL, YOUTUBE, train, "--detgate-predictions=calm=found/calm.json", with_predictions=False
    )

    assert served.ret == 0
    calm = report["dataset"]["probes"]["calm"]
    assert (calm["split"], calm["query"]) == ("train", "without annotations (empty = true)")
    assert report["predictions"]["calm"]["path"] == "found/train.json"
    assert report["predictions"]["calm"]["detections"] == 0
    assert own.ret == 4
    assert f"--detgate-predictions train: {READS_NOTHING}" in own.stderr.str()
