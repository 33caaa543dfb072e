"""Why a merge is blocked: reasons by weight, who has to do what, and what follows from what.

Each of these is a rule's own result; nothing is guessed that no rule has measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_detgate.counts import with_noun
from pytest_detgate.findings import Measurement, Verdict
from pytest_detgate.record.formatting import counted, number
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.headline import BLOCKING, ORDER
from pytest_detgate.report.page.threshold_slider import threshold_that_passes

# Characters of a message that are read at a glance: a longer one is cut behind a clause, and a
# clause that is still longer behind a word.
_GLANCE = 100
_BRIEF = 160
_CLAUSE_ENDS = re.compile(r"; |\. (?=[A-Z])")

SPLIT, LABELS, TRAINING, THRESHOLD, INPUT = "split", "labels", "training", "threshold", "input"
_TASKS = {
    SPLIT: "Split the data again, so that no clip or image is on both sides",
    LABELS: "Correct the labels",
    TRAINING: "Change the training data or settings and train again",
    THRESHOLD: "Set score-threshold to {threshold}, where every rule that depends on it passes",
    INPUT: "Complete the input or the settings, so that these rules can be evaluated",
    "": "Look at what these rules found",
}
_WORDS = {
    SPLIT: "split again",
    LABELS: "correct labels",
    TRAINING: "train again",
    THRESHOLD: "set the threshold",
    INPUT: "complete the input",
    "": "see below",
}
# The heaviest first: metrics on data that leaks or is labelled wrongly mean nothing, false alarms
# hurt those who work with the detector, and misses come last.
_WEIGHTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (SPLIT, ("clip-overlap", "duplicate-images", "frame-distance", "probe-isolation")),
    (
        LABELS,
        (
            *("class-names", "duplicate-ids", "box-format", "image-files", "dangling-annotations"),
            *("degenerate-boxes", "box-bounds", "duplicate-boxes", "absent-class-boxes"),
            "expectations",
        ),
    ),
    (TRAINING, ("probe-fp", "fp-regression", "alarm-rate")),
    (TRAINING, ("training-view", "empty-gt-share", "negative-diversity")),
    (
        TRAINING,
        (
            *("recall", "class-ap", "mean-ap", "size-ap", "slice-ap", "ap-regression"),
            *("alarm-recall", "alarm-delay", "lost-objects", "weak-slices"),
            *("miss-rate", "froc", "olrp"),
        ),
    ),
    (TRAINING, ("error-budget", "operating-point", "calibration")),
    (TRAINING, ("stability", "flicker", "robustness")),
    (TRAINING, ("training-curve", "training-seed", "checkpoint-choice")),
    (SPLIT, ("split-drift", "class-support", "class-balance", "trivial-baseline")),
)
_WEIGHT = {code: rank for rank, (_, codes) in enumerate(_WEIGHTS) for code in codes}
_TASK = {code: task for task, codes in _WEIGHTS for code in codes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What one rule says, or several do: the message of the first, and the rules by their index.

    `alike` is whether all say the same.
    """

    verdict: Verdict
    message: str
    rules: list[int]
    alike: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to do before a merge, in a sentence and in two words, and how many rules ask for
    it."""

    text: str
    word: str
    count: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One fact in a chain of causes, and the index of the rule that has measured it."""

    text: str
    rule: int


def blocking_reasons(rules: Sequence[RuleResult]) -> list[Reason]:
    """Return why the run ended as it did, the heaviest first: what blocks or, where nothing does,
    what is not clean. Rules that say the same, and items of one rule, make one reason."""
    groups: list[list[int]] = []
    known: dict[tuple[Verdict, str, str], list[int]] = {}
    for index in _by_weight(rules):
        rule = rules[index]
        keys = (rule.verdict, "says", rule.message), (rule.verdict, "is", rule.code)
        group = next((known[key] for key in keys if key in known), [])
        if not group:
            groups.append(group)
        group.append(index)
        for key in keys:
            known.setdefault(key, group)
    return [
        Reason(
            verdict=rules[group[0]].verdict,
            message=brief(rules[group[0]].message),
            rules=group,
            alike=len({rules[index].message for index in group}) == 1,
        )
        for group in groups
    ]


