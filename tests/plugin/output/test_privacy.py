"""`[report]`: nothing that must not be seen is in anything that a run leaves."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.__main__ import main
from tests.forked import run_forked
from tests.plugin.conftest import CONFIG, GateProject

STRICT = CONFIG.replace("max-boxes = 1", "max-boxes = 0")
# An absolute path, where it is not the rest of a relative one or of an address.
ABSOLUTE = re.compile(r"(?<![\w.~/…<:&;#%-])/(?:tmp|home|root|usr|mnt|var|work|srv|opt)\b")
CRASHING = """
import socket
from typing import ClassVar

from pytest_detgate import SplitRule


class Crash(SplitRule, frozen=True, kw_only=True):
    code: ClassVar[str] = "crash"

    def check(self, target, inputs):
        raise OSError("cannot read /mnt/acme corp/plan.txt on " + socket.gethostname())
"""


def left_behind(project: GateProject) -> dict[str, str]:
    """Everything that a run wrote, by name, as text."""
    folder = project.pytester.path / "detgate-report"
    files = [*folder.rglob("*.*"), project.pytester.path / "junit.xml"]
    return {path.name: path.read_text("utf-8") for path in files if path.is_file()}


@pytest.fixture
def private(project: GateProject, tmp_path: Path) -> GateProject:
    """A project whose probe lies elsewhere, with pictures, and with a rule that crashes."""
    away = tmp_path / "acme corp" / "probe 7"
    away.mkdir(parents=True)
    for name in ("tube_1.jpg", "tube_2.jpg"):
        Image.new("RGB", (100, 100), (90, 120, 150)).save(away / name)
    content = (project.pytester.path / "data/youtube.json").read_text()
    (away / "secret.json").write_text(content)
    project.write("own_rules.py", CRASHING)
    config = STRICT.replace("data/youtube.json", f"{away}/secret.json")
    config = config.replace("probes/youtube", str(away))
    project.write(
        "detgate.toml",
        'plugins = ["own_rules"]\n' + config + '[rules.crash]\nsplits = ["train"]\n',
    )
    return project


def gate(project: GateProject, *arguments: str) -> pytest.RunResult:
    """Run with an absolute path on the command line, and a JUnit file."""
    result = project.pytester.path / "found"
    return run_forked(
        project.pytester,
        f"--detgate-predictions=val={result / 'val.json'}",
        f"--detgate-predictions=youtube={result / 'youtube.json'}",
        f"--rootdir={project.pytester.path}",
        "--junitxml=junit.xml",
        *arguments,
    )


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_no_file_of_a_run_has_an_absolute_path(
    private: GateProject, workers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = private.pytester.path / "step.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))

    result = gate(private, *workers)

    assert result.ret == 1
    files = left_behind(private)
    assert set(files) == {
        "report.json", "index.html", "summary.md", "badge.svg", "probe-fp-youtube.json",
        "junit.xml",
    }  # fmt: skip
    commands = "\n".join(line for line in result.outlines if line.startswith("::"))
    for name, text in {**files, "step.md": step.read_text("utf-8"), "commands": commands}.items():
        assert not ABSOLUTE.findall(text), name
        assert "acme" not in text, name
        assert str(private.pytester.path) not in text, name
    report = private.report
    probe = report["dataset"]["probes"]["youtube"]
    assert (probe["images_dir"], probe["annotations"]) == ("…/probe 7", "…/secret.json")
    assert report["dataset"]["splits"]["val"]["images_dir"] == "data/images"
    assert "--detgate-predictions=val=found/val.json" in report["command"]
    assert "--rootdir=." in report["command"]
    (crash,) = [rule for rule in report["rules"] if rule["code"] == "crash"]
    assert crash["message"].startswith("the rule crashed: OSError: cannot read …/plan.txt on ")


def test_images_elsewhere_are_in_the_page_but_not_their_path(
    private: GateProject,
) -> None:
    """Pictures elsewhere are in the page though the record does not say where."""
    gate(private)

    page = left_behind(private)["index.html"]
    assert "data:image/jpeg;base64," in page


def test_an_earlier_record_is_told_where_its_pictures_are(
    private: GateProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate(private)
    record = private.pytester.path / "detgate-report" / "report.json"
    page = tmp_path / "page.html"
    capsys.readouterr()

    for options, has_picture in (
        ([], False),
        ([f"--images=youtube={tmp_path / 'acme corp' / 'probe 7'}"], True),
        ([f"--images=youtube={tmp_path / 'acme corp' / 'probe 7'}", "--no-pictures"], False),
        ([f"--images=youtube={tmp_path / 'acme corp' / 'probe 7'}", "--max-megabytes=0"], False),
    ):
        assert main(["report", str(record), "-o", str(page), *options]) == 0
        assert ("data:image/jpeg;base64," in page.read_text("utf-8")) is has_picture
    assert capsys.readouterr().out.splitlines() == [str(page)] * 4


def test_a_forged_record_shows_no_picture_from_outside_the_root(
    project: GateProject, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for name in ("tube_1.jpg", "tube_2.jpg"):
        Image.new("RGB", (100, 100), (90, 120, 150)).save(away / name)
    project.write("detgate.toml", STRICT)
    project.gate_here()
    record = project.pytester.path / "detgate-report" / "report.json"
    record.write_text(record.read_text().replace("probes/youtube", str(away)))
    page = tmp_path / "page.html"

    for options, has_picture in (
        ([], False),
        ([f"--root={tmp_path}"], True),
        ([f"--images=youtube={away}"], True),
    ):
        assert main(["report", str(record), "-o", str(page), *options]) == 0
        assert ("data:image/jpeg;base64," in page.read_text("utf-8")) is has_picture


def test_pictures_beside_the_root_are_in_the_page_of_the_run(
    project: GateProject, tmp_path: Path
) -> None:
    away = project.pytester.path.parent / f"{project.pytester.path.name}-away"
    away.mkdir()
    for name in ("tube_1.jpg", "tube_2.jpg"):
        Image.new("RGB", (100, 100), (90, 120, 150)).save(away / name)
    project.write("detgate.toml", STRICT.replace("probes/youtube", f"../{away.name}"))

    project.gate_here()

    page = (project.pytester.path / "detgate-report/index.html").read_text("utf-8")
    assert "data:image/jpeg;base64," in page


def test_without_pictures_none_is_read(private: GateProject, tmp_path: Path) -> None:
    """A pipe in a picture's place would make a reader wait for ever."""
    picture = tmp_path / "acme corp" / "probe 7" / "tube_2.jpg"
    picture.unlink()
    os.mkfifo(picture)
    config = (private.pytester.path / "detgate.toml").read_text()
    private.write("detgate.toml", config + "[report]\npictures = false\n")

    result = gate(private)

    assert result.ret == 1
    assert "data:image/jpeg" not in left_behind(private)["index.html"]
    assert private.report["rules"][2]["findings"][0]["image"] == "tube_2.jpg"


