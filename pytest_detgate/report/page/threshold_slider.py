"""What a reader can try: other score thresholds, and what rules would measure at them.

It is data for the script of the page, which compares it with the limits. The verdict of the run
is not in it and never changes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from pytest_detgate.evidence import Number
from pytest_detgate.findings import Verdict
from pytest_detgate.record.formatting import visible
from pytest_detgate.record.report import Report, RuleResult

RULES = 1000
# What could end a script element, or a line of one in an older reader.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement with a limit: its values at the thresholds, and what is compared with it."""

    name: str
    limit: Number
    relation: str
    bound: str
    values: list[Number | None]
    held: list[Number | None]


class TunedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule whose values depend on the threshold. `axis` is the place of its thresholds among
    those of the page; `others` says whether its other values keep to their limits."""

    row: str
    verdict: Verdict
    axis: int
    others: bool
    measures: list[Measure]


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """All that the script knows beyond the markup; `left_out` counts rules over the cap."""

    start: float
    axes: list[list[float]]
    rules: list[TunedRule]
    left_out: int


def tuning_of(report: Report, rules: Sequence[RuleResult], names: Sequence[str]) -> Tuning:
    """Gather what rules would measure at other thresholds."""
    axes: list[list[float]] = []
    tuned: list[TunedRule] = []
    left_out = 0
    for rule, name in zip(rules, names, strict=True):
        if rule.evidence.by_threshold is None:
            continue
        if len(tuned) == RULES:
            left_out += 1
            continue
        measures = _measures(rule)
        if not measures:
            continue
        thresholds = rule.evidence.by_threshold.thresholds
        if thresholds not in axes:
            axes.append(thresholds)
        tuned.append(
            TunedRule(
                row=name,
                verdict=rule.verdict,
                axis=axes.index(thresholds),
                others=_others_pass(rule),
                measures=measures,
            )
        )
    return Tuning(start=start_of(report), axes=axes, rules=tuned, left_out=left_out)


def threshold_that_passes(rules: Sequence[RuleResult]) -> float | None:
    """Return the lowest score threshold at which every rule that depends on it passes.

    None where there is no such threshold, where the rules were measured at different ones, and
    where no floor among them would notice that a high threshold finds nothing.
    """
    tuned = [
        (rule, measures)
        for rule in rules
        if rule.evidence.by_threshold is not None and (measures := _measures(rule))
    ]
    axes = [
        rule.evidence.by_threshold.thresholds for rule, _ in tuned if rule.evidence.by_threshold
    ]
    has_floor = any(measure.relation == ">=" for _, measures in tuned for measure in measures)
    if not axes or any(axis != axes[0] for axis in axes) or not has_floor:
        return None
    if not all(_others_pass(rule) for rule, _ in tuned):
        return None
    for index, threshold in enumerate(axes[0]):
        if all(_holds(measure, index) for _, measures in tuned for measure in measures):
            return threshold
    return None


def _holds(measure: Measure, index: int) -> bool:
    value = measure.held[index]
    if value is None:
        return False
    return value <= measure.limit if measure.relation == "<=" else value >= measure.limit


def start_of(report: Report) -> float:
    """The threshold that the page opens with: the operating point, where there is one."""
    return 0.0 if report.score_threshold is None else report.score_threshold


def script_data(tuning: Tuning) -> Markup:
    """Write it as JSON that is safe in a script element, with any names in it."""
    return Markup(msgspec.json.encode(tuning).decode().translate(_ESCAPES))


def _measures(rule: RuleResult) -> list[Measure]:
    by_threshold = rule.evidence.by_threshold
    assert by_threshold is not None
    return [
        Measure(
            name=visible(measured.name),
            limit=measured.limit,
            relation=measured.relation,
            bound="" if measured.bound == "point" else f"{measured.bound} bound",
            values=values,
            held=by_threshold.held.get(measured.name, values),
        )
        for measured in rule.measurements
        if measured.limit is not None
        and measured.relation is not None
        and (values := by_threshold.values.get(measured.name)) is not None
        and len(values) == len(by_threshold.thresholds)
    ]


def _others_pass(rule: RuleResult) -> bool:
    by_threshold = rule.evidence.by_threshold
    assert by_threshold is not None
    return all(
        measured.passed is not False
        for measured in rule.measurements
        if measured.name not in by_threshold.values
    )
