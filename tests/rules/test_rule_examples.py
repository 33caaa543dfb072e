"""Every rule carries an example that passes and one that fails; all of them are run."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import pytest

from pytest_detgate.plugin.output.terminal import rule_lines
from pytest_detgate.plugin.output.wording import failure_text
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.documentation.rule_page import HEADINGS, rule_page
from pytest_detgate.rules.registry import rule_classes
from pytest_detgate.testing import Example, evaluate_example
from tests.detector.conftest import forking
from tests.judged import without_label
from tests.needs import import_or_skip

RULES = rule_classes()
ROOT = Path(__file__).parents[2]
# What takes an option or data that no example has.
NOT_IN_EXAMPLES = {
    "alarm-rate": "clips_too_short missing_frames pauses untimed",
    "ap-regression": "p_value required_gain suspicious_gain",
    "box-bounds": "unsized",
    "class-ap": "best_f1_score f1 map50 map50_95 map75 precision recall",
    "duplicate-images": "labels_differ",
    "empty-gt-share": "missing",
    "expectations": "infos warnings",
    "image-files": "several_frames",
    "lost-objects": "boxes gone lost[] must_find_missed new p_value",
    "mean-ap": "ar best_f1_score f1 map50 map50_95 map75 precision recall",
    "missing-labels": "unlisted",
    "operating-point": "boxes[] certified_boxes clip_share clip_share[] image_share image_share[] "
    "images[] p_alarms p_misses[] recall_cost threshold_uncertified",
    "probe-fp": "clips clips_total",
    "robustness": "created created[] mpc rpc",
    "shortcut": "site[] size[]",
    "training-view": "boxes_dropped[]",
}
Evaluated = Callable[[str, str], list[RuleResult]]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    """A function from a rule and `passing` or `failing` to the results of that example's items."""

    @cache
    def results(code: str, name: str) -> list[RuleResult]:
        example: Example = getattr(RULES[code], name)
        if example.needs is not None:
            import_or_skip(example.needs)
        folder = tmp_path_factory.mktemp(f"{code}-{name}")
        with forking() if example.needs == "mmdet" else contextlib.nullcontext():
            return list(evaluate_example(RULES[code], example, folder).values())

    return results


@pytest.mark.parametrize("code", RULES)
def test_passing_example_passes(code: str, evaluated: Evaluated) -> None:
    results = evaluated(code, "passing")

    assert {result.verdict for result in results} == {"passed"}


@pytest.mark.parametrize("code", RULES)
def test_failing_example_fails(code: str, evaluated: Evaluated) -> None:
    results = evaluated(code, "failing")

    verdicts = {result.verdict for result in results}
    assert "failed" in verdicts
    assert "not-evaluated" not in verdicts
    for result in results:
        assert fits_a_terminal(result)
        for missing in ("", f"{result.message}; {result.advice}"):
            partly = msgspec.structs.replace(
                result,
                verdict="not-evaluated",
                message=missing or result.message,
                looked_at=123_456,
                to_look_at=1_234_567,
                look_unit="annotations",
            )
            assert fits_a_terminal(partly)


def fits_a_terminal(result: RuleResult) -> bool:
    """Whether no line on a result is wider than 80 columns, under any list of names."""
    lines = failure_text(result, "class-ap (10 items), recall (10 items)").splitlines()
    for name_width in (min(len(result.id), 40), 40):
        first, *more = rule_lines(result, name_width, 80 - 14)
        lines += [" " * 14 + first, *more]
        lines += [" " * 14 + line for line in rule_lines(result, name_width, 80 - 14, result.id)]
    return all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize("code", RULES)
def test_page_names_what_is_measured(code: str, evaluated: Evaluated) -> None:
    results = [*evaluated(code, "passing"), *evaluated(code, "failing")]

    measured = {
        without_label(measurement.name) for result in results for measurement in result.measurements
    }
    named = {without_label(name) for part in rule_page(RULES[code]).measured for name in part.names}
    assert measured - named == set()
    assert named - measured == set(NOT_IN_EXAMPLES.get(code, "").split())


@pytest.mark.source
def test_what_no_example_measures_is_in_the_source() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("checks", "pytest_detgate")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "measurement_labels.py"
    )
    names = {name.removesuffix("[]") for line in NOT_IN_EXAMPLES.values() for name in line.split()}

    # A name as a text of its own, or with what follows it in brackets.
    assert {name for name in names if not re.search(rf'"{name}["\[{{]', source)} == set()


@pytest.mark.parametrize("code", RULES)
def test_page_has_every_heading(code: str) -> None:
    page = rule_page(RULES[code])

    assert tuple(page.sections) == HEADINGS
    assert all(page.sections.values())
    assert page.summary.endswith(".")


@pytest.mark.parametrize("code", RULES)
def test_module_and_class_are_named_after_the_code(code: str) -> None:
    kind = RULES[code]

    assert kind.__module__ == f"pytest_detgate.checks.{code.replace('-', '_')}"
    assert kind.__name__ == code.replace("-", " ").title().replace(" ", "")
