"""One row of the page for each rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_detgate.findings import Interval, Measurement, Verdict
from pytest_detgate.record.formatting import (
    counted,
    ends_words,
    held_and_limit,
    limit_words,
    margin,
    method_words,
    number,
    with_minus,
)
from pytest_detgate.record.measurement_labels import label_of
from pytest_detgate.record.report import RuleResult
from pytest_detgate.record.result_text import decisive_needs, left_out_text, looked_text
from pytest_detgate.report.headline import VERDICT_WORDS

# Further values of a rule are shown with its evidence.
JUDGED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The ends of an interval in words, and how they were computed."""

    text: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A measurement that is only shown; `name` is that of the record where `label` differs."""

    label: str
    name: str
    value: str
    ends: Ends | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A measurement and its limit, in words and as a scale.

    `judged_value` is the number that was compared: the value or, where `bound` names one, that
    bound. `name` is that of the record where `label` differs.
    """

    label: str
    name: str
    value: str
    ends: Ends | None
    bound: str
    judged_value: str
    exact: str
    limit: str
    margin: str
    passed: bool
    scale: Scale | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule in the table of rules.

    `name` is its id as a fragment name. `judged` are the values that missed their limits first,
    and then others, up to a few: `more` says how many there are besides. `evidence` says in a
    word what there is to see; it is empty where the page shows nothing more of the rule. `tuned`
    says that values depend on the score threshold. `same_as` is the id and the name of an earlier
    row that was not evaluated for the same reason. `looked` says how much it
    looked at, `left_out` the same where that is not all. `needs` says what evidence is lacking,
    `decisive_needs` the same where that decided.
    """

    id: str
    code: str
    name: str
    verdict: Verdict
    word: str
    about: str
    message: str
    same_as: tuple[str, str] | None
    looked: str
    left_out: str
    needs: str
    decisive_needs: str
    waiver: str
    judged: list[Judged]
    more: int
    tuned: bool
    evidence: str


def row_of(
    rule: RuleResult, name: str, *, shown: bool = True, same_as: tuple[str, str] | None = None
) -> Row:
    """Say one rule's outcome; `shown` is whether the page has a section for its evidence. `same_as`
    is the id and the name of the row that says the reason."""
    judged = judged_of(rule)
    return Row(
        id=rule.id,
        code=rule.code,
        name=name,
        verdict=rule.verdict,
        word=VERDICT_WORDS[rule.verdict],
        about=rule.about,
        message=rule.message,
        same_as=same_as,
        looked=looked_text(rule),
        left_out=left_out_text(rule),
        needs=_beyond_message(rule.needs or "", rule),
        decisive_needs=_beyond_message(decisive_needs(rule), rule),
        waiver=rule.waiver or "",
        judged=judged[:JUDGED],
        more=max(len(judged) - JUDGED, 0),
        tuned=rule.evidence.by_threshold is not None,
        evidence=evidence_words(rule) if shown else "",
    )


def judged_of(rule: RuleResult) -> list[Judged]:
    """Say all values that have limits, those that missed them first."""
    judged = [_judged(rule.code, measured) for measured in rule.measurements]
    return sorted((bar for bar in judged if bar is not None), key=lambda bar: bar.passed)


def values_of(rule: RuleResult) -> list[Value]:
    """Say all values that have no limit."""
    return [
        Value(
            label=label_of(rule.code, m.name),
            name=_name(rule.code, m.name),
            value=with_minus(number(m.value)),
            ends=_ends(m.interval),
        )
        for m in rule.measurements
        if m.limit is None
    ]


def evidence_words(rule: RuleResult) -> str:
    """Say what there is to see of a rule besides its row: `61 findings`, `2 charts`; nothing where
    there is nothing."""
    seen = rule.evidence
    for count, noun in (
        (max(rule.findings_total, len(rule.findings)), "finding"),
        (max(seen.frames_total, len(seen.frames)), "frame"),
        (max(seen.pairs_total, len(seen.pairs)), "pair"),
        (max(seen.strips_total, len(seen.strips)), "film strip"),
        (len(seen.charts), "chart"),
        (len(rule.tables), "table"),
        (len(values_of(rule)) + max(len(judged_of(rule)) - JUDGED, 0), "more value"),
    ):
        if count:
            return counted(count, noun)
    return ""


def fragment_names(ids: Iterable[str]) -> list[str]:
    """Make a fragment name for each id: readable, lasting between runs, and never twice."""
    names: dict[str, None] = {}
    for rule_id in ids:
        name = base = re.sub(r"[^a-z0-9]+", "-", rule_id.lower()).strip("-") or "rule"
        copy = 1
        while name in names:
            copy += 1
            name = f"{base}--{copy}"
        names[name] = None
    return list(names)


def _name(code: str, name: str) -> str:
    return "" if label_of(code, name) == name else name


def _beyond_message(needs: str, rule: RuleResult) -> str:
    """What is lacking, unless the message says it already."""
    return "" if needs in rule.message else needs


def _judged(code: str, measurement: Measurement) -> Judged | None:
    if measurement.limit is None:
        return None
    value, limit = held_and_limit(measurement)
    return Judged(
        label=label_of(code, measurement.name),
        name=_name(code, measurement.name),
        value=with_minus(number(measurement.value)),
        ends=_ends(measurement.interval),
        bound="" if measurement.bound == "point" else f"{measurement.bound} bound",
        judged_value=with_minus(value),
        exact=repr(measurement.judged_value),
        limit=with_minus(limit_words(measurement, limit)),
        margin=margin(measurement),
        passed=bool(measurement.passed),
        scale=scale_of(measurement),
    )


def _ends(interval: Interval | None) -> Ends | None:
    if interval is None:
        return None
    return Ends(text=with_minus(ends_words(interval)), method=method_words(interval))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Positions on a scale, in percent of its width: spans `(start, width)`, and the limit."""

    value: tuple[float, float]
    forbidden: tuple[float, float]
    limit: float
    interval: tuple[float, float] | None = None


def scale_of(measurement: Measurement) -> Scale | None:
    """Lay out one judged measurement; None where there is nothing to compare, and where nothing
    is allowed and nothing was found.

    The scale starts at zero, or below it where a number is negative, so that lengths compare.
    A floor between 0 and 1 (AP, recall, a share) is drawn on the whole range from 0 to 1. An
    interval of which no end is compared with the limit is cut where the scale ends.
    """
    value, limit, judged_value = measurement.value, measurement.limit, measurement.judged_value
    if limit is None:
        return None
    if value == limit == judged_value == 0 and measurement.relation == "<=":
        return None
    low, high = min(0.0, value, limit, judged_value), max(0.0, value, limit, judged_value)
    if measurement.relation == ">=" and low == 0 and high <= 1:
        high = 1.0
    else:
        room = (high - low) * 0.15 or 1.0
        high += room if high > 0 or low == 0 else 0.0
        low -= room if low < 0 else 0.0

    def position(number: float) -> float:
        return round((number - low) / (high - low) * 100, 2)

    def line() -> tuple[float, float] | None:
        if measurement.interval is None:
            return None
        ends = measurement.interval.low, measurement.interval.high
        start, end = (min(max(position(number), 0.0), 100.0) for number in ends)
        return start, round(end - start, 2)

    zero, end, mark = position(0), position(value), position(limit)
    forbidden = (mark, round(100 - mark, 2)) if measurement.relation == "<=" else (0.0, mark)
    return Scale(
        value=(min(zero, end), round(abs(end - zero), 2)),
        forbidden=forbidden,
        limit=mark,
        interval=line(),
    )
