"""What a run leaves beside its page: summary, badge, annotations, JUnit properties, the schema."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jsonschema
import pytest

from tests.plugin.conftest import CONFIG, GateProject

ROOT = Path(__file__).resolve().parents[3]
STRICT = CONFIG.replace("max-boxes = 1", "max-boxes = 0")
WARNING = STRICT.replace("min = 0.25", 'min = 0.75\nseverity = "warning"')
CRASHING = """
from typing import ClassVar

from pytest_detgate import SplitRule


class Crash(SplitRule, frozen=True, kw_only=True):
    code: ClassVar[str] = "crash"

    def check(self, target, inputs):
        raise ValueError("cannot read\\n::error::it, " + "which takes a while to say " * 9)
"""
WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])


def folder(project: GateProject) -> Path:
    return project.pytester.path / "detgate-report"


def crashing(project: GateProject) -> None:
    project.write("own_rules.py", CRASHING)
    project.write(
        "detgate.toml",
        'plugins = ["own_rules"]\n' + WARNING + '[rules.crash]\nsplits = ["train"]\n',
    )


@WORKERS
def test_summary_and_badge_lie_beside_the_record(
    project: GateProject, workers: tuple[str, ...]
) -> None:
    project.write("detgate.toml", STRICT)

    result = project.gate(*workers)

    assert sorted(path.name for path in folder(project).iterdir()) == [
        "badge.svg", "findings", "index.html", "report.json", "summary.md",
    ]  # fmt: skip
    summary = (folder(project) / "summary.md").read_text("utf-8")
    assert "| ❌ failed | `probe-fp[youtube]` | boxes 1, at most 0 |" in summary
    assert "- `youtube/tube_2.jpg`: helmet_off 0.80" in summary
    assert "- What to try: Look at the frames on the page." in summary
    assert "`detgate-report/index.html`" in summary
    assert "blocked 1 of 5" in (folder(project) / "badge.svg").read_text("utf-8")
    result.stdout.fnmatch_lines(["to paste into a pull request: detgate-report/summary.md"])


@WORKERS
def test_the_record_fits_the_published_schema(
    project: GateProject, workers: tuple[str, ...]
) -> None:
    crashing(project)
    schema = json.loads((ROOT / "docs/report.schema.json").read_text("utf-8"))

    assert project.gate(*workers).ret == 1

    jsonschema.validate(project.report, schema)
    assert "What to try" not in project.report["rules"][2]["advice"]
    assert project.report["rules"][2]["advice"].startswith("Look at the frames on the page.")


def test_nothing_of_an_earlier_run_is_left_beside_a_new_record(project: GateProject) -> None:
    project.write("detgate.toml", STRICT)
    project.gate()
    for name in ("summary.md", "badge.svg"):
        (folder(project) / name).unlink()
        (folder(project) / name).mkdir()
    project.write("detgate.toml", CONFIG)

    result = project.gate()

    assert result.ret == 0
    assert project.report["verdict"] == "passed"
    assert "Clear to merge" in (folder(project) / "index.html").read_text("utf-8")
    result.stdout.fnmatch_lines(
        [
            "detgate: summary.md could not be written: *",
            "detgate: badge.svg could not be written: *",
        ]
    )


def test_unwritable_page_costs_neither_record_nor_summary(
    project: GateProject,
) -> None:
    """A page that cannot be written costs neither record nor summary."""
    (folder(project) / "index.html").mkdir(parents=True)

    result = project.gate()

    assert result.ret == 3
    assert project.report["verdict"] == "passed"
    assert "Clear to merge" in (folder(project) / "summary.md").read_text("utf-8")
    result.stdout.fnmatch_lines(["detgate: the page could not be written: *"])


@WORKERS
def test_the_step_summary_is_added_once(
    project: GateProject, workers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = project.pytester.path / "step.md"
    step.write_text("before")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))

    assert project.gate(*workers).ret == 0

    summary = (folder(project) / "summary.md").read_text("utf-8")
    assert step.read_text("utf-8") == f"before\n{summary}"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "could not be written: *"),
        (1024 * 1024 - 100, "is full: step.md would be over 1 MiB"),
    ],
)
def test_unwritable_step_summary_is_reported(
    project: GateProject, size: int | None, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step summary that cannot be added changes nothing, and the output says so."""
    step = project.pytester.path / "step.md"
    if size is None:
        step.mkdir()
    else:
        step.write_bytes(b"x" * size)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))

    result = project.gate()

    assert result.ret == 0
    result.stdout.fnmatch_lines([f"detgate: $GITHUB_STEP_SUMMARY {text}"])
    assert (folder(project) / "summary.md").exists()
    assert size is None or step.stat().st_size == size


