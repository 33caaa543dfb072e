"""Two runs side by side: what became of each rule and value, and whether they can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_detgate.findings import Measurement, Verdict
from pytest_detgate.record.formatting import counted
from pytest_detgate.record.report import (
    ClassScoreRecord,
    Report,
    RuleResult,
    ScoreRecord,
)
from pytest_detgate.report.comparison.gated import Fact, facts_of, names_of, remarks_on
from pytest_detgate.report.headline import BLOCKING, VERDICT_WORDS

Kind = Literal["newly failing", "newly passing", "changed", "only in A", "only in B", "same"]
KINDS: tuple[Kind, ...] = (
    "newly failing",
    "newly passing",
    "changed",
    "only in A",
    "only in B",
    "same",
)
METRICS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR100")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """One measurement in both runs; None where a run does not have it."""

    name: str
    before: Measurement | None
    after: Measurement | None

    @property
    def change(self) -> float | int | None:
        """How much the value grew."""
        if self.before is None or self.after is None:
            return None
        return self.after.value - self.before.value

    @property
    def better(self) -> bool | None:
        """Whether the value moved the way its limit wants it to; None where it did not move, or
        there is no limit to tell the way."""
        if not self.change or self.relation is None:
            return None
        return (self.change < 0) == (self.relation == "<=")

    @property
    def relation(self) -> str | None:
        """The relation of the value to its limit; None without one, or where the runs differ."""
        relations = {measured.relation for measured in self._both() if measured.relation}
        return relations.pop() if len(relations) == 1 else None

    @property
    def is_held(self) -> bool:
        """Whether it has a limit in either run."""
        return any(measured.limit is not None for measured in self._both())

    @property
    def other_limit(self) -> bool:
        """Whether the runs compare it with different limits, or different ends of an interval."""
        if self.before is None or self.after is None:
            return False
        before, after = self.before, self.after
        return (before.limit, before.relation, before.bound) != (
            after.limit,
            after.relation,
            after.bound,
        )

    def _both(self) -> Iterator[Measurement]:
        return (measured for measured in (self.before, self.after) if measured is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What became of one rule; `before` is None where only the second run has it."""

    id: str
    kind: Kind
    before: RuleResult | None
    after: RuleResult | None
    values: tuple[ValueChange, ...]

    @property
    def verdicts(self) -> tuple[Verdict | None, Verdict | None]:
        """The verdict in each run."""
        return (
            None if self.before is None else self.before.verdict,
            None if self.after is None else self.after.verdict,
        )

    @property
    def other_limits(self) -> bool:
        """Whether a value has another limit, so that verdicts are not comparable."""
        return any(value.other_limit for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureChange:
    """A score of a split, or the AP of one of its classes; None where it is not defined."""

    name: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """How much it grew; more is better."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChange:
    """The scores of one split in both runs."""

    split: str
    metrics: tuple[FigureChange, ...]
    classes: tuple[FigureChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs: rules by what became of them, scores, facts, and in `remarks` why numbers cannot
    be compared."""

    before: Report
    after: Report
    rules: tuple[RuleChange, ...]
    scores: tuple[ScoreChange, ...]
    facts: tuple[Fact, ...]
    remarks: tuple[str, ...]

    def of_kind(self, kind: Kind) -> list[RuleChange]:
        """The rules that became so, the most telling first."""
        return [rule for rule in self.rules if rule.kind == kind]

    @property
    def counts(self) -> dict[Kind, int]:
        """How many rules became what, leaving out what none did."""
        return {kind: count for kind in KINDS if (count := len(self.of_kind(kind)))}

    @property
    def is_worse(self) -> bool:
        """Whether a rule newly fails in the second run, or is missing from it."""
        return any(rule.kind in ("newly failing", "only in A") for rule in self.rules)

    @property
    def sentence(self) -> str:
        """What changed, in one sentence."""
        text = [f"{counted(count, 'rule')} {kind}" for kind, count in self.counts.items()]
        return f"{', '.join(text)}." if text else "Neither run has a rule."


def compare(before: Report, after: Report) -> Comparison:
    """Set two runs side by side, the first being the earlier one."""
    rules = sorted(_rules(before, after), key=_urgency)
    other_limits = [rule.id for rule in rules if rule.other_limits]
    return Comparison(
        before=before,
        after=after,
        rules=tuple(rules),
        scores=tuple(_scores(before.scores, after.scores)),
        facts=tuple(fact for fact in facts_of(before, after) if fact.before or fact.after),
        remarks=tuple(remarks_on(before, after, other_limits)),
    )


def _rules(before: Report, after: Report) -> Iterator[RuleChange]:
    # A record that somebody wrote by hand may name a rule twice: the last one counts.
    rules_before = {rule.id: rule for rule in before.rules}
    rules_after = {rule.id: rule for rule in after.rules}
    for name in names_of(rules_after, rules_before):
        values = tuple(_values(rules_before.get(name), rules_after.get(name)))
        yield RuleChange(
            id=name,
            kind=_kind(rules_before.get(name), rules_after.get(name), values),
            before=rules_before.get(name),
            after=rules_after.get(name),
            values=values,
        )


def _kind(
    before: RuleResult | None, after: RuleResult | None, values: Iterable[ValueChange]
) -> Kind:
    if after is None:
        return "only in A"
    was_blocking = before is not None and before.verdict in BLOCKING
    if after.verdict in BLOCKING and not was_blocking:
        return "newly failing"
    if before is None:
        return "only in B"
    if was_blocking and after.verdict not in BLOCKING:
        return "newly passing"
    is_same = before.verdict == after.verdict and not any(
        value.change or value.other_limit or None in (value.before, value.after) for value in values
    )
    return "same" if is_same else "changed"


def _urgency(rule: RuleChange) -> tuple[int, bool, bool]:
    """By what became of it; of changed ones those whose verdict changed, then the worse ones."""
    before, after = rule.verdicts
    return (
        KINDS.index(rule.kind),
        before == after,
        not any(value.better is False for value in rule.values),
    )


def _values(before: RuleResult | None, after: RuleResult | None) -> Iterator[ValueChange]:
    values_before, values_after = (
        {measured.name: measured for measured in (rule.measurements if rule else ())}
        for rule in (before, after)
    )
    # A rule that could not be evaluated measured nothing, which is no change of a value.
    for name in names_of(values_after, values_before):
        yield ValueChange(name=name, before=values_before.get(name), after=values_after.get(name))


def _scores(
    before: Mapping[str, ScoreRecord], after: Mapping[str, ScoreRecord]
) -> Iterator[ScoreChange]:
    for split in names_of(after, before):
        score_before, score_after = before.get(split), after.get(split)
        changes = (
            FigureChange(
                name=name.replace("_", " "),
                before=getattr(score_before, name, None),
                after=getattr(score_after, name, None),
            )
            for name in METRICS
        )
        classes = _classes(
            score_before.classes if score_before else {}, score_after.classes if score_after else {}
        )
        yield ScoreChange(split=split, metrics=tuple(changes), classes=tuple(classes))


def _classes(
    before: Mapping[str, ClassScoreRecord], after: Mapping[str, ClassScoreRecord]
) -> Iterator[FigureChange]:
    for name in names_of(after, before):
        score_before, score_after = before.get(name), after.get(name)
        yield FigureChange(
            name=name,
            before=score_before.AP if score_before else None,
            after=score_after.AP if score_after else None,
        )


def verdict_words(verdict: Verdict | None) -> str:
    """A verdict in lower case; a dash where the run does not have the rule."""
    return "–" if verdict is None else VERDICT_WORDS[verdict].lower()
