"""What the terminal says of an item: in pytest's failure section and in the summary."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from pytest_detgate.audit.record import RuleResult
from pytest_detgate.audit.words import limit_words, value_and_limit
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gate.rule import Rule
from pytest_detgate.gate.rule_page import how_to_mend

EXAMPLES = 3
WIDTH = 79
_BROKEN = {"<=": ">", ">=": "<"}


def failure_text(result: RuleResult, rule: type[Rule]) -> str:
    """What was measured, the limit, the worst examples and what to try: no traceback."""
    lines = [f"{result.id}: {result.message}"]
    if result.verdict == "not-evaluated":
        lines.append("This could not be evaluated, and what was not looked at does not pass.")
        return "\n".join(_wrap(line) for line in lines)
    lines += [
        f"  {held_against_limit(measured)}{_mark(measured)}"
        for measured in result.measurements
        if measured.limit is not None
    ]
    lines += _examples(result.findings, result.findings_total)
    advice = how_to_mend(rule)
    if advice:
        lines.append(f"What to try: {advice}")
    return "\n".join(_wrap(line) for line in lines)


def broken_limits_text(
    message: str, broken: Sequence[Measurement], findings: Sequence[Finding]
) -> str:
    """What a test that was written by hand measured beyond its limits, and the worst examples."""
    lines = [message] if message else []
    lines += [f"{held_against_limit(measured)}{_mark(measured)}" for measured in broken]
    lines += _examples(findings, len(findings))
    return "\n".join(_wrap(line) for line in lines)


def finding_text(finding: Finding) -> str:
    """One finding on one line."""
    where = "/".join(part for part in (finding.dataset, finding.image) if part)
    return f"{where}: {finding.text}" if where else finding.text


def summary_text(result: RuleResult) -> str:
    """The value and the limit that decided, or the reason why there is none."""
    if result.verdict == "not-evaluated":
        return result.message
    held = [measured for measured in result.measurements if measured.limit is not None]
    if result.verdict != "passed":
        held = [measured for measured in held if not measured.passed]
    return ", ".join(compared(measured) for measured in held)


def compared(measured: Measurement) -> str:
    """A value and its limit as the comparison that came true, e.g. `boxes 61 > 21`."""
    assert measured.limit is not None
    value, limit = value_and_limit(measured.value, measured.limit)
    sign = measured.relation if measured.passed else _BROKEN[measured.relation or "<="]
    return f"{measured.name} {value} {sign} {limit}"


def held_against_limit(measured: Measurement) -> str:
    """A value and its limit, e.g. `boxes 61, at most 21`."""
    assert measured.limit is not None
    value, limit = value_and_limit(measured.value, measured.limit)
    return f"{measured.name} {value}, {limit_words(measured, limit)}"


def _mark(measured: Measurement) -> str:
    if measured.passed:
        return ""
    return "   <- over the limit" if measured.relation == "<=" else "   <- below the limit"


def _examples(findings: Sequence[Finding], total: int) -> list[str]:
    lines = [f"  - {finding_text(finding)}" for finding in findings[:EXAMPLES]]
    if total > EXAMPLES:
        lines.append(f"  - and {total - EXAMPLES} more, on the page and in report.json")
    return lines


def _wrap(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