def test_patterns_are_hidden_everywhere_and_hosts_where_asked(private: GateProject) -> None:
    config = (private.pytester.path / "detgate.toml").read_text()
    private.write(
        "detgate.toml", config + "[report]\nredact = ['tube_\\d', 'hosts', 'paths', '(?i)HELMET']\n"
    )

    result = gate(private)

    assert result.ret == 1
    files = left_behind(private)
    for name, text in files.items():
        assert not re.search(r"tube_\d", text), name
        if name != "junit.xml":  # the node id is pytest's, and so is the host of the suite
            assert "helmet" not in text.lower().replace("pytest", ""), name
            assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text), name
    assert private.report["rules"][2]["findings"][0]["image"] == "[redacted].jpg"
    assert private.report["dataset"]["splits"]["val"]["annotations"] == "…/val.json"
    assert private.report["verdict"] == "failed"


def test_the_table_in_the_documentation_is_one_that_works(project: GateProject) -> None:
    documentation = Path(__file__).resolve().parents[3] / "docs" / "report.md"
    (table,) = re.findall(r"```toml\n(.*?)```", documentation.read_text("utf-8"), re.DOTALL)
    project.write("detgate.toml", CONFIG + table)

    assert project.gate("detgate.toml", "-k", "share", with_predictions=False).ret == 0


def test_the_budget_for_pictures_is_kept(private: GateProject) -> None:
    config = (private.pytester.path / "detgate.toml").read_text()
    private.write("detgate.toml", config + "[report]\nmax-megabytes = 0\n")

    gate(private)

    assert "data:image/jpeg" not in left_behind(private)["index.html"]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("redact = ['path']", "[report] redact: did you mean 'paths'? To hide the word itself, "
         "write '(?:path)'"),
        ("redact = ['Hosts']", "[report] redact: did you mean 'hosts'?"),
        ("redact = ['(']", "[report] redact: '(' is no regular expression: missing ), "
         "unterminated subpattern at position 0; to hide it literally, write '\\\\('"),
        ("redact = ['x*']", "[report] redact: 'x*' matches where there is nothing, so everywhere"),
        ("redact = ['']", "[report] redact: expected a list, each entry text that is not empty"),
        ("redact = 'paths'", "[report] redact: expected a list"),
        ("pictures = 'no'", "[report] pictures: expected true or false, found 'no'"),
        ("max-megabytes = -1", "[report] max-megabytes: expected a number ≥ 0, found -1"),
        ("max-megabyte = 1", "[report] max-megabyte: no such key; did you mean 'max-megabytes'?"),
    ],
)  # fmt: skip
def test_mistakes_are_told_before_anything_runs(
    project: GateProject, table: str, text: str
) -> None:
    project.write("detgate.toml", f"{CONFIG}[report]\n{table}\n")

    result = project.gate()

    assert result.ret == 4
    assert f": {text}" in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["gone.json"], "cannot be read"),
        (["report.json", "--max-megabytes=-1"], "expected 0 or more, found -1"),
        (["report.json", "--max-megabytes=nan"], "expected 0 or more"),
        (["report.json", "--images=youtub=."], "did you mean 'youtube'?"),
        (["report.json", "--images=youtube"], "expected NAME=DIR"),
        (["report.json", "--images=youtube=gone"], "there is no folder gone"),
        (["report.json", "-o", "report.json"], "is the record itself"),
        (["report.json", "-o", "."], "cannot be written"),
    ],
)
def test_mistakes_with_an_earlier_record(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[Any],
) -> None:
    from pytest_detgate.record.report_file import read_report, write_report
    from tests.report.sample import sample_report

    monkeypatch.chdir(tmp_path)
    write_report(sample_report(), Path("report.json"))

    assert main(["report", *arguments]) == 4

    error = capsys.readouterr().err
    assert text in error
    assert len(error.splitlines()) == 1
    assert read_report(Path("report.json")) == sample_report()
