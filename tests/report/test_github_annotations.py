"""Annotations: the form of the commands, their order, and their number."""

from __future__ import annotations

import re

from msgspec.structs import replace

from pytest_detgate.findings import Finding
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.exchange.github_annotations import EXAMPLES, Line, annotation_commands

from .sample import rule, sample_report

COMMAND = re.compile(r"::(?P<kind>error|warning) (?P<properties>[^\n]*?)::(?P<message>[^\n\r]*)")


def parsed(command: str) -> tuple[str, dict[str, str], str]:
    """A command as GitHub's runner reads it (ActionCommand in actions/runner)."""
    match = COMMAND.fullmatch(command)
    assert match is not None
    properties = dict(part.split("=", 1) for part in match["properties"].split(","))
    return (
        match["kind"],
        {key: unescaped(text) for key, text in properties.items()},
        unescaped(match["message"]),
    )


def unescaped(text: str) -> str:
    for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def commands(*rules: RuleResult, **lines: Line) -> list[tuple[str, dict[str, str], str]]:
    report = replace(sample_report(), rules=list(rules))
    named = {name.replace("_", "-"): line for name, line in lines.items()}
    return [parsed(command) for command in annotation_commands(report, named)]


def test_what_blocks_is_an_error_and_what_warns_a_warning() -> None:
    lines = commands(
        rule("a", "warned", "W"), rule("b", "passed", "P"), rule("c", "not-evaluated", "N"),
        rule("d", "failed", "F", findings=[Finding(text="t", dataset="v", image="i.jpg")]),
        rule("e", "waived", "V"), d=Line("detgate.toml", 7),
    )  # fmt: skip

    assert lines == [
        ("error", {"file": "detgate.toml", "line": "7", "title": "detgate: d failed"},
         "F\n- v/i.jpg: t"),
        ("error", {"title": "detgate: c could not be evaluated"}, "N"),
        ("warning", {"title": "detgate: a warned"}, "W"),
    ]  # fmt: skip


def test_findings_beyond_the_examples_are_counted() -> None:
    findings = [
        Finding(text=f"t{number}", dataset="v", image="i.jpg") for number in range(EXAMPLES)
    ]
    failed = replace(rule("a", "failed", "F", findings=findings), findings_total=1200 + EXAMPLES)

    ((_, _, message),) = commands(failed)

    assert message.splitlines()[-1] == "- and 1,200 more: see the page"
    assert len(message.splitlines()) == EXAMPLES + 2


def test_signs_that_mean_something_to_github_are_text() -> None:
    hostile = "50 %0A, 100%\r\n::error file=x::y\x1b[31m\u202e"
    ((kind, properties, message),) = commands(
        rule(f"own[{hostile}]", "failed", hostile),
    )
    lines = commands(rule("own", "failed", "x"), own=Line("a,b:c/%d.toml", 3))

    assert kind == "error"
    assert properties == {"title": f"detgate: own[{shown(hostile)}] failed"}
    assert message == shown(hostile)
    assert lines[0][1]["file"] == "a,b:c/%d.toml"


def shown(text: str) -> str:
    return " ".join(text.split()).replace("\x1b", "␛").replace("\u202e", "\ufffd")


def test_ten_of_a_kind_are_shown_and_the_last_sums_up_the_rest() -> None:
    rules = [rule(f"r{n}", "failed", "F") for n in range(10)]
    warned = [rule(f"w{n}", "warned", "W") for n in range(30)]
    unsure = [rule(f"n{n}", "not-evaluated", "N") for n in range(3)]

    assert len(commands(*rules)) == 10
    assert "more" not in commands(*rules)[-1][1]["title"]
    lines = commands(*unsure, *warned, *rules)
    errors, warnings = lines[:10], lines[10:]
    assert {kind for kind, _, _ in errors} == {"error"}
    assert len(warnings) == 10
    assert [properties["title"] for _, properties, _ in errors[:9]] == [
        f"detgate: r{n} failed" for n in range(9)
    ]
    assert errors[9][1]["title"] == "detgate: 4 more rules (1 failed, 3 could not be evaluated)"
    assert errors[9][2] == "r9\nn0\nn1\nn2"
    assert warnings[9][1]["title"] == "detgate: 21 more rules (21 warned)"
    assert warnings[9][2].splitlines()[-1] == "and 1 more"