def tasks_of(rules: Sequence[RuleResult]) -> list[Task]:
    """Return what has to be done before a merge, in the order of weight; nothing where it is
    clear."""
    blocking = [rules[index] for index in _by_weight(rules) if rules[index].verdict in BLOCKING]
    threshold = threshold_that_passes(rules)
    count_of_task: dict[str, int] = {}
    for rule in blocking:
        task = _task(rule, threshold)
        count_of_task[task] = count_of_task.get(task, 0) + 1
    shown = "" if threshold is None else number(threshold)
    return [
        Task(
            text=_TASKS[task].format(threshold=shown),
            word=_WORDS[task],
            count=counted(count, "rule"),
        )
        for task, count in count_of_task.items()
    ]


def causes_of(rules: Sequence[RuleResult]) -> list[Link]:
    """Return a chain of results, each the cause of the one before; nothing where rules do not
    show a cause.

    A detector that was trained without empty images fires on frames with nothing to detect.
    """
    effect = next(_failed(rules, "probe-fp", "images", "boxes"), None)
    fed = next(_failed(rules, "training-view", "effective_empty_share", below=True), None)
    listed = next(_failed(rules, "empty-gt-share", "share", below=True), None)
    if effect is None or (fed is None and listed is None):
        return []
    chain = [Link(text=_fires(rules[effect]), rule=effect)]
    if fed is not None:
        share = _value(rules[fed], "effective_empty_share") or 0
        chain.append(Link(text=f"{_few(share)} that training is fed is empty", rule=fed))
        dropped = _value(rules[fed], "dropped[filter_empty_gt]") or 0
        if dropped:
            text = f"`filter_empty_gt` drops {counted(int(dropped), 'image')} without a box"
            chain.append(Link(text=text, rule=fed))
    if listed is not None:
        chain.append(Link(text=brief(rules[listed].message).partition(":")[0], rule=listed))
    return chain


def brief(message: str) -> str:
    """Cut a message to its first line, and that behind the clause that is read at a glance."""
    line = message.strip().partition("\n")[0].rstrip()
    if len(line) > _GLANCE:
        line = _CLAUSE_ENDS.split(line, maxsplit=1)[0]
    if len(line) <= _BRIEF:
        return line
    cut = line[:_BRIEF]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[_BRIEF // 2 :] else cut} …"


def _by_weight(rules: Sequence[RuleResult]) -> list[int]:
    """The indices of rules that block or, where none does, that are not clean."""
    chosen = [index for index, rule in enumerate(rules) if rule.verdict in BLOCKING]
    chosen = chosen or [index for index, rule in enumerate(rules) if rule.verdict != "passed"]

    def weight(index: int) -> tuple[int, int, float]:
        rule = rules[index]
        return ORDER.index(rule.verdict), _WEIGHT.get(rule.code, len(_WEIGHTS)), -_miss(rule)

    return sorted(chosen, key=weight)


def _miss(rule: RuleResult) -> float:
    """How far the worst value is beyond its limit, as a share of the larger of the two."""
    return max(
        (
            abs(measured.judged_value - measured.limit)
            / max(abs(measured.judged_value), abs(measured.limit))
            for measured in rule.measurements
            if measured.limit is not None and measured.passed is False
        ),
        default=0.0,
    )


def _task(rule: RuleResult, threshold: float | None) -> str:
    if rule.verdict == "not-evaluated":
        return INPUT
    if threshold is not None and rule.evidence.by_threshold is not None:
        return THRESHOLD
    return _TASK.get(rule.code, "")


def _failed(
    rules: Sequence[RuleResult], code: str, *names: str, below: bool = False
) -> Iterator[int]:
    """The rules of a code that failed by one of these values, on this side of its limit."""
    relation = ">=" if below else "<="
    for index, rule in enumerate(rules):
        if rule.code != code or rule.verdict not in ("failed", "warned"):
            continue
        if any(
            measurement.name in names
            and measurement.passed is False
            and measurement.relation == relation
            for measurement in rule.measurements
        ):
            yield index


def _value(rule: RuleResult, name: str) -> float | int | None:
    values: Iterator[Measurement] = (
        measurement for measurement in rule.measurements if measurement.name == name
    )
    return next((value.value for value in values), None)


def _fires(rule: RuleResult) -> str:
    images, total = _value(rule, "images"), _value(rule, "images_total")
    if images is None or total is None:
        return brief(rule.message)
    return (
        f"The model fires on {number(images)} of {with_noun(number(total), 'frame')} with "
        "nothing to detect"
    )


def _few(share: float) -> str:
    return "no image" if not share else f"only one in {counted(round(1 / share), 'image')}"
