"""The badge: its words, and that it is an SVG on its own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from msgspec.structs import replace

from pytest_detgate.findings import Verdict
from pytest_detgate.report.badge import badge_svg, badge_text

from .sample import rule, sample_report

SVG = "{http://www.w3.org/2000/svg}"


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[number : number + 2], 16) / 255 for number in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("verdicts", "message"),
    [
        (["failed", "not-evaluated", "passed"], "blocked 2 of 3"),
        (["passed", "passed"], "passed 2"),
        (["passed", "warned", "waived", "waived"], "passed 1, 1 warned, 2 waived"),
        ([], "blocked"),
    ],
)
def test_the_badge_says_the_verdict(verdicts: list[Verdict], message: str) -> None:
    rules = [rule(f"own[{index}]", verdict, "") for index, verdict in enumerate(verdicts)]
    verdict: Verdict = "failed" if {"failed", "not-evaluated"} & set(verdicts) else "passed"
    report = replace(sample_report(), verdict=verdict, rules=rules)

    text, colour = badge_text(report)
    picture = ElementTree.fromstring(badge_svg(report))

    assert text == message
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5
    assert picture.attrib["role"] == "img"
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert title.text == f"detgate: {message}"
    assert picture.attrib["aria-labelledby"] == title.attrib["id"]
    assert [text.text for text in picture.iter(f"{SVG}text")] == ["detgate", message]
    # Both texts lie within the two fields that fill the picture.
    fields = [int(part.attrib["width"]) for part in picture.findall(f"{SVG}g/{SVG}rect")]
    assert sum(fields) == int(picture.attrib["width"])
    for field, written in zip(fields, picture.iter(f"{SVG}text"), strict=True):
        assert 0 < int(written.attrib["textLength"]) < field


def test_a_run_that_did_not_pass_has_no_badge_that_says_so() -> None:
    report = replace(sample_report(), verdict="failed", rules=[rule("own", "passed", "")])

    assert badge_text(report)[0] == "blocked"
