"""`--detgate-update`: limits go towards what was measured."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.testing import coco_content, result_content
from tests.plugin.conftest import CONFIG, GateProject

pytest.importorskip("tomlkit", reason="needs tomlkit")

HEAD = CONFIG.partition("[rules.")[0]
RULES = """\
# What the team agreed on in March.
[rules.probe-fp]
max-boxes = 3     # three a week
max-images = 1

[rules.mean-ap]   # of the whole split
min = 0.85
[rules.empty-gt-share]
splits = ["train"]
min = 0.25
max = 0.75
[rules.recall]
min = 0.5
classes = { helmet_off = 0.9 } # more for these
"""


@pytest.fixture
def limited(project: GateProject, monkeypatch: pytest.MonkeyPatch) -> GateProject:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    project.write("detgate.toml", HEAD + RULES)
    return project


def text(project: GateProject) -> str:
    return (project.pytester.path / "detgate.toml").read_bytes().decode()


def changes(before: str, after: str) -> list[str]:
    """The lines that differ, without their marks."""
    diff = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line[2:] for line in diff if line.startswith("+ ")]


def test_limits_are_tightened_and_the_rest_stays(limited: GateProject) -> None:
    """One false box on one image; AP and recall are 1."""
    before = text(limited)

    result = limited.gate_here("--detgate-update", "detgate.toml")

    assert result.ret == 0
    assert changes(before, text(limited)) == [
        "max-boxes = 1     # three a week",
        "min = 1.0",
        "classes = { helmet_off = 1.0 } # more for these",
    ]
    result.stdout.fnmatch_lines(
        ["-max-boxes = 3     # three a week", "+max-boxes = 1     # three a week"]
    )
    out = result.stdout.str()
    assert "detgate.toml was written: 3 limits moved" in out
    assert "rules.empty-gt-share.min stays: it is one end of a range" in out
    again = text(limited)
    assert limited.gate_here("--detgate-update", "detgate.toml").ret == 0
    assert text(limited) == again


SPECIAL = """\
[rules.probe-fp]
max-boxes = 9
[rules.probe-fp.probes.youtube]
classes = { helmet_off = 5 } # of this probe
[rules.duplicate-ids]
[rules.class-support]
min-boxes = 1
max = 3
[rules.operating-point]
max-boxes = 4
min-recall = 0.5
"""


def test_limits_of_one_probe_and_class_move(limited: GateProject) -> None:
    """What a file does not say stays unsaid, and what chooses a threshold is no limit."""
    limited.write("detgate.toml", HEAD + SPECIAL)
    before = text(limited)

    result = limited.gate_here("--detgate-update", "detgate.toml")

    assert result.ret == 0
    assert changes(before, text(limited)) == [
        "max-boxes = 1",
        "classes = { helmet_off = 1 } # of this probe",
        "max = 0",
    ]


def test_a_file_that_changes_during_the_run_is_left_alone(limited: GateProject) -> None:
    limited.write("test_edit.py", "def test_edit():\n    open('detgate.toml', 'a').write('#')\n")
    before = text(limited)

    result = limited.gate_here("--detgate-update", "test_edit.py", "detgate.toml")

    assert text(limited) == f"{before}#"
    out = " ".join(result.stdout.str().split())
    assert "detgate.toml changed during the run, so no limit was moved" in out


def worse(project: GateProject) -> None:
    """Two false boxes on two images, one of two persons found."""
    box = ("helmet_off", 0.8, 10, 10, 40, 40)
    images: dict[str, Any] = {"tube_1.jpg": [], "tube_2.jpg": []}
    content = result_content(images, {name: [box] for name in images}, ["helmet_off"])
    project.write("found/youtube.json", content)
    val: dict[str, Any] = {"roof_1.jpg": [], "roof_2.jpg": [], "roof_3.jpg": []}
    project.write("found/val.json", result_content(val, {"roof_1.jpg": [box]}, ["helmet_off"]))


def test_limits_never_move_away(limited: GateProject) -> None:
    """AP is 51/101, which is below its floor; the boxes are below theirs."""
    worse(limited)
    before = text(limited)

    result = limited.gate_here("--detgate-update", "detgate.toml")

    assert result.ret == 1
    assert changes(before, text(limited)) == ["max-boxes = 2     # three a week"]


def test_accepted_limits_move_away(limited: GateProject) -> None:
    worse(limited)
    before = text(limited)

    result = limited.gate_here("--detgate-update=accept", "detgate.toml")

    assert result.ret == 1, "this run was judged by the limits it began with"
    assert changes(before, text(limited)) == [
        "max-boxes = 2     # three a week",
        "max-images = 2",
        "min = 0.5049",
        "classes = { helmet_off = 0.5 } # more for these",
    ]
    assert limited.gate_here("detgate.toml").ret == 0


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("BUILD_NUMBER", "7")])
def test_build_servers_only_show_the_diff(
    limited: GateProject, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    before = text(limited)

    result = limited.gate_here("--detgate-update", "detgate.toml")

    assert result.ret == 0
    assert text(limited) == before
    result.stdout.fnmatch_lines(
        ["+max-boxes = 1 *", f"*not written, because this is a build server ({variable} is set)*"]
    )


def test_shared_limit_goes_to_the_worst_item(limited: GateProject) -> None:
    """Both probes are under one budget; a probe with its own has no say in it."""
    head = HEAD.replace(
        "[probes.youtube]",
        '[probes.calm]\nannotations = "data/calm.json"\nimages = "probes/calm"\n'
        '[probes.own]\nannotations = "data/calm.json"\nimages = "probes/calm"\n[probes.youtube]',
    )
    rule = "[rules.probe-fp]\nmax-boxes = 9\n[rules.probe-fp.probes.own]\nmax-boxes = 8\n"
    limited.write("detgate.toml", head + rule)
    box = [("helmet_off", 0.8, number, 10, 9, 9) for number in (10, 20, 30)]
    limited.write("data/calm.json", coco_content({"calm_1.jpg": []}, ["helmet_off"]))
    detections = {"calm": box[:2], "own": box}
    for name, boxes in detections.items():
        content = result_content({"calm_1.jpg": []}, {"calm_1.jpg": boxes}, ["helmet_off"])
        limited.write(f"found/{name}.json", content)
    files = [f"--detgate-predictions={name}=found/{name}.json" for name in detections]

    whole = (limited.pytester.path / "found" / "calm.json").read_text()
    limited.write("found/calm.json", "[")
    result = limited.gate_here("--detgate-update", "detgate.toml", *files)
    assert text(limited).endswith("max-boxes = 9\n[rules.probe-fp.probes.own]\nmax-boxes = 3\n")
    assert "rules.probe-fp.max-boxes stays: probe-fp[calm], which" in result.stdout.str()
    limited.write("found/calm.json", whole)
    limited.gate_here("--detgate-update", "detgate.toml", *files)

    assert text(limited).endswith("max-boxes = 2\n[rules.probe-fp.probes.own]\nmax-boxes = 3\n")


def test_limit_of_one_value_beside_the_limit_of_another_by_split(limited: GateProject) -> None:
    """`max-by-split` limits the boxes too many. The train split has one of them, and two places
    with one box and two classes, which `max-two-classes` limits in every split."""
    rule = "[rules.duplicate-boxes]\nmax-by-split = { train = 3 }\nmax-two-classes = 4\n"
    rule += "[rules.probe-fp]\nmax-boxes = 1\n[rules.mean-ap]\nmin = 1\n"
    limited.write("detgate.toml", HEAD + rule)
    person, helmet = ("helmet_off", 10, 10, 40, 40), ("helmet_on", 10, 10, 40, 40)
    images = {
        "site_1.jpg": [person, person],
        "site_2.jpg": [person, helmet],
        "site_3.jpg": [person, helmet],
    }
    limited.write("data/train.json", coco_content(images, ["helmet_off", "helmet_on"]))

    result = limited.gate_here("--detgate-update", "detgate.toml")

    assert result.ret == 0
    assert "max-by-split = { train = 1 }\nmax-two-classes = 2\n" in text(limited)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_byte_order_mark_stay(limited: GateProject, end: str) -> None:
    path = Path("detgate.toml")
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + RULES).replace("\n", end).encode())
    before = path.read_bytes()

    assert limited.gate_here("--detgate-update", "detgate.toml").ret == 0

    after = path.read_bytes()
    assert after != before
    assert after == before.replace(b"max-boxes = 3 ", b"max-boxes = 1 ").replace(
        b"min = 0.85", b"min = 1.0"
    ).replace(b"helmet_off = 0.9 ", b"helmet_off = 1.0 ")


def test_named_tables_of_one_rule_move_by_themselves(limited: GateProject) -> None:
    rules = '[[rules.probe-fp]]\nname = "low"\nmax-boxes = 3\nscore-threshold = 0.1\n'
    rules += '[[rules.probe-fp]]\nname = "high"\nmax-boxes = 3\nscore-threshold = 0.9\n'
    limited.write("detgate.toml", HEAD + rules + "[rules.mean-ap]\nmin = 1.0\n")

    limited.gate_here("--detgate-update", "detgate.toml")

    assert changes(HEAD + rules, text(limited))[:2] == ["max-boxes = 1", "max-boxes = 0"]


def test_item_that_was_not_evaluated_holds_its_limit(limited: GateProject) -> None:
    limited.write("found/youtube.json", "[")

    result = limited.gate_here("--detgate-update=accept", "detgate.toml")

    assert result.ret == 1
    assert "max-boxes = 3     # three a week" in text(limited)


def test_bound_that_is_compared_is_the_new_limit(limited: GateProject) -> None:
    """With one box on two images the upper bound of a Poisson count is 4.74: five boxes."""
    rules = '[rules.probe-fp]\nmax-boxes = 30\nbound = "upper"\n[rules.mean-ap]\nmin = 1.0\n'
    limited.write("detgate.toml", HEAD.replace("frame-pattern", "# frame-pattern") + rules)

    assert limited.gate_here("--detgate-update", "detgate.toml").ret == 0

    assert "max-boxes = 5\n" in text(limited)
    assert limited.gate_here("detgate.toml").ret == 0


def test_wrong_word_is_a_mistake(limited: GateProject) -> None:
    result = limited.gate_here("--detgate-update=loosen", "detgate.toml")

    assert result.ret == 4


def test_two_workers_update_once(limited: GateProject) -> None:
    before = text(limited)

    assert limited.gate("--detgate-update", "detgate.toml", "-n", "2").ret == 0

    assert len(changes(before, text(limited))) == 3
