"""summary.md: what it says, how long it gets, and that names from data stay text in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.record.markdown import code, plain, prose
from pytest_detgate.record.report import DatasetRecord, ModelRecord, Report
from pytest_detgate.report.pull_request_summary import LINES, summary_markdown

from .markup import Element, read
from .sample import rule, sample_report

PAGE = "detgate-report/index.html"
HOSTILE = [
    "a | b",
    "`x` ``y`` `",
    "<script>alert(1)</script>",
    "<img src=http://evil.example/x.png>",
    "![x](http://evil.example/x.png)",
    "[click](http://evil.example)",
    "[click]: http://evil.example",
    "line\nbreak\r\n\n# heading",
    "# heading",
    "1. list",
    "- list",
    "> quote",
    "===",
    "---",
    "**bold** *it* ~~gone~~ __b__ _i_",
    "a\\| b \\` c",
    "&lt;b&gt; &#64;",
    "http://evil.example www.evil.example",
    "ftp://evil.example, ada@evil.example",
    "\u202egnp.exe\x00\x1b[31m",
    "</code></td><b>",
    "|",
    "`",
    "\\",
    "$x$ {{ 7*7 }}",
]
RULES_NAMED = {
    "clip-overlap[train-val]", "probe-fp[youtube]", "class-ap[helmet_off_head]",
    "frame-distance[train-val]", "box-bounds[train]", "duplicate-boxes[train]",
}  # fmt: skip
CALLS = "@ada @org/team #12 GH-12 org/repo#3 ada@4f2a9c1 4f2a9c1d :tada: https://evil.example"


def html(markdown: str) -> Element:
    """What a renderer with tables, raw HTML and strikethrough makes of it."""
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return read(re.sub(r"<(br|hr)>", r"<\1/>", renderer.render(markdown)))


def tags(element: Element) -> set[str]:
    return {child.tag for child in element.all()}


def only(*rules: object) -> Report:
    return replace(sample_report(), rules=list(rules))


def visible(text: str) -> str:
    """As it is read: without the signs that keep names apart."""
    return " ".join(text.replace("\u200b", "").split())


def test_the_comment_tells_the_run() -> None:
    page = html(summary_markdown(sample_report(), PAGE))

    assert page.only("h2").text == "❌ detgate: Blocked"
    total = len(sample_report().rules)
    assert visible(page.all("p")[0].text) == (
        f"3 of {total} rules failed and 1 could not be evaluated."
    )
    rows = [[visible(cell.text) for cell in row.all("td")] for row in page.only("tbody").all("tr")]
    assert [row[:3] for row in rows if row[1] in RULES_NAMED] == [
        ["❌ failed", "clip-overlap[train-val]", "share 0.0951, at most 0"],
        ["❌ failed", "probe-fp[youtube]", "boxes 63, at most 21"],
        ["❌ failed", "class-ap[helmet_off_head]", "ap 0.86998, at least 0.87"],
        ["❔ not evaluated", "frame-distance[train-val]", "no value"],
        ["⚠️ warned", "box-bounds[train]", "count 4, at most 0"],
        ["☑️ waived", "duplicate-boxes[train]", "count 310, at most 0"],
    ]
    assert rows[-1][3].endswith("Waiver: A. Moreau until 2026-12-31: relabelling is under way "
                               "(issue 218)")  # fmt: skip
    texts = [visible(paragraph.text) for paragraph in page.all("p")]
    assert "✅ 8 rules passed." in texts
    assert texts[-1] == f"Evidence, charts and images: {PAGE}"
    assert "work_dirs/site/epoch_10.pth, epoch 10" in texts[-2]
    assert "train 83,005, val 12,660 images" in texts[-2]
    examples = [visible(entry.text) for entry in page.all("ul")[1].all("li")]
    assert len(examples) == 3
    assert examples[0].startswith("youtube/yt_8dK2_")


def test_a_run_that_passed_is_short() -> None:
    passed = [rule for rule in sample_report().rules if rule.verdict == "passed"]
    text = summary_markdown(replace(sample_report(), verdict="passed", rules=passed), PAGE)

    assert "Clear to merge" in text
    assert "All 8 rules passed." in text
    assert "|" not in text
    assert len(text.splitlines()) <= 9


@pytest.mark.parametrize("verdict", ["failed", "not-evaluated", "warned"])
def test_no_run_makes_more_than_sixty_lines(verdict: str) -> None:
    findings = [Finding(text="x\ny" * 900, image="a\nb" * 500) for _ in range(9)]
    rules = [
        replace(
            rule(f"own-{number}[{'x' * 300}]", verdict, "why | <b>\n" * 400, findings=findings),  # type: ignore[arg-type]
            measurements=[Measurement.at_most("m|" * 200 + str(n), 1, 0) for n in range(40)],
            advice="`do` | this\n" * 300,
            waiver="for a reason\n" * 100,
        )
        for number in range(5000)
    ]
    report = replace(sample_report(), rules=[*rules, *sample_report().rules])
    splits = {f"split{n}": sample_report().dataset.splits["val"] for n in range(500)}
    report = replace(report, dataset=DatasetRecord(splits=splits, probes={}))

    text = summary_markdown(report, PAGE)

    assert len(text.splitlines()) <= LINES
    assert len(text) < 65_536


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_data_stay_text(name: str) -> None:
    clean = only(
        replace(
            rule("own[x]", "failed", "y", Measurement.at_most("n", 1, 0),
                 findings=[Finding(text="t", dataset="d", image="i"), Finding(text="t")]),
            advice="z",
        )
    )  # fmt: skip
    hostile = only(
        replace(
            rule(f"own[{name}]", "failed", name, Measurement.at_most(name, 1, 0),
                 findings=[Finding(text=name, dataset=name, image=name), Finding(text=name)]),
            advice=name,
        )
    )  # fmt: skip
    model = ModelRecord(checkpoint=name, sha256="0" * 64, classes=[], device="cpu")
    hostile = replace(hostile, model=model)

    expected, page = (html(summary_markdown(report, PAGE)) for report in (clean, hostile))

    shape = [element.tag for element in page.all() if element.tag != "code"]
    assert shape == [element.tag for element in expected.all() if element.tag != "code"]
    assert len(page.only("tbody").all("td")) == 4
    for link in page.all():
        assert not {"href", "src", "onclick"} & set(link.attributes)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_read_is_what_was_there(name: str) -> None:
    shown = " ".join(name.split())
    shown = shown.replace("\u202e", "\ufffd").replace("\x00", "␀").replace("\x1b", "␛")

    for written in (f"- {plain(name, 99, begins=True)}", f"- {code(name, 99)}"):
        page = html(written)
        assert visible(page.only("li").text) == " ".join(shown.split())
        assert tags(page) <= {"ul", "li", "code"}
    table = html(f"| a | b |\n| - | - |\n| {plain(name, 99)} | {code(name, 99)} |")
    assert [visible(cell.text) for cell in table.all("td")] == [" ".join(shown.split())] * 2


def test_nobody_and_nothing_is_called() -> None:
    """GitHub looks for these in rendered text, outside of code."""
    text = html(plain(CALLS, 200)).text

    assert visible(text) == CALLS
    for call in (r"@\w", r"#\d", r"GH-\d", r"\b[0-9a-f]{7,40}\b", r":\w+:", r"://"):
        assert not re.search(call, text), call


def test_what_stands_between_backticks_is_code_where_they_pair() -> None:
    item = html(f"- {prose('Set `a_b=False` & *not* `x|y`, says @me.', 99)}").only("li")

    assert visible(item.text) == "Set a_b=False & *not* x|y, says @me."
    assert [element.text for element in item.all("code")] == ["a_b=False", "x|y"]
    assert html(f"- {prose('a ` b *c*', 99)}").only("li").text == "a ` b *c*"


def test_a_long_name_is_cut_and_a_missing_one_is_a_dash() -> None:
    assert html(plain("x" * 50, 10)).text == "x" * 9 + "…"
    assert code("", 10) == "–"


def test_the_comment_of_no_rules_at_all(tmp_path: Path) -> None:
    text = summary_markdown(replace(sample_report(), rules=[], model=None), PAGE)

    assert "No rule was evaluated" in text
    assert "No model" in text