@pytest.mark.parametrize(
    "options", [(), ("-n", "2"), ("-q",), ("-s", "-v"), ("-p", "no:terminal")], ids=" ".join
)
def test_annotations_stand_on_lines_of_their_own_at_the_end(
    project: GateProject, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing(project)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.pytester.path.parent))

    result = project.gate(*options)

    text = (project.pytester.path / "detgate.toml").read_text().splitlines()
    file = f"{project.pytester.path.name}/detgate.toml"
    probe, crash, share = (
        f"file={file},line={text.index(f'[rules.{code}]') + 1},title=detgate%3A "
        for code in ("probe-fp", "crash", "empty-gt-share")
    )
    lines = [line for line in result.outlines if line.startswith("::")]
    assert lines == result.outlines[-3:]
    assert lines[0].startswith(f"::error {probe}probe-fp[youtube] failed::1 false box on 1 of 2")
    assert "%0A- youtube/tube_2.jpg: helmet_off 0.80%0AWhat to try: " in lines[0]
    assert lines[1].startswith(
        f"::error {crash}crash[train] could not be evaluated::the rule crashed: ValueError: "
        "cannot read ::error::it, "
    )
    assert lines[2].startswith(f"::warning {share}empty-gt-share[train] warned::")


def test_each_table_of_a_list_is_annotated_at_its_own_line(
    project: GateProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = CONFIG.partition("[rules.")[0]
    tables = "".join(
        f'[[rules.empty-gt-share]]\nname = "{name}"\nsplits = ["train"]\nmin = 0.9\n'
        for name in ("one", "two")
    )
    project.write("detgate.toml", head + tables)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    result = project.gate("detgate.toml", with_predictions=False)

    first = len(head.splitlines()) + 1
    assert [line.partition(",title")[0] for line in result.outlines[-2:]] == [
        f"::error file=detgate.toml,line={first}",
        f"::error file=detgate.toml,line={first + 4}",
    ]


@pytest.mark.parametrize("value", [None, "false", ""])
def test_no_annotations_elsewhere(
    project: GateProject, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("detgate.toml", STRICT)
    if value is not None:
        monkeypatch.setenv("GITHUB_ACTIONS", value)

    result = project.gate()

    assert result.ret == 1
    assert not [line for line in result.outlines if line.startswith("::")]


def test_a_test_written_by_hand_is_annotated_at_its_own_line(
    project: GateProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("tests/test_own.py", "\n\ndef test_it(detgate_record):\n"
                  "    detgate_record.at_most('x', 2, 1)\n")  # fmt: skip
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    result = project.gate("-n", "2")

    assert result.outlines[-1].startswith(
        "::error file=tests/test_own.py,line=3,title=detgate%3A tests/test_own.py%3A%3Atest_it"
    )


def test_a_gate_outside_the_workspace_has_no_line_to_show(
    project: GateProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("detgate.toml", STRICT)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))

    assert (
        project.gate().outlines[-1].startswith("::error title=detgate%3A probe-fp[youtube] failed")
    )


def properties(project: GateProject) -> dict[str, dict[str, str]]:
    """Properties of the test cases of the last run by item."""
    cases = ElementTree.parse(project.pytester.path / "junit.xml").iter("testcase")
    return {
        case.attrib["name"]: {
            entry.attrib["name"]: entry.attrib["value"] for entry in case.iter("property")
        }
        for case in cases
    }


@WORKERS
def test_junit_cases_have_values_and_limits(project: GateProject, workers: tuple[str, ...]) -> None:
    crashing(project)
    project.pytester.makepyfile(
        test_own="def test_it(detgate_record): detgate_record.at_least('frames', 3, 2.5)"
    )

    project.gate("--junitxml=junit.xml", *workers)

    result = properties(project)
    probe = result["probe-fp[youtube]"]
    assert probe["detgate.rule"] == "probe-fp"
    assert probe["detgate.verdict"] == "failed"
    assert (probe["detgate.boxes"], probe["detgate.boxes.limit"]) == ("1", "0")
    assert probe["detgate.boxes.relation"] == "<="
    assert probe["detgate.images_total"] == "2"
    assert "detgate.images_total.limit" not in probe
    assert result["empty-gt-share[train]"]["detgate.verdict"] == "warned"
    assert result["crash[train]"] == {"detgate.rule": "crash", "detgate.verdict": "not-evaluated"}
    assert result["test_it"] == {
        "detgate.rule": "test_it",
        "detgate.verdict": "passed",
        "detgate.frames": "3",
        "detgate.frames.limit": "2.5",
        "detgate.frames.relation": ">=",
    }


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_junit_failures_hold_the_message_and_no_traceback(
    project: GateProject, workers: tuple[str, ...]
) -> None:
    crashing(project)

    project.gate("--junitxml=junit.xml", *workers)

    failures = {
        case.attrib["name"]: failure
        for case in ElementTree.parse(project.pytester.path / "junit.xml").iter("testcase")
        for failure in case.iter("failure")
    }
    assert set(failures) == {"probe-fp[youtube]", "crash[train]"}
    probe = failures["probe-fp[youtube]"]
    assert probe.attrib["message"].startswith("1 false box on 1 of 2 frames")
    assert "\n  boxes 1, at most 0   <- over the limit\n" in (probe.text or "")
    for failure in failures.values():
        assert "Traceback" not in (failure.text or "")
        assert "\n" not in failure.attrib["message"]


@pytest.mark.parametrize(
    "options",
    [(), ("-q",), ("-v",), ("--tb=line",), ("--tb=no",), ("-rA",), ("-n", "2"), ("--tb=short",)],
    ids=" ".join,
)
def test_the_terminal_keeps_to_80_columns_and_shows_no_traceback(
    project: GateProject, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal: where pytest knows that it runs on a build server, it cuts nothing."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    crashing(project)

    result = project.gate(*options)

    assert result.ret == 1
    theirs = ("rootdir: ", "plugins: ", "metadata: ", "platform ", "[gw", "hypothesis profile ")
    wide = [line for line in result.outlines if len(line) > 80 and not line.startswith(theirs)]
    assert not wide
    text = result.stdout.str()
    assert "Traceback" not in text
    assert "own_rules.py:10: in check" not in text
    if "--tb=no" not in options and "--tb=line" not in options:
        result.stdout.fnmatch_lines(
            [
                "*_ probe-fp?youtube? _*",
                "1 false box on 1 of 2 frames, budget 0",
                "  boxes 1, at most 0   <- over the limit",
                "  - youtube/tube_2.jpg: helmet_off 0.80",
                "What to try: Look at the frames on the page. *",
            ]
        )
        result.stdout.fnmatch_lines(
            [
                "*_ crash?train? _*",
                "the rule crashed: ValueError: cannot read",
                r"  \::error::it, which takes a while to say *",
            ]
        )
    if options == ("--tb=line",):
        result.stdout.fnmatch_lines(["detgate.toml:*: crash?train?: the rule crashed: *..."])
    # One by one: workers end in any order.
    for line in (
        "FAILED detgate.toml::probe-fp?youtube? - *1 false box on 1 *",
        "FAILED detgate.toml::crash?train? - *the rule crashed: *...",
    ):
        result.stdout.fnmatch_lines([line])


def test_a_long_run_lists_what_did_not_pass(project: GateProject) -> None:
    names = "".join(
        f'[[rules.empty-gt-share]]\nname = "n{number}"\nsplits = ["train"]\n'
        f"min = {0.1 if number else 0.9}\n"
        for number in range(60)
    )
    head = CONFIG.partition("[rules.")[0]
    project.write("detgate.toml", head + names)

    quiet, verbose, unlisted = (
        [
            line.split()[:2]
            for line in project.gate("detgate.toml", *options, with_predictions=False).outlines
        ]
        for options in ((), ("-v",), ("-rN",))
    )

    failed = ["failed", "empty-gt-share.n0[train]"]
    assert failed not in quiet
    assert failed in unlisted
    assert ["FAILED", "detgate.toml::empty-gt-share.n0[train]"] in quiet
    assert ["passed", "empty-gt-share.n1[train]"] not in quiet
    assert ["passed", "empty-gt-share.n1[train]"] in verbose
    assert ["59", "passed"] in quiet
    assert ["1", "failed,"] in quiet


def test_unwritable_record_leaves_no_earlier_page(
    project: GateProject,
) -> None:
    """A record that cannot be written leaves no page of an earlier run."""
    project.gate()
    (folder(project) / "report.json").unlink()
    (folder(project) / "report.json").mkdir()

    assert project.gate().ret == 3
    assert not (folder(project) / "index.html").exists()


def test_an_item_that_looked_at_less_says_so_everywhere(project: GateProject) -> None:
    """The result file lists two of the three images of val."""
    path = project.pytester.path / "found/val.json"
    content = json.loads(path.read_text())
    truth = json.loads((project.pytester.path / "data/val.json").read_text())
    project.write(
        "found/val.json",
        {
            "images": truth["images"][:2],
            "categories": truth["categories"],
            "annotations": content if isinstance(content, list) else content["annotations"],
        },
    )

    result = project.gate_here("-rN")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["not-evaluated mean-ap *", "  (looked at 2 of 3 images)"])
    for name in ("index.html", "summary.md"):
        text = (folder(project) / name).read_text("utf-8")
        assert "looked at 2 of 3 images" in text.lower()
