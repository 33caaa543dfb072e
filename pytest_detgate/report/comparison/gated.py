"""What two runs have gated, and what keeps their metrics from being compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pytest_detgate.record.formatting import counted, moment, number
from pytest_detgate.record.report import ProbeRecord, Report, SplitRecord
from pytest_detgate.report.headline import headline_of

DIGITS = 12
NAMED = 5
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What was gated and how, in both runs; empty where a run does not say."""

    name: str
    before: str
    after: str


def facts_of(before: Report, after: Report) -> Iterator[Fact]:
    """What was gated and how, in both runs."""
    both = (before, after)

    def fact(name: str, *values: str) -> Fact:
        return Fact(name=name, before=values[0], after=values[1])

    yield fact("Verdict", *(headline_of(report).word for report in both))
    yield fact("Run", *(moment(report.started) for report in both))
    yield fact("Model", *map(_model, both))
    yield fact("Result files", *(", ".join(report.predictions) for report in both))
    yield fact("Operating point", *(_point(report) for report in both))
    yield fact(
        "Compared with", *(report.baseline.path if report.baseline else "" for report in both)
    )
    yield fact("detgate.toml", *(report.config.sha256[:DIGITS] for report in both))
    for name in names_of(after.dataset.splits, before.dataset.splits):
        yield fact(f"Split {name}", *(_data(report.dataset.splits.get(name)) for report in both))
    for name in names_of(after.dataset.probes, before.dataset.probes):
        yield fact(f"Probe {name}", *(_data(report.dataset.probes.get(name)) for report in both))
    yield fact("pytest-detgate", *(report.versions.get("pytest-detgate", "") for report in both))


def remarks_on(before: Report, after: Report, other_limits: Sequence[str]) -> Iterator[str]:
    """Why metrics of the two runs cannot be compared; `other_limits` are the rules whose limits
    differ."""
    data_before, data_after = before.dataset, after.dataset
    pairs: list[tuple[str, SplitRecord | ProbeRecord, SplitRecord | ProbeRecord]] = [
        *(
            (f"split {name}", *pair)
            for name, pair in _in_both(data_before.splits, data_after.splits)
        ),
        *(
            (f"probe {name}", *pair)
            for name, pair in _in_both(data_before.probes, data_after.probes)
        ),
    ]
    for name, first, second in pairs:
        if (
            _digest(first) != _digest(second)
            or first.images != second.images
            or (
                first.images_sha256
                and second.images_sha256
                and first.images_sha256 != second.images_sha256
            )
        ):
            yield f"The data of the {name} differ: numbers on it are not comparable."
    if before.score_threshold != after.score_threshold:
        yield (
            f"The operating points differ ({_point(before) or 'none'} and "
            f"{_point(after) or 'none'}): counts of boxes and recall are not comparable."
        )
    for split, (scored, again) in _in_both(before.scores, after.scores):
        if (scored.protocol, scored.engine) != (again.protocol, again.engine):
            yield (
                f"The scores on {split} were made differently: {scored.protocol} by "
                f"{scored.engine}, and {again.protocol} by {again.engine}."
            )
    if other_limits:
        more = len(other_limits) - NAMED
        named = ", ".join(other_limits[:NAMED]) + (f" and {more} more" if more > 0 else "")
        yield f"Limits differ, so that verdicts are not comparable: {named}."


def _model(report: Report) -> str:
    if report.model is None:
        return ""
    epoch = "" if report.model.epoch is None else f", epoch {report.model.epoch}"
    return f"{report.model.checkpoint}{epoch} ({report.model.sha256[:DIGITS]})"


def _point(report: Report) -> str:
    threshold = report.score_threshold
    return "" if threshold is None else f"score over {number(threshold)}"


def _data(entry: SplitRecord | ProbeRecord | None) -> str:
    if entry is None:
        return ""
    digest = _digest(entry)
    text = f"{counted(entry.images, 'image')}, {counted(entry.boxes, 'box')}"
    return f"{text} ({digest[:DIGITS]})" if digest else text


def _digest(entry: SplitRecord | ProbeRecord) -> str | None:
    """What tells the data of one run from that of another: the annotations, or the file names."""
    if entry.sha256 is not None or isinstance(entry, SplitRecord):
        return entry.sha256
    return entry.names_sha256


def _in_both(before: Mapping[str, V], after: Mapping[str, V]) -> list[tuple[str, tuple[V, V]]]:
    return [(name, (before[name], after[name])) for name in after if name in before]


def names_of(first: Iterable[str], then: Iterable[str]) -> list[str]:
    """The names of both, those of the first in its order."""
    return list(dict.fromkeys([*first, *then]))
