"""The dossier: what it says, that it says it in the same bytes, and who set the limits."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from pytest_detgate.__main__ import main
from pytest_detgate.findings import Measurement
from pytest_detgate.publishing.dossier.content import NO_CLAIM, document_of
from pytest_detgate.publishing.dossier.coverage import REQUESTS, Answer, answer_to
from pytest_detgate.publishing.dossier.render import as_html, as_markdown
from pytest_detgate.publishing.dossier.set_limits import set_limits
from pytest_detgate.record.accepted_record import AcceptedRecord
from pytest_detgate.record.report import (
    ConfigRecord,
    DatasetRecord,
    ProjectRecord,
    Report,
)
from pytest_detgate.record.report_file import write_report
from tests.report.sample import rule, sample_report

CONFIG = """\
recommended = true
[rules.probe-fp]
max-boxes = 25
[[rules.mean-ap]]
min = 0.85
"""
PROJECT = ProjectRecord(
    name="Helmet watch", version="2.1", owner="Ada", purpose="Finds workers without a helmet.",
    not_for=["access control"],
)  # fmt: skip


def markdown(report: Report) -> str:
    return as_markdown(document_of(report, None))


def test_every_part_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "report.json"
    write_report(replace(sample_report(), project=PROJECT), record)

    assert main(["dossier", str(record), "--root", str(tmp_path)]) == 0

    written = [tmp_path / "dossier.md", tmp_path / "dossier.html"]
    assert capsys.readouterr().out.split() == list(map(str, written))
    text, page = (path.read_text("utf-8") for path in written)
    for part in (
        "Finds workers without a helmet.", "access control", "83,005", "63a58e4b70d1c2f9",
        "COCO bbox, maxDets", "0.9109", "helmet_off_head", "hotcoco 1.3.2", NO_CLAIM,
        "Who set the limits", "TS 4213, 5.3.7", "Signatures", "58 more findings in the record",
    ):  # fmt: skip
        assert part in text, part
        assert part in page, part
    assert text.count("\n## ") == page.count("<h2>") == 15


def test_accepted_findings_are_a_table() -> None:
    accepted = AcceptedRecord(
        findings=12, owner="Ada", until="2027-03-31", why="boxes | drawn by the old tool"
    )
    result = replace(sample_report().rules[0], accepted=[accepted])
    report = replace(sample_report(), rules=[result])

    section = markdown(report).partition("Accepted findings\n")[2].partition("\n## ")[0]

    assert result.id.partition("[")[0] in section
    assert "| 12 | Ada | 2027" in section
    assert section.count("\n|") == 3


def test_without_accepted_findings_it_says_so() -> None:
    section = markdown(sample_report()).partition("Accepted findings\n")[2].partition("\n## ")[0]

    assert section.split() == ["None."]


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    record, again = tmp_path / "a" / "report.json", tmp_path / "b" / "report.json"
    for path in (record, again):
        path.parent.mkdir()
        write_report(sample_report(), path)
        assert main(["dossier", str(path)]) == 0

    for name in ("dossier.md", "dossier.html"):
        assert record.with_name(name).read_bytes() == again.with_name(name).read_bytes()


def test_a_run_without_anything_says_what_is_missing() -> None:
    text = markdown(replace(sample_report(), rules=[rule("a", "passed", "P")], model=None,
                            scores={}, dataset=DatasetRecord()))  # fmt: skip

    for sentence in (
        "Not stated: the configuration has no",
        "No model: only data was tested.",
        "Not tested in this run: no rule looks for clips",
        "No score was computed in this run.",
        "Not known: the configuration of this run is not in the history",
    ):
        assert sentence in text


def test_names_from_data_stay_text() -> None:
    name = "<script>alert(1)</script> | [x](http://y) `z`"
    report = replace(
        sample_report(),
        rules=[rule(f"slice-ap[{name}]", "failed", name)],
        project=replace(PROJECT, purpose=name),
    )

    document = document_of(report, None)
    page, tokens = as_html(document), MarkdownIt().enable("table").parse(as_markdown(document))

    assert "<script>" not in page
    inline = [child for token in tokens for child in token.children or []]
    assert not {"link_open", "image", "html_inline", "code_inline"} & {
        entry.type for entry in inline
    }
    # The bar in the name ends no cell.
    assert any(token.type == "inline" and token.content.endswith("`z`".replace("`", "&#96;"))
               for token in tokens)  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "asks", "report", "answer"),
    [
        ("AI Act IV 2(g)", "metrics of accuracy", {}, "given"),
        ("AI Act IV 2(g)", "metrics of accuracy", {"scores": {}}, "not in this run"),
        ("AI Act IV 2(g)", "potentially discriminatory impacts", {}, "not by this tool"),
        ("TS 4213, 5.3.7", "no leak between training and test data", {}, "given"),
        ("TS 4213, 5.3.7", "no leak between training and test data", {"rules": []},
         "not in this run"),
        ("TS 4213, 5.3.7", "no leak between training and test data",
         {"rules": [rule("clip-overlap", "not-evaluated", "N")]}, "not in this run"),
        ("TS 4213, 5.3.9", "ground truth", {}, "in part"),
        ("TS 4213, 5.3.13", "appropriate baselines", {}, "not in this run"),
    ],
)  # fmt: skip
def test_answers_depend_on_what_was_evaluated(
    reference: str, asks: str, report: dict[str, object], answer: Answer
) -> None:
    (request,) = [entry for entry in REQUESTS if (entry.reference, entry.asks) == (reference, asks)]

    assert answer_to(request, replace(sample_report(), **report)) == answer


def test_every_control_of_the_standard_is_listed() -> None:
    """5.3.1 is the introduction of the clause."""
    listed = [entry.reference for entry in REQUESTS if entry.reference.startswith("TS 4213")]

    assert listed == [f"TS 4213, 5.3.{number}" for number in range(2, 15)]


def git(folder: Path, *arguments: str, author: str = "Ada", day: str = "2026-03-01") -> None:
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", author), ("EMAIL", "a@b.c"), ("DATE", f"{day}T12:00:00Z"))
    }
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder), **identity}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)


def committed(folder: Path, text: str, author: str, day: str) -> Report:
    """Commit a `detgate.toml`; the record of a run with it."""
    (folder / "detgate.toml").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-m", "x", author=author, day=day)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return replace(sample_report(), config=ConfigRecord(path="detgate.toml", sha256=digest))


def test_git_tells_who_set_each_limit(tmp_path: Path) -> None:
    git(tmp_path, "init")
    committed(tmp_path, CONFIG, "Ada", "2026-03-01")
    report = committed(tmp_path, CONFIG.replace("25", "61"), "Bob", "2026-04-02")
    first = set_limits(report, tmp_path)
    committed(tmp_path, CONFIG.replace("25", "99"), "Eve", "2026-05-03")

    assert first is not None
    assert [(entry.table, entry.line, entry.text, entry.author, entry.day) for entry in first] == [
        ("rules.probe-fp", 3, "max-boxes = 61", "Bob", "2026-04-02"),
        ("rules.mean-ap", 5, "min = 0.85", "Ada", "2026-03-01"),
    ]
    # A later commit changes nothing in the dossier of an earlier run.
    assert set_limits(report, tmp_path) == first
    text = as_markdown(document_of(report, first))
    assert "| rules.probe-fp | 3 | max-boxes = 61 | Bob | 2026-04-02 |" in text


def test_nobody_is_named_without_history(tmp_path: Path) -> None:
    report = sample_report()
    assert set_limits(report, tmp_path) is None
    assert set_limits(report, tmp_path / "missing") is None
    git(tmp_path, "init")
    assert set_limits(report, tmp_path) is None
    hidden = committed(tmp_path, f'{CONFIG}[report]\nredact = ["Ada"]\n', "Ada", "2026-03-01")
    assert set_limits(hidden, tmp_path) is None


@pytest.mark.parametrize("name", ["dossier.pdf", "report.json"])
def test_another_suffix_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "report.json"
    write_report(sample_report(), record)

    assert main(["dossier", str(record), "-o", str(tmp_path / name)]) == 4

    assert "expected a name that ends in .md or .html" in capsys.readouterr().err


def test_values_show_their_bounds_and_limits() -> None:
    measured = Measurement.at_most("boxes", 4, 8)
    text = markdown(replace(sample_report(), rules=[rule("a", "passed", "P", measured)]))

    assert "| a | Passed | boxes 4, at most 8 |" in text
