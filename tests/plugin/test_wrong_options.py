"""Wrong options and configuration: one message, exit code 4, nothing runs."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from pytest_detgate.plugin.early import FLAGS
from pytest_detgate.plugin.options import add_options
from tests.forked import run_forked
from tests.plugin.conftest import CONFIG, GateProject


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("[rules.mean-ap]", "[rules.mean-app]"), "no rule 'mean-app'; did you mean 'mean-ap'?"),
        (("max-boxes = 1", "max-boxs = 1"), "max-boxs: no such key; did you mean 'max-boxes'?"),
        (("mean-ap]\nmin = 0.85", "mean-ap]\nmin = 8.5"), "a number between 0 and 1, found 8.5"),
        (("[rules.", "[other."), "no such table"),
        ((CONFIG, "x ="), "not valid TOML"),
    ],
)
def test_configuration(
    project: GateProject, change: tuple[str, str], expected: str, workers: tuple[str, ...]
) -> None:
    project.write("detgate.toml", CONFIG.replace(*change))

    result = project.gate(*workers)

    assert result.ret == 4
    lines = [line for line in result.errlines if line.startswith("ERROR")]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not (project.pytester.path / "detgate-report").exists()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_several_mistakes(project: GateProject, workers: tuple[str, ...]) -> None:
    project.write("detgate.toml", CONFIG.replace("min = 0.85", "min = 8.5"))

    result = project.gate(*workers)

    assert result.ret == 4
    assert [line for line in result.errlines if line] == [
        "ERROR: detgate.toml has 2 mistakes:",
        "  detgate.toml:21: [rules.mean-ap] min: expected a number between 0 and 1,",
        "      found 8.5",
        "  detgate.toml:23: [rules.class-ap] min: expected a number between 0 and 1,",
        "      found 8.5",
    ]
    assert not (project.pytester.path / "detgate-report").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--detgate-prediction=val=x.json",), "--detgate-prediction: no such option; did you"),
        (("--detgate-predictions=vall=x.json",), "no split or probe 'vall'; did you mean 'val'?"),
        (("--detgate-predictions=x.json",), "expected NAME=FILE, found 'x.json'"),
        (
            ("--detgate-predictions=val=a", "--detgate-predictions=val=a"),
            "'val=a' is given twice",
        ),
        (
            ("--detgate-ckpt=a.pth", "--detgate-predictions=val=a"),
            "--detgate-ckpt and --detgate-predictions each name what is gated",
        ),
        (("--detgate-train",), "--detgate-train needs a table [train]"),
        (("--detgate-ckpt=a.pth", "--detgate-retrain"), "--detgate-retrain goes with"),
        (("--detgate-ckpt=a.pth", "--detgate-device=gpu"), "expected auto, cpu, cuda or cuda:N"),
        (("--detgate-config=gone.toml",), "gone.toml: no such file"),
        (
            ("--detgate-update=acept",),
            "--detgate-update: expected nothing or 'accept', found 'acept'; did you mean 'accept'?",
        ),
        (("--detgate-update=",), "--detgate-update: expected nothing or 'accept', found ''"),
        (("--detgate-train=yes",), "--detgate-train: expected no value, found 'yes'"),
        (("-m", "not detgate_dat"), "-m: no marker 'detgate_dat'; did you mean 'detgate_data'?"),
    ],
)
def test_options(project: GateProject, arguments: tuple[str, ...], expected: str) -> None:
    result = project.gate(*arguments, with_predictions=False)

    assert result.ret == 4
    assert expected in result.stderr.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_every_option_without_a_value_is_known() -> None:
    parser = Mock()
    add_options(parser)
    declared = parser.getgroup.return_value.addoption.call_args_list
    without = {
        call.args[0].partition("=")[0]
        for call in declared
        if call.kwargs.get("action", "store").startswith("store_")
    }

    assert without == set(FLAGS)


def test_marker_of_the_project_is_none_of_the_gate(project: GateProject) -> None:
    project.write("pytest.ini", "[pytest]\nmarkers = detgate_slow: takes long\n")

    result = project.gate("-m", "detgate_data and not detgate_slow", with_predictions=False)

    assert "no marker" not in result.stderr.str()
    assert result.ret != 4


def test_missing_configuration(pytester: pytest.Pytester) -> None:
    result = run_forked(pytester, "--detgate-ckpt=a.pth")

    assert result.ret == 4
    assert "detgate.toml: no such file" in result.stderr.str()


def test_configuration_that_links_to_itself(project: GateProject) -> None:
    path = project.pytester.path / "detgate.toml"
    path.unlink()
    path.symlink_to(path)

    result = project.gate()

    assert result.ret == 4
    (line,) = [line for line in result.errlines if line.startswith("ERROR")]
    assert "detgate.toml" in line
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_result_file_that_links_to_itself(project: GateProject) -> None:
    path = project.pytester.path / "found/val.json"
    path.unlink()
    path.symlink_to(path)

    result = project.gate()

    assert result.ret == 1
    assert project.verdicts()["mean-ap"] == "not-evaluated"
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("gone.py", ("ERROR: file or directory not found: gone.py",)),
        # pytest 7 says it in the second way.
        ("found/val.json", ("ERROR: not found: ", "ERROR: found no collectors for ")),
    ],
)
def test_mistyped_argument(
    project: GateProject, argument: str, expected: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    result = project.gate("detgate.toml", argument, *workers)

    assert result.ret == 4
    assert any(text in result.stderr.str() for text in expected)
    assert argument in result.stderr.str()
    assert "detgate.toml" not in result.stderr.str()


@pytest.mark.parametrize(
    "option",
    [
        *("--detgate-ckpt=", "--detgate-predictions=val=", "--detgate-baseline="),
        *("--detgate-sweep=", "--detgate-report=", "--detgate-sarif=", "--detgate-config="),
    ],
)
@pytest.mark.parametrize("text", ["a" * 5000, "a/" * 3000])
def test_a_name_that_no_file_can_have(project: GateProject, option: str, text: str) -> None:
    result = project.gate(option + text)

    assert result.ret == 4
    name = option.split("=")[0]
    result.stderr.fnmatch_lines([f"ERROR: {name}: no path can be '{text[:60]}'..."])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
