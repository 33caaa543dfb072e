"""The baseline: another checkpoint that is run on the same data, or what an earlier run reported.

A comparison means something only where data, classes and protocol are the same. Whatever differs
is refused with its reason.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.audit.record import BaselineRecord, RuleResult, read_report
from pytest_detgate.errors import DataError, NoBaselineError
from pytest_detgate.gate.detections import file_sha256
from pytest_detgate.scoring.false_boxes import false_boxes
from pytest_detgate.scoring.operating_point import false_scores
from pytest_detgate.scoring.score_card import PROTOCOL, ApMetric

if TYPE_CHECKING:
    from pytest_detgate.dataset.tables import Dataset
    from pytest_detgate.gate.inputs import GateInputs
    from pytest_detgate.gate.other_models import OtherModels
    from pytest_detgate.scoring.bootstrap import Replicates

# What the rules that count false boxes call the threshold they counted at.
SCORE_THRESHOLD = "score_threshold"
_COUNTING = ("probe-fp", "fp-regression")
_SCORING = ("mean-ap", "class-ap", "ap-regression")


@dataclass(frozen=True, slots=True)
class BaselineAp:
    """AP of the baseline, in all and by class; None where a class has no ground truth."""

    ap: float
    classes: Mapping[str, float | None]


class Baseline(Protocol):
    """What a rule may ask of the baseline. What cannot be compared raises `DataError`."""

    record: BaselineRecord

    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        """Its AP on a split."""

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        """Its figures in the very draws that `Inputs.replicates` has for these numbers; None
        where nothing is known of single images."""

    def false_boxes(self, probe: str, threshold: float) -> int:
        """Its false boxes on a probe with score > threshold."""

    def false_on_images(self, probe: str, threshold: float) -> NDArray[np.int64] | None:
        """(images,) the same by image; None where nothing is known of single images."""

    def false_scores(self, probe: str) -> tuple[NDArray[np.float64], float] | None:
        """(n,) scores of all its false boxes on a probe, best first, and the score below which it
        kept nothing; None where they are not known."""


def open_baseline(gated: GateInputs, others: OtherModels) -> Baseline:
    """The baseline that the user names; `NoBaselineError` where nothing is named, or where a
    named file may be missing and is."""
    path = others.baseline
    if path is None:
        raise NoBaselineError("there is no baseline to compare with")
    if not path.exists():
        reason = f"the baseline {gated.project.relative(path)} does not exist"
        if others.may_be_missing:
            raise NoBaselineError(reason)
        raise DataError(
            f'{reason}; a first run names no baseline, or has baseline = {{ path = "...", '
            "may-be-missing = true } under [model]"
        )
    if is_report(path):
        return BaselineReport(gated, path)
    record = BaselineRecord(
        path=gated.project.relative(path), sha256=others.sha256(path), kind="checkpoint"
    )
    return BaselineModel(gated, gated.beside(others.of_baseline(path)), record)


def is_report(path: Path) -> bool:
    """Whether a baseline is a report rather than a checkpoint."""
    if path.suffix.lower() == ".json":
        return True
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError:
        return False  # which the reader of checkpoints says


class BaselineModel:
    """Another checkpoint, run on the same data."""

    def __init__(self, gated: GateInputs, other: GateInputs, record: BaselineRecord) -> None:
        self.record = record
        self._gated = gated
        self._other = other

    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        self._require_comparable(split)
        with _named(self.record):
            card = self._other.scores(split)
        classes = {name: getattr(score, metric) for name, score in card.classes.items()}
        return BaselineAp(_defined(card.figure(metric), metric, split), classes)

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        return self._other.replicates(split, "all", replicates, seed)

    def false_boxes(self, probe: str, threshold: float) -> int:
        return int(self.false_on_images(probe, threshold).sum())

    def false_on_images(self, probe: str, threshold: float) -> NDArray[np.int64]:
        self._require_comparable(probe)
        dataset, detections = self._gated.dataset(probe), self._other.detections(probe)
        with _named(self.record):
            rows = false_boxes(dataset, detections, threshold)
        return np.bincount(detections.image[rows], minlength=len(dataset.images))

    def false_scores(self, probe: str) -> tuple[NDArray[np.float64], float]:
        self._require_comparable(probe)
        dataset, detections = self._gated.dataset(probe), self._other.detections(probe)
        return false_scores(dataset, detections), detections.score_floor

    def _require_comparable(self, name: str) -> None:
        _require_other_file(self._gated.source.digest(name), [self.record.sha256], self.record)
        # A result file of a folder that holds nothing names no classes either.
        gated = self._gated.detections(name).classes
        other = self._other.detections(name).classes
        if gated and other:
            _require_same_classes(gated, other, "its detector", self.record)


class BaselineReport:
    """What an earlier run reported."""

    def __init__(self, gated: GateInputs, path: Path) -> None:
        self._gated = gated
        self._report = read_report(path)
        self.record = BaselineRecord(
            path=gated.project.relative(path), sha256=file_sha256(path), kind="report"
        )
        rules = self._report.rules
        if all(rule.verdict == "not-evaluated" for rule in rules):
            reason = f": {rules[0].id}: {rules[0].message}" if rules else ""
            raise DataError(
                f"the baseline {self.record.path} reports a run in which nothing was "
                f"evaluated{reason}"
            )

    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        self._require_comparable(split)
        scores = self._report.scores.get(split)
        if scores is None:
            raise self._lacks(f"AP of {split}", self._rules(_SCORING))
        if scores.protocol != PROTOCOL:
            raise DataError(
                f"the baseline {self.record.path} is scored by {scores.protocol}, not by {PROTOCOL}"
            )
        recorded = self._report.dataset.splits.get(split)
        dataset = self._gated.dataset(split)
        there = recorded.sha256 if recorded is not None else None
        if not there or there != dataset.sha256:
            raise DataError(
                f"the annotations of {split} are not those that the baseline {self.record.path} "
                f"was scored on ({_digest(there)} there, "
                f"{_digest(dataset.sha256)} here)"
            )
        _require_same_classes(dataset.classes, scores.classes, split, self.record)
        classes = {name: getattr(score, metric) for name, score in scores.classes.items()}
        value: float | None = getattr(scores, metric)
        return BaselineAp(_defined(value, metric, split), classes)

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        return None

    def false_boxes(self, probe: str, threshold: float) -> int:
        self._require_comparable(probe)
        self._require_same_probe(probe)
        counted = list(self._rules(_COUNTING, probe))
        figures = [{one.name: one.value for one in rule.measurements} for rule in counted]
        figures = [one for one in figures if "boxes" in one and SCORE_THRESHOLD in one]
        if not figures:
            raise self._lacks(f"false boxes of {probe} with their score threshold", counted)
        for figure in figures:
            if figure[SCORE_THRESHOLD] == threshold:
                return int(figure["boxes"])
        there = " and ".join(f"{one[SCORE_THRESHOLD]:g}" for one in figures)
        raise DataError(
            f"the baseline {self.record.path} counted the false boxes of {probe} over {there}, and "
            f"here they are counted over {threshold:g}"
        )

    def false_on_images(self, probe: str, threshold: float) -> NDArray[np.int64] | None:
        return None

    def false_scores(self, probe: str) -> tuple[NDArray[np.float64], float] | None:
        return None

    def _require_comparable(self, name: str) -> None:
        model, predictions = self._report.model, self._report.predictions.get(name)
        used = [one.sha256 for one in (model, predictions) if one is not None]
        _require_other_file(self._gated.source.digest(name), used, self.record)
        gated = self._gated.detections(name).classes
        if model is not None and gated:
            _require_same_classes(gated, model.classes, "its detector", self.record)

    def _require_same_probe(self, probe: str) -> None:
        recorded = self._report.dataset.probes.get(probe)
        if recorded is None:
            raise self._lacks(f"probe {probe}", ())
        dataset = self._gated.dataset(probe)
        if recorded.images != len(dataset.images):
            what = f"{recorded.images} images there, {len(dataset.images)} here"
        elif recorded.sha256 != dataset.sha256:
            what = f"annotations {_digest(recorded.sha256)} there, {_digest(dataset.sha256)} here"
        elif recorded.names_sha256 != names_sha256(dataset):
            what = "other file names"
        else:
            return
        raise DataError(f"{probe} is not the probe of the baseline {self.record.path}: {what}")

    def _rules(self, codes: Collection[str], label: str | None = None) -> list[RuleResult]:
        return [
            rule
            for rule in self._report.rules
            if rule.code in codes and (label is None or rule.id.endswith(f"[{label}]"))
        ]

    def _lacks(self, what: str, rules: Iterable[RuleResult]) -> DataError:
        """An error for a figure that the report does not have, and why it does not."""
        reasons = [
            f"; {rule.id} was not evaluated: {rule.message}"
            for rule in rules
            if rule.verdict == "not-evaluated"
        ]
        return DataError(f"the baseline {self.record.path} has no {what}{''.join(reasons[:1])}")


@contextlib.contextmanager
def _named(record: BaselineRecord) -> Iterator[None]:
    """Say that it is the baseline whose detections are not as they should be."""
    try:
        yield
    except DataError as error:
        raise DataError(f"the baseline {record.path}: {error}") from error


def names_sha256(dataset: Dataset) -> str:
    """A digest of the file names of a split or probe, whatever their order."""
    names = sorted(dataset.images.file_name.tolist())
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def _require_other_file(gated: str | None, baseline: Iterable[str], record: BaselineRecord) -> None:
    if gated is not None and gated in baseline:
        which = (
            "is the very file that is gated"
            if record.kind == "checkpoint"
            else "reports on the very file that is gated"
        )
        raise DataError(
            f"the baseline {record.path} {which} (SHA-256 {_digest(gated)}), so that comparing "
            "says nothing"
        )


def _require_same_classes(
    gated: Collection[str], baseline: Collection[str], of: str, record: BaselineRecord
) -> None:
    if set(gated) == set(baseline):
        return
    missing = [name for name in gated if name not in baseline]
    more = [name for name in baseline if name not in gated]
    parts = [
        f"{what} {', '.join(map(repr, names))}"
        for what, names in (("without", missing), ("with", more))
        if names
    ]
    raise DataError(
        f"the classes of the baseline {record.path} are others: {of} there is {' and '.join(parts)}"
    )


def _defined(value: float | None, metric: str, split: str) -> float:
    if value is None:
        raise DataError(f"{metric} is not defined on {split}: it has no box to find")
    return value


def _digest(sha256: str | None) -> str:
    return f"{sha256[:12]}…" if sha256 else "unknown"
