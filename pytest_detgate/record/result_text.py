"""A value, a finding and a rule's outcome, each on one line of plain text."""

from __future__ import annotations

from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.record.formatting import held_and_limit, limit_words, percent, value_words
from pytest_detgate.record.report import RuleResult

_BROKEN = {"<=": ">", ">=": "<"}


def finding_text(finding: Finding) -> str:
    """One finding: where it is, and what."""
    where = finding_place(finding)
    return f"{where}: {finding.text}" if where else finding.text


def finding_place(finding: Finding) -> str:
    """Where a finding is: `val/roof_1.jpg`; nothing where it has no place."""
    return "/".join(part for part in (finding.dataset, finding.image) if part)


def decisive(result: RuleResult) -> list[Measurement]:
    """The values that decided: those beyond their limits, or all with limits where it passed."""
    limited = [measured for measured in result.measurements if measured.limit is not None]
    if result.verdict == "passed":
        return limited
    return [measured for measured in limited if not measured.passed]


def looked_text(result: RuleResult) -> str:
    """How much the item looked at: `looked at 3 of 10 images`; nothing where it never counted."""
    if result.looked_at is None or result.to_look_at is None:
        return ""
    unit = result.look_unit or "images"
    return f"looked at {result.looked_at:,} of {result.to_look_at:,} {unit}"


def left_out_text(result: RuleResult) -> str:
    """The same where that is not all; nothing otherwise."""
    looked_at, to_look_at = result.looked_at, result.to_look_at
    is_all = looked_at is None or to_look_at is None or looked_at >= to_look_at > 0
    return "" if is_all else looked_text(result)


def decisive_needs(result: RuleResult) -> str:
    """What evidence is lacking where that decided: a bound missed its limit and the value did not,
    or there was too little to look at; nothing otherwise."""
    if result.needs is None:
        return ""
    limited = decisive(result)
    if result.verdict == "passed":
        return ""
    return result.needs if all(map(_only_by_bound, limited)) else ""


def _only_by_bound(measured: Measurement) -> bool:
    limit = measured.limit
    if limit is None or measured.bound == "point":
        return False
    return measured.value <= limit if measured.relation == "<=" else measured.value >= limit


def compared(measured: Measurement) -> str:
    """The judged value, as the comparison that came true: `boxes 61 > 21`,
    `boxes 4, upper bound 9.15 > 8`."""
    value, limit = held_and_limit(measured)
    sign = measured.relation if measured.passed else _BROKEN[measured.relation or "<="]
    return f"{_named(measured, value)} {sign} {limit}"


def held_against_limit(measured: Measurement) -> str:
    """The judged value and the limit: `boxes 61, at most 21`,
    `boxes 4, upper bound 9.15 (95%, exact Poisson), at most 8`."""
    value, limit = held_and_limit(measured)
    how = ""
    if measured.bound != "point" and measured.interval is not None:
        how = f" ({percent(measured.interval.confidence)}, {measured.interval.method})"
    return f"{_named(measured, value)}{how}, {limit_words(measured, limit)}"


def _named(measured: Measurement, judged_value: str) -> str:
    """The name and the number held; before a bound comes the value that it is a bound of."""
    value = "" if measured.bound == "point" else f"{value_words(measured)} "
    return f"{measured.name} {value}{judged_value}"
