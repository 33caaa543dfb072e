"""A reason that several items were not evaluated for is said once, with the items."""

from __future__ import annotations

import json
import re

import pytest

from tests.plugin.conftest import CONFIG, GateProject

GONE = "--detgate-predictions=val=gone.json"
YOUTUBE = GateProject.arguments[1]
REASON = "gone.json: no such file or folder"
RECALL = CONFIG + "[rules.recall]\nmin = 0.5\n"


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_missing_file_is_one_failure(project: GateProject, workers: tuple[str, ...]) -> None:
    project.write("detgate.toml", RECALL)

    run = project.gate if workers else project.gate_here
    result = run(GONE, YOUTUBE, *workers, with_predictions=False)

    text = result.stdout.str()
    failures = text[text.index("= FAILURES =") : text.index("detgate: BLOCKED")]
    assert failures.count(REASON) == 1
    assert (
        "Not evaluated, which counts as a failure.\n"
        "The same reason holds for class-ap[helmet_off], recall[helmet_off]\n"
    ) in failures
    result.assert_outcomes(failed=3, passed=3)
    # With workers items end in any order.
    assert sorted(line for line in text.splitlines() if line.startswith("FAILED")) == [
        "FAILED detgate.toml::class-ap[helmet_off] - same reason as mean-ap",
        f"FAILED detgate.toml::mean-ap - {REASON}",
        "FAILED detgate.toml::recall[helmet_off] - same reason as mean-ap",
    ]


@pytest.mark.parametrize(
    ("options", "shown"),
    [((), 1), (("--tb=line",), 1), (("--tb=no",), 0), (("--no-summary",), 0), (("-x",), 1)],
)
def test_counts_keep_all_failures(
    project: GateProject, options: tuple[str, ...], shown: int
) -> None:
    result = project.gate_here(GONE, YOUTUBE, *options, with_predictions=False)

    text = result.stdout.str()
    failures = text.partition("= FAILURES =")[2].partition("detgate: BLOCKED")[0]
    assert failures.count(REASON) == shown
    result.assert_outcomes(failed=1 if "-x" in options else 2, passed=3)


def test_record_keeps_the_reason_of_each_item(project: GateProject) -> None:
    """Other tools read one item at a time."""
    project.gate_here(GONE, YOUTUBE, "--junitxml=j.xml", with_predictions=False)

    silent = [rule for rule in project.report["rules"] if rule["verdict"] == "not-evaluated"]
    assert [rule["id"] for rule in silent] == ["mean-ap", "class-ap[helmet_off]"]
    assert all(REASON in rule["message"] for rule in silent)
    assert (project.pytester.path / "j.xml").read_text().count(REASON) >= 2


def test_own_list_and_page_and_comment_say_it_once(project: GateProject) -> None:
    result = project.gate_here(GONE, YOUTUBE, "-q", "-rN", with_predictions=False)

    result.stdout.fnmatch_lines(
        [
            f"not-evaluated mean-ap               *{REASON}*",
            "not-evaluated class-ap?helmet_off?  same reason as mean-ap",
        ]
    )
    folder = project.pytester.path / "detgate-report"
    comment = (folder / "summary.md").read_text()
    assert comment.count(REASON) == 1
    assert "| `mean-ap`, class-ap&#91;helmet_off&#93; |" in comment
    page = (folder / "index.html").read_text()
    assert 'Same reason as <a href="#rule-mean-ap">' in page
    table = page[page.index('class="ruletable"') : page.index("</table>")]
    assert table.count(REASON) == 1


def test_two_reasons_are_two_failures(project: GateProject) -> None:
    result = project.gate_here(GONE, with_predictions=False)

    failures = re.findall(r"^_+ (\S+) _+$", result.stdout.str(), re.MULTILINE)
    assert failures == ["probe-fp[youtube]", "mean-ap"]


def test_missing_file_names_the_files_that_are_there(project: GateProject) -> None:
    wanted = "--detgate-predictions=val=found/vla.json"
    project.gate_here(wanted, "-k", "mean", with_predictions=False)

    (rule,) = project.report["rules"]
    assert rule["message"] == (
        "found/vla.json: no such file or folder; there is val.json, youtube.json"
    )


def test_what_was_not_evaluated_has_no_advice_on_values(project: GateProject) -> None:
    """`mean-ap` would say to look at weak classes."""
    project.gate_here(GONE, YOUTUBE, with_predictions=False)

    advice = {rule["id"]: rule["advice"] for rule in project.report["rules"]}
    assert advice["mean-ap"] == advice["class-ap[helmet_off]"] == ""
    comment = (project.pytester.path / "detgate-report" / "summary.md").read_text()
    assert "What to try" not in comment


def test_failures_of_other_tests_stay(project: GateProject) -> None:
    project.write("test_own.py", "def test_own():\n    assert 1 == 2\n")

    result = project.gate_here(GONE, YOUTUBE, "test_own.py", "detgate.toml", with_predictions=False)

    result.stdout.fnmatch_lines(["*_ test_own _*", "*_ mean-ap _*", "FAILED test_own.py::*1 == 2*"])
    result.assert_outcomes(failed=3, passed=3)


def test_hints_in_backticks_are_code_on_the_page(project: GateProject) -> None:
    project.write("data.yaml", "names: [helmet_off]\ntrain: data\n")
    project.write(
        "detgate.toml",
        '[dataset.splits.val]\ndata = "data.yaml"\n[rules.box-bounds]\n[rules.image-files]\n',
    )

    project.gate_here("detgate.toml", with_predictions=False)

    (message,) = {rule["message"] for rule in project.report["rules"]}
    assert "name it by `split`" in message
    page = (project.pytester.path / "detgate-report" / "index.html").read_text()
    assert "name it by <code>split</code>" in page
    assert "by `split`" not in page.replace(json.dumps(message), "")
    comment = (project.pytester.path / "detgate-report" / "summary.md").read_text()
    assert "name it by `split`" in comment
