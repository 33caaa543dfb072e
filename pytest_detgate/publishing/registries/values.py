"""The numbers and facts of a record by names that registries accept."""

from __future__ import annotations

import re

from pytest_detgate.record.project_files.approved import METRICS
from pytest_detgate.record.report import Report
from pytest_detgate.report.headline import BLOCKING

_LONGEST = 200
_ODD = re.compile(r"[^A-Za-z0-9_.\- /]")


def metrics_of(report: Report) -> dict[str, float]:
    """Return each score and measurement: `val/AP`, `val/AP/low`, `probe-fp/youtube/boxes`.

    The ends of an interval have names that end in `low` and `high`, a limit in `limit`. Where two
    names are the same after odd characters were replaced, the second one gets a number.
    """
    metrics: dict[str, float] = {}

    def add(name: str, value: float | None) -> None:
        if value is None:
            return
        plain = _ODD.sub("_", name)[:_LONGEST]
        number = 2
        unique = plain
        while unique in metrics:
            unique, number = f"{plain}_{number}", number + 1
        metrics[unique] = float(value)

    for split, score in report.scores.items():
        for metric in METRICS:
            add(f"{split}/{metric}", getattr(score, metric))
            if interval := score.intervals.get(metric):
                add(f"{split}/{metric}/low", interval.low)
                add(f"{split}/{metric}/high", interval.high)
        for label, of_class in score.classes.items():
            add(f"{split}/AP/{label}", of_class.AP)
    for rule in report.rules:
        item = rule.id.replace("[", "/").removesuffix("]")
        for measured in rule.measurements:
            add(f"{item}/{measured.name}", measured.value)
            add(f"{item}/{measured.name}/limit", measured.limit)
            if measured.interval is not None:
                add(f"{item}/{measured.name}/low", measured.interval.low)
                add(f"{item}/{measured.name}/high", measured.interval.high)
    return metrics


def facts_of(report: Report) -> dict[str, str]:
    """Return what a run is about, as text: its verdict, its digests, what failed."""
    blocking = [rule.id for rule in report.rules if rule.verdict in BLOCKING]
    facts = {
        "detgate.verdict": report.verdict,
        "detgate.version": report.versions.get("pytest-detgate", ""),
        "detgate.started": report.started,
        "detgate.config_sha256": report.config.sha256,
        "detgate.blocked_by": ", ".join(blocking)[:_LONGEST],
    }
    if report.model is not None:
        facts["detgate.checkpoint"] = report.model.checkpoint
        facts["detgate.checkpoint_sha256"] = report.model.sha256
    for name, split in report.dataset.splits.items():
        facts[f"detgate.data.{_ODD.sub('_', name)}_sha256"] = split.sha256
    return {name: text for name, text in facts.items() if text}
