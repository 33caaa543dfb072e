"""A baseline of which only recorded numbers are known: an earlier report, or the approved file."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DataError
from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.inputs.compared.comparable import (
    BaselineAp,
    defined,
    digest_start,
    require_same_classes,
    same_detections,
    same_file,
)
from pytest_detgate.inputs.fingerprints import name_order, names_sha256
from pytest_detgate.record.formatting import counted
from pytest_detgate.record.image_counts import unpacked_counts
from pytest_detgate.record.project_files.approved import (
    COUNTING,
    Approved,
    ApprovedProbe,
    ApprovedRule,
)
from pytest_detgate.record.project_files.approved_file import APPROVE_AGAIN, BY_CLASS
from pytest_detgate.record.report import NO_DETECTIONS, BaselineRecord, FalseBoxCounts
from pytest_detgate.scoring.score_card import ApMetric, protocol_name

if TYPE_CHECKING:
    from pytest_detgate.inputs.model import ModelInputs
    from pytest_detgate.scoring.bounds.bootstrap import Replicates

_SCORING = ("mean-ap", "class-ap", "ap-regression")

_SHIPPED = "gate the model that you ship, and make that run the baseline"


class RecordedBaseline(Baseline):
    """What an earlier run left: `recorded`, read from the file of `record`."""

    def __init__(self, gated: ModelInputs, recorded: Approved, record: BaselineRecord) -> None:
        self._gated = gated
        self._recorded = recorded
        self.record = record
        rules = recorded.rules
        if rules and all(rule.verdict == "not-evaluated" for rule in rules.values()):
            item, rule = next(iter(rules.items()))
            raise DataError(
                f"the baseline {record.path} reports a run in which nothing was evaluated: "
                f"{item}: {rule.reason}"
            )

    def unchanged(self, name: str) -> str | None:
        recorded, gated = self._recorded, self._gated
        difference = self._difference(name)
        entry = recorded.splits.get(name) or recorded.probes.get(name)
        predictions = recorded.predictions.get(name)
        theirs = None if entry is None else entry.detections_sha256
        theirs = theirs or (None if predictions is None else predictions.detections_sha256)
        ours = gated.detections_sha256(name) or NO_DETECTIONS
        if difference is None and theirs is not None:
            # The same file may be run with other settings: its detections decide.
            if ours != theirs:
                return None
            if ours != NO_DETECTIONS:
                return same_detections(name)
        digest = gated.source.digest(name)
        used = []
        there = None if entry is None else entry.images_sha256
        # What was found on other images was not found on these, and a file says something else
        # where its ids now mean other images or classes.
        probe = recorded.probes.get(name)
        is_found_here = (
            ours == theirs
            and self._difference_of_images(name, there) is None
            and (probe is None or probe.names_sha256 == names_sha256(gated.dataset(name)))
        )
        if predictions is not None and is_found_here:
            used.append(predictions.sha256)
        # A checkpoint alone is no model: code and configuration may have changed with the data.
        model, key = recorded.model, gated.source.model_key()
        if model is not None and key is not None and model.key == key:
            used.append(model.sha256)
        if digest is None or digest not in used:
            return None
        if difference is None:
            return same_file(digest)
        return f"{same_file(digest)}; but {difference}, so approve this run as a new baseline"

    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        self._require_same_detector(split)
        scores = self._recorded.scores.get(split)
        if scores is None:
            raise self._lacks(f"AP of {split}", _SCORING)
        protocol = protocol_name(self._gated.project.tables.scoring.max_detections)
        if scores.protocol != protocol:
            raise DataError(
                f"the baseline {self.record.path} is scored by {scores.protocol}, not by {protocol}"
            )
        difference = self._difference_of_split(split)
        if difference is not None:
            raise DataError(f"{difference}; {_SHIPPED}")
        classes = scores.classes.get(metric)
        if classes is None or metric not in scores.metrics:
            raise DataError(
                f"the baseline {self.record.path} has no {metric} by class: it leaves out what "
                f"has no room ({', '.join(self._recorded.left_out) or BY_CLASS}); name the "
                "checkpoint or its report.json with --detgate-baseline"
            )
        for value in (scores.metrics[metric], *classes.values()):
            if value is not None and not 0 <= value <= 1:
                raise self._damaged(f"{metric} of {split} is {value:g}, and it is from 0 to 1")
        dataset = self._gated.dataset(split)
        require_same_classes(dataset.classes, classes, split, self.record)
        return BaselineAp(defined(scores.metrics[metric], metric, split), classes)

    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        return None

    def matches(self, split: str) -> None:
        return None

    def false_boxes(self, probe: str, threshold: float) -> int:
        return self._counts(probe, threshold).boxes

    def false_on_images(self, probe: str, threshold: float) -> NDArray[np.int64] | None:
        counts = self._counts(probe, threshold)
        if counts.by_image is None:
            return None
        dataset = self._gated.dataset(probe)
        in_order = unpacked_counts(counts.by_image, len(dataset.images))
        if in_order is None or sum(in_order) != counts.boxes:
            raise self._damaged(
                f"its false boxes by image of {probe} are not {counts.boxes} on "
                f"{counted(len(dataset.images), 'image')}; {APPROVE_AGAIN}"
            )
        by_row = np.zeros(len(dataset.images), dtype=np.int64)
        by_row[name_order(dataset)] = in_order
        return by_row

    def false_scores(self, probe: str) -> tuple[NDArray[np.float64], float] | None:
        return None

    def images_note(self, probe: str) -> str:
        recorded = self._recorded.probes.get(probe)
        there = None if recorded is None else recorded.images_sha256
        by_content = there is not None and self._gated.images_sha256(probe) is not None
        return "" if by_content else " (images compared by file name only)"

    def _counts(self, probe: str, threshold: float) -> FalseBoxCounts:
        self._require_same_detector(probe)
        recorded = self._recorded.probes.get(probe)
        if recorded is None:
            raise self._lacks(f"probe {probe}")
        difference = self._difference_of_probe(probe, recorded)
        if difference is not None:
            raise DataError(f"{difference}; {_SHIPPED}")
        for counts in recorded.false_boxes:
            if counts.score_threshold == threshold:
                if counts.boxes < 0:
                    false_boxes = counted(counts.boxes, "false box")
                    raise self._damaged(f"it counts {false_boxes} on {probe}")
                return counts
        if not recorded.false_boxes:
            raise self._lacks(
                f"false boxes of {probe} with their score threshold", COUNTING, f"[{probe}]"
            )
        there = " and ".join(f"{counts.score_threshold:g}" for counts in recorded.false_boxes)
        raise DataError(
            f"the baseline {self.record.path} counted the false boxes of {probe} over {there}, and "
            f"here they are counted over {threshold:g}"
        )

    def _require_same_detector(self, name: str) -> None:
        gated, model = self._gated.detections(name).classes, self._recorded.model
        if model is not None and gated:
            require_same_classes(gated, model.classes, "its detector", self.record)

    def _difference(self, name: str) -> str | None:
        """How a split or probe differs from that of the baseline; None if it does not."""
        if name in self._gated.project.splits:
            return self._difference_of_split(name)
        recorded = self._recorded.probes.get(name)
        if recorded is None:
            return f"the baseline {self.record.path} has no probe {name}"
        return self._difference_of_probe(name, recorded)

    def _difference_of_split(self, split: str) -> str | None:
        recorded, dataset = self._recorded.splits.get(split), self._gated.dataset(split)
        there = recorded.sha256 if recorded is not None else None
        if recorded is None or not there or there != dataset.sha256:
            return (
                f"the annotations of {split} are not those that the baseline {self.record.path} "
                f"was scored on ({digest_start(there)} there, {digest_start(dataset.sha256)} here)"
            )
        return self._difference_of_images(split, recorded.images_sha256)

    def _difference_of_probe(self, probe: str, recorded: ApprovedProbe) -> str | None:
        dataset = self._gated.dataset(probe)
        if recorded.images != len(dataset.images):
            what = f"{counted(recorded.images, 'image')} there, {len(dataset.images)} here"
        elif recorded.sha256 != dataset.sha256:
            digests = digest_start(recorded.sha256), digest_start(dataset.sha256)
            what = f"annotations {digests[0]} there, {digests[1]} here"
        elif recorded.names_sha256 != names_sha256(dataset):
            what = "other file names"
        else:
            return self._difference_of_images(probe, recorded.images_sha256)
        return f"{probe} is not the probe of the baseline {self.record.path}: {what}"

    def _difference_of_images(self, name: str, there: str | None) -> str | None:
        """How the contents of the images differ, if they are known of both runs."""
        here = None if there is None else self._gated.images_sha256(name)
        if here is None or here == there:
            return None
        return (
            f"the images of {name} are not those of the baseline {self.record.path}: the same "
            f"file names with other contents (digest {digest_start(there)} there, "
            f"{digest_start(here)} here)"
        )

    def _damaged(self, text: str) -> DataError:
        return DataError(f"the baseline {self.record.path} is damaged: {text}")

    def _lacks(self, what: str, codes: Collection[str] = (), label: str = "") -> DataError:
        """An error for a number that the baseline does not have, and why it does not."""

        def may_tell(item: str, rule: ApprovedRule) -> bool:
            return rule.code in codes and rule.verdict == "not-evaluated" and item.endswith(label)

        reasons = [
            f"; {item} was not evaluated: {rule.reason}"
            for item, rule in self._recorded.rules.items()
            if may_tell(item, rule)
        ]
        return DataError(f"the baseline {self.record.path} has no {what}{''.join(reasons[:1])}")
