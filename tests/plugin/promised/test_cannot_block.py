"""A gate in which nothing can block says so, and its badge is grey."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.plugin.conftest import CONFIG, GateProject

HEAD = CONFIG.partition("[rules.")[0]
WAIVER = """
[[waivers]]
item = "empty-gt-share[train]"
reason = "new site"
owner = "Ada"
until = {}
"""
GREY = "#6b7079"


def in_days(days: int) -> str:
    return (date.today() + timedelta(days=days)).isoformat()


WITHOUT_TEETH = {
    "a warning": '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.25\nseverity = "warning"\n',
    "a warning that warns": (
        '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.75\nseverity = "warning"\n'
    ),
    "a waived failure": (
        '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.75\n' + WAIVER.format(in_days(9))
    ),
    "a waived pass": (
        '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.25\n' + WAIVER.format(in_days(9))
    ),
    "too little evidence": (
        '[rules.probe-fp]\nmax-boxes = 0\nmin-images = 9\ntoo-little = "warn"\n'
    ),
    "a first run": '[rules.ap-regression]\nmax-drop = 0.1\nfirst-run = "accept"\n',
    "a floor of 0": "[rules.mean-ap]\nmin = 0.0\n[rules.class-ap]\nmin = 0\n",
    "no image and no box of a class": "[rules.class-support]\nmin-images = 0\nmin-boxes = 0\n",
    "a largest share of 1": '[rules.empty-gt-share]\nsplits = ["train"]\nmax = 1.0\n',
    "more faults than boxes": '[rules.box-bounds]\nsplits = ["train"]\nmax = 1\n',
    "a limit that is no less than all": "[rules.probe-fp]\nmax-images = 2\n",
}


@pytest.mark.parametrize("rules", WITHOUT_TEETH.values(), ids=WITHOUT_TEETH)
def test_nothing_here_can_block(project: GateProject, rules: str) -> None:
    project.write("detgate.toml", HEAD + rules)

    result = project.gate_here("detgate.toml", *needed(rules), with_predictions=False)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*= detgate: PASSED, nothing here can block =*"])
    folder = project.pytester.path / "detgate-report"
    page, summary, badge = (
        (folder / name).read_text("utf-8") for name in ("index.html", "summary.md", "badge.svg")
    )
    assert "Nothing here can block</h1>" in page
    assert "## ⚪ detgate: Nothing here can block" in summary
    assert "cannot block" in badge
    assert GREY in badge
    assert not any(rule["can_block"] for rule in project.report["rules"])


WITH_TEETH = {
    "a limit": '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.25\n',
    "a limit beside a warning": (
        '[rules.empty-gt-share]\nmin = 0.25\nseverity = "warning"\n[rules.mean-ap]\nmin = 0.5\n'
    ),
    "an old waiver": (
        '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.25\n' + WAIVER.format(in_days(-9))
    ),
    "enough evidence": '[rules.probe-fp]\nmax-boxes = 1\nmin-images = 2\ntoo-little = "warn"\n',
    "one value of two": '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.25\nmax = 1.0\n',
    "a box of a class": "[rules.class-support]\nmin-images = 0\nmin-boxes = 1\n",
    "a limit below all": "[rules.probe-fp]\nmax-images = 1\n",
    "a count of 1": '[rules.duplicate-ids]\nsplits = ["train"]\nmax = 1\n',
}


@pytest.mark.parametrize("rules", WITH_TEETH.values(), ids=WITH_TEETH)
def test_something_here_can_block(project: GateProject, rules: str) -> None:
    project.write("detgate.toml", HEAD + rules)

    result = project.gate_here("detgate.toml", *needed(rules), with_predictions=False)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*= detgate: PASSED =*"])
    page = (project.pytester.path / "detgate-report/index.html").read_text("utf-8")
    assert "Clear to merge" in page
    assert "can block" not in page


def test_a_test_by_hand_can_block(project: GateProject) -> None:
    project.write("detgate.toml", HEAD + WITHOUT_TEETH["a warning"])
    project.write(
        "test_own.py", "def test_own(detgate_record):\n    detgate_record.at_least('x', 0, -1)\n"
    )

    result = project.gate_here("detgate.toml", "test_own.py", with_predictions=False)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*= detgate: PASSED =*"])


def test_what_could_not_be_evaluated_blocks_all_the_same(project: GateProject) -> None:
    project.write("detgate.toml", HEAD + WITHOUT_TEETH["a warning"])
    (project.pytester.path / "data/train.json").unlink()

    result = project.gate_here("detgate.toml", with_predictions=False)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*= detgate: BLOCKED =*"])


def needed(rules: str) -> list[str]:
    """The result files that some rules read."""
    val, youtube = GateProject.arguments
    given = [val] if "-ap" in rules or "ap-" in rules else []
    return given + ([youtube] if "probe-fp" in rules else [])


@pytest.mark.parametrize(("days", "code"), [(360, 0), (370, 4), (40000, 4)])
def test_a_waiver_ends_within_a_year(project: GateProject, days: int, code: int) -> None:
    rules = '[rules.empty-gt-share]\nsplits = ["train"]\nmin = 0.75\n'
    project.write("detgate.toml", HEAD + rules + WAIVER.format(in_days(days)))

    result = project.gate_here("detgate.toml", with_predictions=False)

    assert result.ret == code
    if code:
        text = "until: a waiver ends within a year, on "
        assert text in result.stderr.str()
        assert f"at the latest; found {in_days(days)}" in result.stderr.str()
