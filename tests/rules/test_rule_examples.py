"""Every rule carries an example that passes and one that fails; all of them are run."""

from __future__ import annotations

import contextlib
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
from tests.needs import import_or_skip

RULES = rule_classes()


def evaluated(code: str, example: Example, folder: Path) -> list[RuleResult]:
    """The results of an example's items."""
    if example.needs is not None:
        import_or_skip(example.needs)
    with forking() if example.needs == "mmdet" else contextlib.nullcontext():
        return list(evaluate_example(RULES[code], example, folder).values())


@pytest.mark.parametrize("code", RULES)
def test_passing_example_passes(code: str, tmp_path: Path) -> None:
    results = evaluated(code, RULES[code].passing, tmp_path)

    assert {result.verdict for result in results} == {"passed"}


@pytest.mark.parametrize("code", RULES)
def test_failing_example_fails(code: str, tmp_path: Path) -> None:
    results = evaluated(code, RULES[code].failing, tmp_path)

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
