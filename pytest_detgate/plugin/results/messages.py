"""What an item tells the reporter. It rides on the test report as one piece of text, which
pytest-xdist carries from worker to controller unchanged."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pytest_detgate.dataset.contents import SplitContents
from pytest_detgate.plain import encode
from pytest_detgate.record.project_files.ledger import Look
from pytest_detgate.record.report import (
    BaselineRecord,
    DatasetRecord,
    ModelRecord,
    PredictionsRecord,
    ProbeRecord,
    RuleResult,
    ScoreRecord,
    SplitRecord,
)

ATTRIBUTE = "detgate"


T = TypeVar("T")
D = TypeVar("D", SplitRecord, ProbeRecord)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one process has read and computed: so far, or since an earlier message. `contents` are
    those of the splits: charts that compare splits are made of them where all are known."""

    dataset: DatasetRecord
    model: ModelRecord | None
    predictions: dict[str, PredictionsRecord]
    scores: dict[str, ScoreRecord]
    baseline: BaselineRecord | None = None
    contents: dict[str, SplitContents] = {}

    def since(self, earlier: Facts | None) -> Facts:
        """Return the facts that earlier ones do not have, or have otherwise."""
        if earlier is None:
            return self
        dataset = msgspec.structs.replace(
            self.dataset,
            splits=_changed(self.dataset.splits, earlier.dataset.splits),
            probes=_changed(self.dataset.probes, earlier.dataset.probes),
        )
        return Facts(
            dataset=dataset,
            model=self.model,
            predictions=_changed(self.predictions, earlier.predictions),
            scores=_changed(self.scores, earlier.scores),
            baseline=self.baseline,
            contents=_changed(self.contents, earlier.contents),
        )


def _changed(now: dict[str, T], earlier: dict[str, T]) -> dict[str, T]:
    return {name: entry for name, entry in now.items() if earlier.get(name) != entry}


def add_data(known: dict[str, D], news: dict[str, D]) -> None:
    """Add splits or probes to those that other processes have sent. What only a process that has
    judged detections makes (digests and counts) is taken from any of them."""
    for name, entry in news.items():
        known[name] = entry if name not in known else _fuller(known[name], entry)


def _fuller(first: D, second: D) -> D:
    """Two entries on the same data as one."""
    longer = {
        "images_sha256": second.images_sha256 or first.images_sha256,
        "detections_sha256": second.detections_sha256 or first.detections_sha256,
    }
    if not (isinstance(first, ProbeRecord) and isinstance(second, ProbeRecord)):
        return msgspec.structs.replace(second, **longer)
    counts = {each.score_threshold: each for each in (*first.false_boxes, *second.false_boxes)}
    in_order = [counts[threshold] for threshold in sorted(counts)]
    return msgspec.structs.replace(second, **longer, false_boxes=in_order)


class ItemMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One item's result, the facts where they have changed since the last message, and what the
    verdict says something about: the gated model on splits and probes."""

    result: RuleResult
    facts: Facts | None = None
    looks: list[Look] = []


def encode_message(message: ItemMessage) -> str:
    """A message as text."""
    return encode(message).decode()


def decode_message(text: str) -> ItemMessage:
    """A message from text."""
    return msgspec.json.decode(text, type=ItemMessage)
