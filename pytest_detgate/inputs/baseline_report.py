"""The report of an earlier run as a baseline: only recorded numbers are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DataError
from pytest_detgate.inputs.baseline import Baseline
from pytest_detgate.inputs.comparable import (
    SCORE_THRESHOLD,
    BaselineAp,
    defined,
    digest_start,
    require_other_file,
    require_same_classes,
)
from pytest_detgate.inputs.detection_sources import file_sha256
from pytest_detgate.inputs.fingerprints import names_sha256
from pytest_detgate.record.report import BaselineRecord, ProbeRecord, RuleResult, SplitRecord
from pytest_detgate.record.report_file import read_report
from pytest_detgate.scoring.score_card import ApMetric, protocol_name

if TYPE_CHECKING:
    from pytest_detgate.inputs.model import ModelInputs
    from pytest_detgate.scoring.bounds.bootstrap import Replicates

_COUNTING = ("probe-fp", "fp-regression")
_SCORING = ("mean-ap", "class-ap", "ap-regression")


class BaselineReport(Baseline):
    """What an earlier run reported at `path`, read from `source`."""

    def __init__(self, gated: ModelInputs, path: Path, source: Path) -> None:
        self._gated = gated
        self._report = read_report(source, name=gated.project.relative(path))
        self.record = BaselineRecord(
            path=gated.project.relative(path), sha256=file_sha256(source), kind="report"
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
        protocol = protocol_name(self._gated.project.tables.scoring.max_detections)
        if scores.protocol != protocol:
            raise DataError(
                f"the baseline {self.record.path} is scored by {scores.protocol}, not by {protocol}"
            )
        recorded = self._report.dataset.splits.get(split)
        dataset = self._gated.dataset(split)
        there = recorded.sha256 if recorded is not None else None
        if not there or there != dataset.sha256:
            raise DataError(
                f"the annotations of {split} are not those that the baseline {self.record.path} "
                f"was scored on ({digest_start(there)} there, "
                f"{digest_start(dataset.sha256)} here)"
            )
        require_same_classes(dataset.classes, scores.classes, split, self.record)
        self._require_same_images(split, recorded)
        classes = {name: getattr(score, metric) for name, score in scores.classes.items()}
        value: float | None = getattr(scores, metric)
        return BaselineAp(defined(value, metric, split), classes)

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        return None

    def matches(self, split: str) -> None:
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

    def images_note(self, probe: str) -> str:
        recorded = self._report.dataset.probes.get(probe)
        there = None if recorded is None else recorded.images_sha256
        by_content = there is not None and self._gated.images_sha256(probe) is not None
        return "" if by_content else " (images compared by file name only)"

    def _require_comparable(self, name: str) -> None:
        model, predictions = self._report.model, self._report.predictions.get(name)
        used = [one.sha256 for one in (model, predictions) if one is not None]
        require_other_file(self._gated.source.digest(name), used, self.record)
        gated = self._gated.detections(name).classes
        own = self._gated.source.predictions_records().get(name)
        if own is not None and predictions is not None:
            # The same detections in another layout are no other model.
            there = [predictions.detections_sha256]
            what = "detections that are"
            require_other_file(own.detections_sha256, there, self.record, what=what)
        if model is not None and gated:
            require_same_classes(gated, model.classes, "its detector", self.record)

    def _require_same_probe(self, probe: str) -> None:
        recorded = self._report.dataset.probes.get(probe)
        if recorded is None:
            raise self._lacks(f"probe {probe}", ())
        dataset = self._gated.dataset(probe)
        if recorded.images != len(dataset.images):
            what = f"{recorded.images} images there, {len(dataset.images)} here"
        elif recorded.sha256 != dataset.sha256:
            digests = digest_start(recorded.sha256), digest_start(dataset.sha256)
            what = f"annotations {digests[0]} there, {digests[1]} here"
        elif recorded.names_sha256 != names_sha256(dataset):
            what = "other file names"
        else:
            self._require_same_images(probe, recorded)
            return
        raise DataError(f"{probe} is not the probe of the baseline {self.record.path}: {what}")

    def _require_same_images(self, name: str, recorded: SplitRecord | ProbeRecord | None) -> None:
        """Raise where the contents of the images are known of both runs, and differ."""
        there = None if recorded is None else recorded.images_sha256
        if there is None:
            return
        here = self._gated.images_sha256(name)
        if here is not None and here != there:
            raise DataError(
                f"the images of {name} are not those of the baseline {self.record.path}: the same "
                f"file names with other contents (digest {digest_start(there)} there, "
                f"{digest_start(here)} here)"
            )

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
