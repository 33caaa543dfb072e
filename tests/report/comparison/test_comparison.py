"""Two runs side by side: what became of each rule, and what is said of numbers that differ."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from msgspec.structs import replace

from pytest_detgate.__main__ import main
from pytest_detgate.findings import Interval, Measurement, Verdict
from pytest_detgate.record.report import DatasetRecord, ProbeRecord, Report, RuleResult
from pytest_detgate.record.report_file import write_report
from pytest_detgate.report.comparison.changes import Comparison, compare
from pytest_detgate.report.comparison.page import headline_of_comparison, render_comparison
from pytest_detgate.report.comparison.text import ROWS, comparison_markdown, comparison_text
from tests.report.markup import Element, read
from tests.report.sample import rule, sample_report, scores
from tests.report.test_pull_request_summary import HOSTILE
from tests.report.test_pull_request_summary import html as rendered_markdown
from tests.report.test_pull_request_summary import visible as as_read

NAMES = ("old/report.json", "new/report.json")


def runs(before: list[RuleResult], after: list[RuleResult]) -> Comparison:
    return compare(replace(sample_report(), rules=before), replace(sample_report(), rules=after))


def boxes(verdict: Verdict, value: float, limit: float = 21) -> RuleResult:
    return rule("probe-fp[x]", verdict, "m", Measurement.at_most("boxes", value, limit))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (boxes("passed", 20), boxes("failed", 22), "newly failing"),
        (boxes("waived", 22), boxes("failed", 22), "newly failing"),
        (boxes("passed", 20), rule("probe-fp[x]", "not-evaluated", "gone"), "newly failing"),
        (None, boxes("failed", 22), "newly failing"),
        (boxes("failed", 22), boxes("passed", 20), "newly passing"),
        (rule("probe-fp[x]", "not-evaluated", "gone"), boxes("warned", 22), "newly passing"),
        (boxes("failed", 22), rule("probe-fp[x]", "not-evaluated", "gone"), "changed"),
        (boxes("passed", 20), boxes("warned", 20), "changed"),
        (boxes("passed", 20), boxes("passed", 19), "changed"),
        (boxes("passed", 20), boxes("passed", 20, 22), "changed"),
        (boxes("failed", 22), None, "only in A"),
        (None, boxes("passed", 20), "only in B"),
        (boxes("failed", 22), boxes("failed", 22), "same"),
    ],
)
def test_what_became_of_a_rule(
    before: RuleResult | None, after: RuleResult | None, kind: str
) -> None:
    (change,) = runs([before] if before else [], [after] if after else []).rules

    assert change.kind == kind


def test_the_relation_tells_what_is_better() -> None:
    most, least, shown = Measurement.at_most, Measurement.at_least, Measurement.shown
    first = rule(
        "r", "passed", "", most("a", 5, 9), least("b", 0.5, 0.1), shown("c", 1), most("d", 1, 2)
    )
    other = rule(
        "r", "passed", "", most("a", 7, 9), least("b", 0.75, 0.1), shown("c", 3), most("d", 1, 2)
    )

    (change,) = runs([first], [other]).rules

    assert [(value.name, value.change, value.better) for value in change.values] == [
        ("a", 2, False),
        ("b", 0.25, True),
        ("c", 2, None),
        ("d", 0, None),
    ]


def test_value_of_one_digit_that_the_other_run_lacks_is_shown() -> None:
    lines = comparison_text(runs([rule("r", "passed", "")], [boxes("passed", 5)]), NAMES)
    assert "boxes – -> 5, at most 21" in lines


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (Measurement.shown("boxes", 5), Measurement.at_most("boxes", 5, 21),
         "boxes 5 -> 5 (±0), limit none, now at most 21"),
        (Measurement.at_most("boxes", 5, 21), Measurement.shown("boxes", 5),
         "boxes 5 -> 5 (±0), limit at most 21, now none"),
        (Measurement.at_most("boxes", 5, 21), Measurement.at_most("boxes", 5, 22),
         "boxes 5 -> 5 (±0), limit at most 21, now at most 22"),
    ],
)  # fmt: skip
def test_another_limit_is_said(before: Measurement, after: Measurement, text: str) -> None:
    comparison = runs([rule("r", "passed", "", before)], [rule("r", "passed", "", after)])

    assert text in " ".join(comparison_text(comparison, NAMES).split())


def test_rules_beyond_the_rows_of_a_table_are_counted() -> None:
    before = [rule(f"r{number}", "passed", "") for number in range(ROWS + 2)]
    after = [rule(entry.id, "failed", "") for entry in before]

    text = comparison_markdown(runs(before, after), NAMES)

    assert "\n2 more rules changed.\n" in text
    assert f"`r{ROWS - 1}`" in text
    assert f"`r{ROWS}`" not in text


def test_a_page_of_rules_that_pass_now_begins_with_them() -> None:
    comparison = runs([boxes("failed", 22)], [boxes("passed", 20)])

    headline = headline_of_comparison(comparison)

    assert (headline.verdict, headline.word) == ("passed", "1 rule newly passing")


def test_newly_failing_comes_first_and_what_stayed_the_same_last() -> None:
    comparison = runs(
        [
            rule("same", "passed", ""),
            replace(boxes("passed", 1), id="better"),
            replace(boxes("passed", 1), id="worse"),
            rule("warns", "passed", ""),
            rule("passes", "failed", ""),
            rule("gone", "passed", ""),
            rule("fails", "passed", ""),
        ],
        [
            rule("same", "passed", ""),
            replace(boxes("passed", 0), id="better"),
            replace(boxes("passed", 2), id="worse"),
            rule("warns", "warned", ""),
            rule("passes", "passed", ""),
            rule("fails", "failed", ""),
            rule("new", "passed", ""),
        ],
    )

    assert [change.id for change in comparison.rules] == [
        "fails", "passes", "warns", "worse", "better", "gone", "new", "same",
    ]  # fmt: skip
    assert comparison.sentence == (
        "1 rule newly failing, 1 rule newly passing, 3 rules changed, 1 rule only in A, "
        "1 rule only in B, 1 rule same."
    )


def test_other_images_of_the_same_names_are_said() -> None:
    first = sample_report()

    def with_images(sha256: str | None) -> Report:
        probes = {"youtube": replace(first.dataset.probes["youtube"], images_sha256=sha256)}
        return replace(first, dataset=replace(first.dataset, probes=probes))

    def remarks(before: str | None, after: str | None) -> list[str]:
        return list(compare(with_images(before), with_images(after)).remarks)

    assert remarks("a" * 64, "a" * 64) == remarks(None, "a" * 64) == []
    assert remarks("a" * 64, "b" * 64) == [
        "The data of the probe youtube differ: numbers on it are not comparable."
    ]


def test_numbers_that_cannot_be_compared_are_said() -> None:
    first = sample_report()
    splits, probes = dict(first.dataset.splits), dict(first.dataset.probes)
    splits["val"] = replace(splits["val"], sha256="0" * 64)
    probes["youtube"] = replace(probes["youtube"], images=7)
    val = replace(scores()["val"], engine="pycocotools 2.0.10")
    other = replace(
        first,
        dataset=DatasetRecord(splits=splits, probes=probes),
        scores={"val": val},
        score_threshold=0.5,
        rules=[boxes("passed", 1, 3)],
    )

    remarks = compare(replace(first, rules=[boxes("passed", 1, 4)]), other).remarks

    assert [remark.partition(":")[0] for remark in remarks] == [
        "The data of the split val differ",
        "The data of the probe youtube differ",
        "The operating points differ (score over 0.3 and score over 0.5)",
        "The scores on val were made differently",
        "Limits differ, so that verdicts are not comparable",
    ]
    assert remarks[-1].endswith(": probe-fp[x].")
    both = compare(replace(first, rules=[boxes("passed", 1, 4)]), other)
    quotes = [part for part in comparison_markdown(both, NAMES).splitlines() if part[:1] == ">"]
    assert len(quotes) == len(remarks)
    assert all(part.startswith("> ⚠️ ") for part in quotes)


def test_the_same_data_and_limits_are_not_remarked_on() -> None:
    assert compare(sample_report(), sample_report()).remarks == ()


def test_another_end_of_an_interval_is_another_limit() -> None:
    poisson = Interval(low=4.69523, high=15.70522, confidence=0.95, method="exact Poisson")
    measurement = Measurement.at_most("boxes", 9, 25, bound="upper", interval=poisson)
    before, after = (
        rule("r", "passed", "", Measurement.at_most("boxes", 9, 25)),
        rule("r", "passed", "", measurement),
    )

    assert runs([before], [after]).rules[0].other_limits


def test_probe_without_digest_is_not_said_to_differ() -> None:
    """A probe of an early record that has no digest is not said to differ."""
    probe = ProbeRecord(images_dir="p", images=3, boxes=0)
    report = replace(sample_report(), dataset=DatasetRecord(splits={}, probes={"p": probe}))

    assert compare(report, report).remarks == ()


def better_and_worse() -> tuple[Report, Report]:
    first = sample_report()
    rules = {entry.id: entry for entry in first.rules}
    rules["probe-fp[youtube]"] = rule(
        "probe-fp[youtube]", "passed", "fine",
        Measurement.at_most("boxes", 9, 21), Measurement.at_most("images", 6, 6),
    )  # fmt: skip
    rules["mean-ap"] = rule("mean-ap", "failed", "low", Measurement.at_least("ap", 0.84999, 0.85))
    del rules["latency"]
    val = scores()["val"]
    classes = dict(val.classes)
    classes["person"] = replace(classes["person"], AP=0.9362)
    other = replace(
        first, rules=list(rules.values()), scores={"val": replace(val, AP=0.84999, classes=classes)}
    )
    return first, other


def test_the_terminal_table() -> None:
    lines = comparison_text(compare(*better_and_worse()), NAMES).splitlines()

    assert max(map(len, lines)) <= 79
    assert lines[0] == (
        "1 rule newly failing, 1 rule newly passing, 1 rule only in A, 13 rules same."
    )
    index = lines.index("newly failing (1)")
    # 0.9108731 - 0.84999 = 0.0608831 with three digits that count
    assert lines[index + 1 : index + 3] == [
        "  mean-ap  passed -> failed",
        "    ap 0.9109 -> 0.84999 (−0.0609, worse), at least 0.85",
    ]
    index = lines.index("newly passing (1)")
    assert lines[index + 1 : index + 3] == [
        "  probe-fp[youtube]  failed -> passed",
        "    boxes 63 -> 9 (−54, better), at most 21",
    ]
    assert "only in A (1)" in lines
    assert "  latency  passed -> –" in lines
    (person,) = [line.split() for line in lines if line.split()[:1] == ["person"]]
    assert person == ["person", "0.986", "0.936", "−0.050", "worse"]
    assert "Model: work_dirs/site/epoch_10.pth, epoch 10 (9f2c1d07b4e8)" in lines


def test_the_markdown_table() -> None:
    page = rendered_markdown(comparison_markdown(compare(*better_and_worse()), NAMES))

    facts, rules, metrics = page.all("table")
    rows = [[as_read(cell.text) for cell in row.all("td")] for row in rules.only("tbody").all("tr")]
    assert rows == [
        ["newly failing", "mean-ap", "passed", "failed",
         "ap 0.9109 -> 0.84999 (−0.0609, worse), at least 0.85"],
        ["newly passing", "probe-fp[youtube]", "failed", "passed",
         "boxes 63 -> 9 (−54, better), at most 21; images 6 -> 6 (±0), at most 6"],
        ["only in A", "latency", "passed", "–",
         "median_ms 18.38 -> –, at most 25; p95_ms 24.99 -> –, at most 30"],
    ]  # fmt: skip
    assert facts.all("th")[1].text == "A"
    assert "AP of person" in metrics.text


def page_of(before: Report, after: Report, names: tuple[str, str] = NAMES) -> Element:
    return read(render_comparison(compare(before, after), names))


def test_the_page_shows_both_runs_without_script() -> None:
    html = render_comparison(compare(*better_and_worse()), NAMES)
    page = read(html)

    assert page.only("h1").text == "1 rule newly failing"
    assert "<script" not in html
    (policy,) = [
        meta.attributes["content"]
        for meta in page.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert [group.text for group in page.all("h3")] == [
        "Newly failing (1)", "Newly passing (1)", "Only in A (1)", "The same (13)", "val",
    ]  # fmt: skip
    row = page.all("article", "board")[0].only("tbody").all("tr")[0]
    assert [cell.text for cell in row.children] == [
        "mean-ap", "passed → failed", "ap", "0.9109", "0.84999", "−0.0609 worse", "at least 0.85",
    ]  # fmt: skip
    ids = {element.attributes["id"] for element in page.all() if "id" in element.attributes}
    for link in page.all("a"):
        assert link.attributes["href"][1:] in ids


def test_every_row_of_the_page_has_all_its_columns() -> None:
    first, other = better_and_worse()
    unsure = [
        rule("gone[x]", "not-evaluated", "no file"),
        rule(
            "both",
            "not-evaluated",
            "no file",
            Measurement.at_most("a", 1, 2),
            Measurement.at_most("b", 1, 2),
        ),
    ]
    page = page_of(
        replace(first, rules=[*first.rules, *unsure]), replace(other, rules=[*other.rules, *unsure])
    )

    for table in page.all("table"):
        columns = len(table.only("thead").all("th"))
        reaching_down = [0] * columns
        for row in table.only("tbody").all("tr"):
            free = [number for number in range(columns) if not reaching_down[number]]
            reaching_down = [max(rows - 1, 0) for rows in reaching_down]
            for cell in row.children:
                for _ in range(int(cell.attributes.get("colspan", "1"))):
                    reaching_down[free.pop(0)] += int(cell.attributes.get("rowspan", "1")) - 1
            assert not free


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_text_in_all_three(name: str) -> None:
    def report(text: str, verdict: Verdict) -> Report:
        first = sample_report()
        val = replace(scores()["val"], classes={text: scores()["val"].classes["person"]})
        measured = Measurement.at_most(text, 1, 2)
        return replace(
            first,
            rules=[rule(text, verdict, text, measured), rule("b", "not-evaluated", text)],
            dataset=DatasetRecord(splits={text: first.dataset.splits["val"]}, probes={}),
            scores={text: val},
        )

    clean = compare(report("x", "passed"), report("x", "failed"))
    hostile = compare(report(name, "passed"), report(name, "failed"))

    def shape(page: Element) -> list[str]:
        return [element.tag for element in page.all() if element.tag != "code"]

    assert shape(read(render_comparison(hostile, (name, name)))) == shape(
        read(render_comparison(clean, NAMES))
    )
    texts = [comparison_markdown(*pair) for pair in ((hostile, (name, name)), (clean, NAMES))]
    assert shape(rendered_markdown(texts[0])) == shape(rendered_markdown(texts[1]))
    terminal = comparison_text(hostile, (name, name))
    assert not [sign for sign in terminal if ord(sign) < 32 and sign != "\n"]
    assert "\u202e" not in terminal


def test_very_long_names_do_not_widen_the_terminal() -> None:
    long = rule("own[" + "x" * 300 + "]", "failed", "y" * 300, Measurement.at_most("z" * 300, 2, 1))

    text = comparison_text(runs([], [long]), ("a" * 300, "b" * 300))

    assert max(map(len, text.splitlines())) <= 79


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, other = tmp_path / "a" / "report.json", tmp_path / "b" / "report.json"
    for path, report in zip((first, other), better_and_worse(), strict=True):
        write_report(report, path)
    page = tmp_path / "out" / "page.html"

    assert main(["compare", str(first), str(other), "-o", str(page)]) == 1

    out = capsys.readouterr().out
    assert "  mean-ap  passed -> failed" in out
    assert out.endswith(f"page: {page}\n")
    html = page.read_text("utf-8")
    assert read(html).only("h1").text == "1 rule newly failing"
    assert "…/a/report.json" in html
    assert str(tmp_path) not in html
    assert main(["compare", str(first), str(other), "--markdown"]) == 1
    assert capsys.readouterr().out.startswith("## detgate: two runs compared\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["{a}", "{gone}"], "cannot be read: No such file"),
        (["{a}", "{text}"], "not JSON, or cut off"),
        (["{a}", "{a}"], "are one file"),
        (["{a}", "{b}", "-o", "{a}"], "is the record itself"),
        (["{a}", "{b}", "-o", "{folder}"], "cannot be written"),
    ],
)
def test_mistakes_end_with_exit_code_4_and_one_line(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        write_report(sample_report(), tmp_path / f"{name}.json")
    (tmp_path / "text.json").write_text("no record")
    (tmp_path / "folder").mkdir()
    names = {name: tmp_path / f"{name}.json" for name in ("a", "b", "gone", "text")}

    code = main(["compare", *(a.format(**names, folder=tmp_path / "folder") for a in arguments)])

    assert code == 4
    error = capsys.readouterr().err
    assert text in error
    assert len(error.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.json", "b.json", "folder", "text.json",
    ]  # fmt: skip


def test_nan_never_reaches_a_change() -> None:
    """A class of no AP in one run has no change."""
    first, other = better_and_worse()
    (val,) = compare(first, other).scores

    undefined = [metric for metric in val.classes if metric.before is None]
    assert [metric.name for metric in undefined] == ["helmet_in_hand"]
    assert all(metric.change is None for metric in undefined)
    assert all(math.isfinite(f.change) for f in val.metrics if f.change is not None)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"a": "passed", "b": "failed"}, {"a": "passed", "b": "failed"}, 0),
        ({"a": "failed"}, {"a": "passed"}, 0),
        ({"a": "passed"}, {"a": "failed"}, 1),
        ({"a": "passed"}, {"a": "not-evaluated"}, 1),
        ({"a": "waived"}, {"a": "failed"}, 1),
        ({"a": "passed", "b": "passed"}, {"a": "passed"}, 1),
        ({"a": "passed"}, {"a": "passed", "b": "passed"}, 0),
        ({"a": "passed"}, {"a": "passed", "b": "failed"}, 1),
        ({"a": "passed"}, {"a": "warned"}, 0),
    ],
)
def test_exit_code_says_whether_the_second_run_is_worse(
    tmp_path: Path, before: dict[str, Verdict], after: dict[str, Verdict], code: int
) -> None:
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    for path, verdicts in zip(paths, (before, after), strict=True):
        rules = [rule(name, verdict, "said") for name, verdict in verdicts.items()]
        write_report(replace(sample_report(), rules=rules), path)

    assert main(["compare", *map(str, paths)]) == code
