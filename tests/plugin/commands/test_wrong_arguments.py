"""Arguments that a command refuses: empty texts, most often a variable of a shell that is not set,
and choices that there are not."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_detgate.__main__ import COMMANDS, main
from pytest_detgate.commands.shared.parser import CommandParser
from tests.plugin.conftest import GateProject

MAY_BE_EMPTY = {"comment --link"}


def _actions(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from _actions(command, (*words, name))
        elif action.nargs != 0 and action.option_strings:
            yield " ".join((*words, action.option_strings[-1]))


def _options() -> list[str]:
    """Every option of every command that takes a value: `cache clear --model`."""
    parser = CommandParser()
    commands = parser.add_subparsers()
    for command in COMMANDS:
        command.add(commands)
    return sorted(_actions(parser, ()))


@pytest.mark.parametrize("option", [name for name in _options() if name not in MAY_BE_EMPTY])
@pytest.mark.parametrize("empty", ["", " "])
def test_option_of_a_command(
    option: str,
    empty: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        main([*option.split(), empty])

    assert ended.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert option.split()[-1] in message
    assert f"{empty!r}" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", [("plan",), ("tables",), ("init",), ("report",), ("split",), ("compare",)]
)
def test_argument_without_an_option(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, ""])

    assert ended.value.code == 2
    assert "expected a value, found ''" in capsys.readouterr().err


@pytest.mark.parametrize("columns", ["", ",", "width,", "width, ,height"])
def test_columns_without_a_name(columns: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["tables", f"--columns={columns}"])

    assert ended.value.code == 2
    assert f"--columns: expected NAME,NAME, found {columns!r}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    [
        *("--detgate-ckpt", "--detgate-baseline", "--detgate-sweep", "--detgate-config"),
        *("--detgate-report", "--detgate-sarif", "--detgate-codequality", "--detgate-device"),
        "--detgate-predictions",
    ],
)
@pytest.mark.parametrize("empty", ["", " "])
def test_option_of_the_plugin(project: GateProject, option: str, empty: str) -> None:
    before = sorted(project.pytester.path.iterdir())

    result = project.gate_here("detgate.toml", f"{option}={empty}", with_predictions=False)

    assert result.ret == 4
    (line,) = (line for line in result.errlines if line.startswith("ERROR"))
    assert f"{option}: expected " in line
    assert f"found {empty!r}" in line
    assert sorted(project.pytester.path.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("tabels",), "tables"),
        (("cache", "cleer"), "clear"),
        (("tables", "--to", "parket"), "parquet"),
        (("init", "data.yaml", "--ci", "gitlub"), "gitlab"),
    ],
)
def test_nearest_choice(
    words: tuple[str, ...], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words])

    assert ended.value.code == 2
    assert f"; did you mean {meant!r}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("approve", "--fail"), "unrecognized arguments: --fail; did you mean '--failed'?"),
        (
            ("split", "a.json", "--trian", "b", "--val", "c"),
            "required: --train; --trian: no such option; did you mean '--train'?",
        ),
        (
            ("accept", "box-bounds[val]", "--owner=ada", "--until=2027-01-01", "--wyh=x"),
            "required: --why; --wyh: no such option; did you mean '--why'?",
        ),
    ],
)
def test_option_that_is_mistyped(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The start of an option is none: `--fail` must not approve a run that failed."""
    with pytest.raises(SystemExit) as ended:
        main([*words])

    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
