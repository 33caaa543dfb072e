"""`--detgate-sarif` and `--detgate-codequality`: what a run writes, replaces and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.conftest import CONFIG, GateProject

STRICT = CONFIG.replace("max-boxes = 1", "max-boxes = 0")
OPTIONS = ("--detgate-sarif=out/gate.sarif", "--detgate-codequality=out/quality.json")


def written(project: GateProject, name: str) -> Any:
    return json.loads((project.pytester.path / "out" / name).read_text("utf-8"))


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=" ".join)
def test_files_name_the_lines_of_what_was_found(
    project: GateProject, workers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.pytester.path
    project.write("detgate.toml", STRICT)
    indented = json.dumps(json.loads((path / "data" / "youtube.json").read_text()), indent=2)
    project.write("data/youtube.json", indented)
    monkeypatch.setenv("CI_PROJECT_DIR", str(path.parent))

    assert project.gate(*OPTIONS, *workers).ret == 1

    table = STRICT.splitlines().index("[rules.probe-fp]") + 1
    text = indented.splitlines()
    image = next(number for number, line in enumerate(text, 1) if "tube_2.jpg" in line)
    # The entry begins at the line of its bracket.
    begin = max(number for number, line in enumerate(text[:image], 1) if line.strip() == "{")
    of_rule, of_finding = written(project, "quality.json")
    assert of_rule["check_name"] == of_finding["check_name"] == "probe-fp"
    assert of_rule["location"] == {
        "path": f"{path.name}/detgate.toml", "lines": {"begin": table}
    }  # fmt: skip
    assert of_finding["location"] == {
        "path": f"{path.name}/data/youtube.json", "lines": {"begin": begin}
    }  # fmt: skip
    results = written(project, "gate.sarif")["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["probe-fp", "probe-fp"]
    assert results[1]["message"]["text"] == "probe-fp[youtube]: youtube/tube_2.jpg: helmet_off 0.80"


def test_an_earlier_file_is_replaced_or_removed(project: GateProject) -> None:
    """A run that ends without a record leaves no file of an earlier run."""
    project.write("detgate.toml", STRICT)
    assert project.gate(*OPTIONS).ret == 1
    project.write("detgate.toml", CONFIG)

    assert project.gate(*OPTIONS).ret == 0
    assert written(project, "quality.json") == []
    assert written(project, "gate.sarif")["runs"][0]["results"] == []

    project.write("detgate.toml", "[rules.nothing]\n")
    assert project.gate(*OPTIONS).ret == 4
    assert list((project.pytester.path / "out").iterdir()) == []


@pytest.mark.parametrize("option", ["--detgate-sarif", "--detgate-codequality"])
def test_a_file_of_somebody_else_is_not_overwritten(project: GateProject, option: str) -> None:
    result = project.gate(f"{option}=data/train.json")

    assert result.ret == 4
    message = f"{option}: {project.pytester.path}/data/train.json exists and is no file that this"
    assert message in str(result.stderr)
    assert "images" in json.loads((project.pytester.path / "data" / "train.json").read_text())


def test_one_file_is_not_both(project: GateProject) -> None:
    result = project.gate("--detgate-sarif=a.json", "--detgate-codequality=./a.json")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--detgate-sarif and --detgate-codequality name one file*"])


def test_a_file_that_cannot_be_written_is_an_error(project: GateProject) -> None:
    project.write("out", "a file where a folder is wanted")

    result = project.gate(OPTIONS[0])

    assert result.ret == 3
    result.stdout.fnmatch_lines(["detgate: --detgate-sarif: *gate.sarif could not be written: *"])
    assert project.report["verdict"] == "passed"


def test_the_option_alone_asks_for_the_gate(project: GateProject) -> None:
    project.write("detgate.toml", CONFIG.partition("[rules.probe-fp]")[0])

    assert project.gate(OPTIONS[0], with_predictions=False).ret == 0

    assert Path(project.pytester.path, "detgate-report", "report.json").exists()


def test_hidden_names_are_hidden_there_too(project: GateProject) -> None:
    project.write("detgate.toml", f'{STRICT}\n[report]\nredact = ["tube_\\\\d"]\n')

    assert project.gate(*OPTIONS).ret == 1

    for name in ("quality.json", "gate.sarif"):
        text = (project.pytester.path / "out" / name).read_text("utf-8")
        assert "tube_2" not in text
        assert "[redacted]" in text
