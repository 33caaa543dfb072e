"""What the terminal says of an item: in pytest's failure section and in the summary."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.record.report import FINDINGS_CAP, RuleResult
from pytest_detgate.record.result_text import (
    compared,
    decisive,
    decisive_needs,
    finding_text,
    held_against_limit,
)
from pytest_detgate.record.terminal import WIDTH, wrapped

EXAMPLES = 3


def failure_text(result: RuleResult, also: str = "") -> str:
    """What was measured, the limit, the worst examples and what to try: no traceback. The item
    is named by the heading that pytest puts above; `also` are others with the same reason."""
    lines = [result.message]
    if result.verdict == "not-evaluated":
        lines.append("Not evaluated, which counts as a failure.")
        lines += [f"The same reason holds for {also}"] if also else []
        return _wrapped([*lines, *_needs(result)])
    for measured in result.measurements:
        if measured.limit is not None:
            lines += _held_lines(measured, "  ")
    lines += _needs(result)
    lines += _examples(result.findings, result.findings_total)
    if result.advice:
        lines.append(f"What to try: {result.advice}")
    return _wrapped(lines)


def broken_limits_text(
    message: str, broken: Sequence[Measurement], findings: Sequence[Finding]
) -> str:
    """What a test that was written by hand measured beyond its limits, and the worst examples."""
    lines = [message] if message else []
    for measured in broken:
        lines += _held_lines(measured)
    lines += _examples(findings, len(findings))
    return _wrapped(lines)


def summary_text(result: RuleResult) -> str:
    """The value and the limit that decided, or the reason why there is none."""
    if result.verdict == "not-evaluated":
        return result.message
    # A first run has nothing to compare with; a warning may have too little evidence.
    values = ", ".join(map(compared, decisive(result)))
    if not values:
        return result.message
    needs = decisive_needs(result)
    return f"{values}; needs: {needs}" if needs else values


def _needs(result: RuleResult) -> list[str]:
    """What evidence is lacking, where that decided and the message does not say it."""
    needs = decisive_needs(result)
    return [f"Needs: {needs}"] if needs and needs not in result.message else []


def _held_lines(measured: Measurement, indent: str = "") -> list[str]:
    """What was compared with the limit, marked where it broke it: behind, or below if too long."""
    line = indent + held_against_limit(measured)
    if measured.passed:
        return [line]
    mark = "<- over the limit" if measured.relation == "<=" else "<- below the limit"
    whole = f"{line}   {mark}"
    return [whole] if len(whole) < WIDTH else [line, f"{indent}  {mark}"]


def _examples(findings: Sequence[Finding], total: int) -> list[str]:
    lines = [f"  - {finding_text(finding)}" for finding in findings[:EXAMPLES]]
    if total > EXAMPLES:
        more = f"  - and {total - EXAMPLES:,} more"
        listed = min(len(findings), FINDINGS_CAP)
        part = f"; report.json lists {listed:,} of all {total:,}"
        lines.append(f"{more}, all in report.json" if listed >= total else more + part)
    return lines


def _wrapped(lines: Sequence[str]) -> str:
    """The lines, none wider than a terminal."""
    return "\n".join("\n".join(wrapped(part)) for line in lines for part in _parts(line))


def _parts(line: str) -> list[str]:
    """A text of several lines, the further ones under the first."""
    first, *more = line.splitlines() or [""]
    indent = " " * (len(first) - len(first.lstrip()) + 2)
    return [first, *(indent + part.strip() for part in more if part.strip())]
