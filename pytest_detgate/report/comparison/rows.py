"""The lines of a comparison in words, for all that show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_detgate.findings import Measurement, Verdict
from pytest_detgate.record.formatting import difference, limit_words, number, share, value_and_limit
from pytest_detgate.report.comparison.changes import (
    Comparison,
    FigureChange,
    Kind,
    RuleChange,
    ValueChange,
    verdict_words,
)

NOTHING = "–"
Way = Literal["better", "worse", ""]
# Beyond these a value without a limit tells little: some rules measure every class.
UNHELD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A value in both runs; `limit` says both limits where they differ."""

    name: str
    before: str
    after: str
    change: str
    way: Way
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule in both runs. `verdict` is the one it has now, or had where it is gone."""

    id: str
    kind: Kind
    verdict: Verdict
    before: str
    after: str
    values: list[ValueRow]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """A score in both runs."""

    name: str
    before: str
    after: str
    change: str
    way: Way


def rule_row(rule: RuleChange) -> RuleRow:
    """Say what became of a rule. A reason is given where there is no value that says it."""
    before, after = rule.verdicts
    last = rule.after or rule.before
    assert last is not None
    limited = [value for value in rule.values if value.is_held]
    unheld = [value for value in rule.values if not value.is_held and value.change]
    return RuleRow(
        id=rule.id,
        kind=rule.kind,
        verdict=last.verdict,
        before=verdict_words(before),
        after=verdict_words(after),
        values=[_value_row(value) for value in (*limited, *unheld[:UNHELD])],
        reason=last.message if last.verdict == "not-evaluated" or not limited else "",
    )


def figure_row(metric: FigureChange) -> FigureRow:
    """Say how a score changed."""
    change = metric.change
    return FigureRow(
        name=metric.name,
        before=NOTHING if metric.before is None else share(metric.before),
        after=NOTHING if metric.after is None else share(metric.after),
        change="" if change is None else _score_change(change),
        way="" if not change else "better" if change > 0 else "worse",
    )


def _score_change(change: float) -> str:
    """The change with as many decimals as the scores beside it, or more where these are all 0."""
    text = f"{abs(change):.3f}"
    if float(text) == 0:
        return difference(change)
    return f"{'+' if change > 0 else '−'}{text}"


def figure_rows(comparison: Comparison) -> list[tuple[str, list[FigureRow], list[FigureRow]]]:
    """By split the metrics that either run defines, and the AP of each class."""
    return [
        (
            score.split,
            [
                figure_row(change)
                for change in score.metrics
                if (change.before, change.after) != (None, None)
            ],
            [figure_row(change) for change in score.classes],
        )
        for score in comparison.scores
    ]


def _value_row(value: ValueChange) -> ValueRow:
    before, after = _both(value.before, value.after)
    change = value.change
    return ValueRow(
        name=value.name,
        before=before,
        after=after,
        change="" if change is None else difference(change),
        way={None: "", True: "better", False: "worse"}[value.better],  # type: ignore[arg-type]
        limit=_limits(value),
    )


def _both(before: Measurement | None, after: Measurement | None) -> tuple[str, str]:
    """Both values, with as many decimals as it takes to tell them from each other and from their
    limits."""
    text = (
        value_and_limit(before.value, after.value)
        if before is not None and after is not None
        else ("", "")
    )
    text_before, text_after = (
        NOTHING if measured is None else max(shown, _beside_limit(measured), key=len)
        for measured, shown in zip((before, after), text, strict=True)
    )
    return text_before, text_after


def _beside_limit(measured: Measurement) -> str:
    """A value with as many decimals as it takes to tell it from its limit."""
    if measured.limit is None:
        return number(measured.value)
    return value_and_limit(measured.value, measured.limit)[0]


def _limits(value: ValueChange) -> str:
    before, after = (
        _limit(measured) if measured is not None else "" for measured in (value.before, value.after)
    )
    if value.other_limit:
        return f"limit {before or 'none'}, now {after or 'none'}"
    return after or before


def _limit(measured: Measurement) -> str:
    if measured.limit is None:
        return ""
    bound = "" if measured.bound == "point" else f", by its {measured.bound} bound"
    return f"{limit_words(measured, number(measured.limit))}{bound}"
