"""What the terminal says of an item: in pytest's failure section and in the summary."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from pytest_detgate.audit.record import RuleResult
from pytest_detgate.audit.words import held_and_limit, limit_words, percent, value_words
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
    for measured in result.measurements:
        if measured.limit is not None:
            lines += _held_lines(measured, "  ")
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
    for measured in broken:
        lines += _held_lines(measured)
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
    # A first run has nothing to compare with; a warning may stand on too little evidence.
    return ", ".join(compared(measured) for measured in held) or result.message


def compared(measured: Measurement) -> str:
    """What was held against the limit, as the comparison that came true: `boxes 61 > 21`,
    `boxes 4, upper bound 9.15 > 8`."""
    held, limit = held_and_limit(measured)
    sign = measured.relation if measured.passed else _BROKEN[measured.relation or "<="]
    return f"{_named(measured, held)} {sign} {limit}"


def held_against_limit(measured: Measurement) -> str:
    """What was held against the limit, and the limit: `boxes 61, at most 21`,
    `boxes 4, upper bound 9.15 (95 %, exact Poisson), at most 8`."""
    held, limit = held_and_limit(measured)
    how = ""
    if measured.bound != "point" and measured.interval is not None:
        how = f" ({percent(measured.interval.confidence)}, {measured.interval.method})"
    return f"{_named(measured, held)}{how}, {limit_words(measured, limit)}"


def _named(measured: Measurement, held: str) -> str:
    """The name and the number held; before a bound stands the value that it is a bound of."""
    value = "" if measured.bound == "point" else f"{value_words(measured)} "
    return f"{measured.name} {value}{held}"


def _held_lines(measured: Measurement, indent: str = "") -> list[str]:
    """What was held against the limit, marked where it broke it: behind, or below if too long."""
    line = indent + held_against_limit(measured)
    if measured.passed:
        return [line]
    mark = "<- over the limit" if measured.relation == "<=" else "<- below the limit"
    whole = f"{line}   {mark}"
    return [whole] if len(whole) <= WIDTH else [line, f"{indent}  {mark}"]


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
