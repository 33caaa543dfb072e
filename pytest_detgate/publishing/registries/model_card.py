"""A model card of the Hugging Face Hub with `model-index`: a file, which is sent by other means.

The form: https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.findings import Interval
from pytest_detgate.publishing.registries.registry import Publication, Registry
from pytest_detgate.record.formatting import counted, ends_words, number
from pytest_detgate.record.markdown import plain
from pytest_detgate.record.report import Report, ScoreRecord
from pytest_detgate.record.result_text import decisive, held_against_limit
from pytest_detgate.regular_file import read_regular
from pytest_detgate.report.headline import VERDICT_WORDS, headline_of, in_order

MARK = "<!-- written by pytest-detgate; a run replaces this file -->"
_TASK = "object-detection"
_LONGEST = 300
_METRICS = {
    "AP": "mAP, IoU 0.50 to 0.95",
    "AP50": "mAP, IoU 0.50",
    "AP75": "mAP, IoU 0.75",
    "AR100": "mAR, 100 boxes an image",
}


class ModelCard(Registry):
    """A `README.md` for a repository of the Hub."""

    options: ClassVar[Mapping[str, str]] = {
        "file": "the file to write; README.md beside the record if omitted",
        "name": "the name of the model; that of [project] if omitted",
        "license": "the license of the model, as the Hub names it",
    }

    def publish(self, publication: Publication) -> list[str]:
        """Write the card; see `Registry.publish`."""
        if publication.online:
            raise ConfigError(
                "huggingface: the card is a file and is not sent; leave --online out, and send it "
                "with `hf upload`"
            )
        named = publication.option("file")
        path = Path(named) if named else publication.record.with_name("README.md")
        if path.exists() and MARK.encode() not in read_regular(path):
            raise ConfigError(f"huggingface: {path} exists, and is not overwritten; use file=NAME")
        try:
            write_whole(path, model_card(publication).encode("utf-8", "replace"))
        except OSError as error:
            raise DetgateError(f"huggingface: {path}: cannot be written: {error}") from error
        return [f"model card in {path}"]


def model_card(publication: Publication) -> str:
    """Return the text of a card: the metadata that the Hub reads, and tables for people."""
    report = publication.report
    own = report.project.name if report.project is not None else ""
    name = publication.option("name") or own or "detector"
    head: dict[str, Any] = {
        "pipeline_tag": _TASK,
        "tags": [_TASK, "pytest-detgate"],
        "model-index": [{"name": name, "results": list(_results(report))}],
    }
    if license_name := publication.option("license"):
        head["license"] = license_name
    matter = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{matter}---\n{MARK}\n\n" + "\n".join(_body(report, name)) + "\n"


def _results(report: Report) -> Iterator[dict[str, Any]]:
    for split, score in report.scores.items():
        data = report.dataset.splits.get(split)
        dataset = {"type": "coco", "name": split, "split": split}
        if data is not None:
            dataset["revision"] = data.sha256
        metrics = [
            entry
            for metric, words in _METRICS.items()
            if (entry := _metric(metric, words, score)) is not None
        ]
        if metrics:
            yield {
                "task": {"type": _TASK, "name": "Object detection"},
                "dataset": dataset,
                "metrics": metrics,
            }


def _metric(metric: str, words: str, score: ScoreRecord) -> dict[str, Any] | None:
    value = getattr(score, metric)
    if value is None:
        return None
    entry: dict[str, Any] = {"type": metric.lower(), "name": words, "value": value}
    interval = score.intervals.get(metric)
    if interval is not None:
        entry["args"] = {
            "low": interval.low,
            "high": interval.high,
            "confidence": interval.confidence,
            "method": interval.method,
        }
    return entry


def _body(report: Report, name: str) -> Iterator[str]:
    headline = headline_of(report)
    project = report.project
    yield f"# {plain(name, _LONGEST)}"
    yield ""
    if project is not None and project.purpose:
        yield plain(project.purpose, 10 * _LONGEST, begins=True)
        yield ""
        yield from (f"- Not for: {plain(use, _LONGEST)}" for use in project.not_for)
        yield ""
    yield f"Gate: **{headline.word}**. {plain(headline.sentence, _LONGEST)}"
    yield ""
    if report.model is not None:
        yield f"Weights: SHA-256 {report.model.sha256}"
        yield ""
    yield from _scores(report)
    yield "## Limits"
    yield ""
    yield "| Rule | Verdict | Value against limit |"
    yield "| --- | --- | --- |"
    for rule in in_order(report.rules):
        values = "; ".join(map(held_against_limit, decisive(rule))) or rule.message
        cells = (plain(rule.id, _LONGEST), VERDICT_WORDS[rule.verdict], plain(values, _LONGEST))
        yield f"| {' | '.join(cells)} |"


def _scores(report: Report) -> Iterator[str]:
    for split, score in report.scores.items():
        data = report.dataset.splits.get(split)
        images = "" if data is None else f", {counted(data.images, 'image')}"
        yield f"## {plain(split, _LONGEST)}{images}"
        yield ""
        yield "| Metric | Value |"
        yield "| --- | --- |"
        for metric, words in _METRICS.items():
            yield f"| {words} | {_value(getattr(score, metric), score.intervals.get(metric))} |"
        for label, of_class in score.classes.items():
            value = _value(of_class.AP, of_class.intervals.get("AP"))
            yield f"| {plain(label, _LONGEST)} | {value} |"
        yield ""


def _value(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return "not defined"
    return number(value) + ("" if interval is None else f" {ends_words(interval)}")
