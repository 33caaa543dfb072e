"""The rule `lost-objects`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError, NoBaselineError
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rule_evidence.models.lost_objects import (
    evidence_of_change,
    evidence_of_new_boxes,
    lost_findings,
    tables_of_change,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.score_rules import interval_of
from pytest_detgate.rules.options import require_limit, require_names, require_probes, sets_limit
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.rules.regression.change_needs import needs_of_change
from pytest_detgate.rules.regression.change_plan import planned_p_value
from pytest_detgate.rules.regression.clip_losses import LossRule, LossTest, known_detections
from pytest_detgate.rules.regression.must_find import MustFind, objects_named, require_entries
from pytest_detgate.rules.regression.regression_rules import (
    baseline_label,
    change_bounds_text,
    compared_interval,
    outcome_of_first_run,
)
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.comparison.lost_objects import ObjectChange, new_boxes, object_change
from pytest_detgate.scoring.false_boxes import false_boxes, require_threshold
from pytest_detgate.scoring.metrics.recall import share_figure


class LostObjects(LossRule, frozen=True, kw_only=True):
    """Objects that the baseline finds must not be missed, and no new false boxes may come.

    ## What it checks

    The item of the evaluated split looks at each ground-truth box on its own. It is found if a
    detection with score > threshold matches it: same class, IoU ≥ 0.5, one to one. The baseline
    has its own operating point, `baseline-threshold`, which is that of the gated model if it is
    left out. Crowd regions need not be found.

    - `lost` counts the objects that the baseline finds and the gated model misses, at most
      `max-lost`. `lost[CLASS]` is the same for a class in `classes`.
    - `lost_share` is their share of the objects that the baseline finds, at most `max-lost-share`.
      With `bound = "upper"` its upper bound is compared, computed by clips as for `recall`.
    - `gained` counts the reverse. It makes up for nothing: forty objects that are swapped for
      forty others leave AP as it is, and forty are lost.
    - `p_value` must be at least `min-p-value`. It is the chance that losses outweigh gains as
      much, or more, if both models are equally good: the share of all ways to flip the sign of
      each clip's net loss that show it (of `replicates` random ways, if there are more). It looks
      at all objects together, at each class and at small, medium and large objects, and is
      corrected for that. So a swap from one class or size to another shows. It is exact. The least
      that G clips can show is 1/2^G, so fewer than 5 clips are not evaluated.
    - `must_find_missed` counts the objects of `must-find` that the gated model misses; it must be
      0. `must-find` is a list of images and annotations: `[{ image = "gate_0042.jpg" }, {
      annotation = 4711 }]`. An image may be a pattern, such as `gate_*`. It needs no baseline. An
      entry that names no object of the split is a mistake, and the item is not evaluated.

    With `max-new-false` there is also an item for each probe. `new` counts the false boxes that
    the gated model has and the baseline does not: no false box of the baseline on that image has
    the same class and IoU ≥ 0.5. `gone` counts the reverse. With `min-p-value`, `p_value` is that
    of new boxes less gone ones.

    The baseline must have detections, so it is a checkpoint. A `report.json` or a
    `detgate-baseline.json` records numbers only, so the items are not evaluated. The findings are
    the lost objects, the surest ones of the baseline first; the tables have the gained ones.

    ## Why it matters

    A metric adds up what was lost and what was gained. A user who relied on the objects that are
    lost sees only these.

    ## How to fix

    - `lost` too high: Look at the lost objects. If their scores only moved, set the operating point
      of the new model. If they have something in common (a site, a size), add such images.
    - `p_value` too low: One class or size lost more than it gained, and not by chance. The message
      names it.
    - `must_find_missed` too high: The model must not replace the one in use.
    - `new` too high: Compare the frames on the page: what fires now was harmless to the baseline.
    """

    code: ClassVar[str] = "lost-objects"
    measures: ClassVar[str] = (
        "lost lost[CLASS] lost_share p_value must_find_missed gained found new gone boxes "
        "baseline score_threshold"
    )
    compares: ClassVar[bool] = True

    max_lost: Annotated[Count, Meta(description="Largest number of lost objects.")] | None = None
    max_lost_share: (
        Annotated[Share, Meta(description="The same as a share of what the baseline finds.")] | None
    ) = None
    classes: (
        Annotated[dict[str, Count], Meta(description="Largest numbers of single classes.")] | None
    ) = None
    must_find: (
        Annotated[list[MustFind], Meta(description="Images and objects that may never be missed.")]
        | None
    ) = None
    max_new_false: (
        Annotated[Count, Meta(description="Largest number of new false boxes on each probe.")]
        | None
    ) = None
    probes: (
        Annotated[tuple[str, ...], Meta(description="Probes to look at. Omitted: all.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        limits = ("max-lost", "max-lost-share", "classes", "min-p-value")
        require_limit(self, *limits, "must-find", "max-new-false")
        require_names("class", self.classes or (), project.evaluated_classes, table=["classes"])
        require_probes(self.probes or (), project, "probes")
        require_entries(self.must_find or (), "must-find")
        if self.max_new_false is not None and not project.probes:
            refuse(OptionError("there is no probe to count new false boxes on", "max-new-false"))
        if self.probes is not None and self.max_new_false is None:
            refuse(OptionError("probes needs max-new-false, the limit there", "probes"))

    def targets(self, project: Project) -> Iterator[Target]:
        keys = ("max_lost", "max_lost_share", "classes", "min_p_value", "must_find")
        if any(sets_limit(getattr(self, key)) for key in keys):
            yield self.target(project, project.evaluate_on)
        if self.max_new_false is not None:
            for probe in project.probes if self.probes is None else self.probes:
                yield Target(label=probe, datasets=(probe,), detections=(probe,))

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        if self.min_p_value is not None:
            yield planned_p_value(target.datasets[0], self.min_p_value)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        name = target.datasets[0]
        is_split = name == inputs.project.evaluate_on
        return self._check_split(name, inputs) if is_split else self._check_probe(name, inputs)

    def _check_split(self, split: str, inputs: Inputs) -> Outcome:
        threshold, other = self.thresholds(inputs.project)
        require_threshold(inputs.detections(split), threshold)
        matches = inputs.matches(split)
        try:
            baseline = inputs.baseline()
        except NoBaselineError as error:
            alone = object_change(matches, matches, threshold, threshold)
            missed, guarded = self._missed(inputs, split, alone)
            message = f"{counted(int(alone.found_after.sum()), 'object')} found on {split}"
            shown = [Measurement.shown(SCORE_THRESHOLD, threshold)]
            first = outcome_of_first_run(error, self.first_run, message, shown)
            if not len(missed):
                return first
            return Outcome(
                message=f"{counted(len(missed), 'object')} of must-find missed; {first.message}",
                measurements=[*guarded, *shown],
                findings=lost_findings(inputs.dataset(split), alone, missed),
            )
        require_threshold(known_detections(baseline, split), other)
        before = baseline.matches(split)
        assert before is not None  # its detections are known
        change = object_change(matches, before, threshold, other)
        missed, guarded = self._missed(inputs, split, change)
        found_before, lost = int(change.found_before.sum()), int(change.lost.sum())
        if not found_before:
            raise DataError(f"the baseline finds nothing on {split} with score > {other:g}")
        test = LossTest.of_objects(change, inputs.units(split))
        interval = self._interval(inputs, split, change)
        dataset = inputs.dataset(split)
        p_values, reason = self.p_values(test, inputs.project)
        also = f"; {counted(len(missed), 'object')} of must-find missed" if len(missed) else ""
        gained = int(change.gained.sum())
        share = Measurement.at_most(
            "lost_share",
            lost / found_before,
            self.max_lost_share,
            bound="point" if self.max_lost_share is None else self.bound,
            interval=interval,
        )
        bounds = change_bounds_text(interval, ".3f", paired=True, units=inputs.units(split))
        return Outcome(
            message=f"{lost} of {counted(found_before, 'object')} lost that "
            f"{baseline_label(baseline)} finds on {split}, {gained} gained{bounds}{reason}{also}",
            measurements=[
                Measurement.at_most("lost", lost, self.max_lost),
                share,
                *self._by_class(change),
                *p_values,
                *guarded,
                Measurement.shown("gained", gained),
                Measurement.shown("found", int(change.found_after.sum())),
                Measurement.shown("baseline", found_before),
                Measurement.shown(SCORE_THRESHOLD, threshold),
            ],
            findings=lost_findings(dataset, change, missed),
            findings_total=len(np.union1d(missed, np.flatnonzero(change.lost))),
            tables=tables_of_change(dataset, change),
            evidence=evidence_of_change(dataset, inputs.detections(split), change, missed),
            needs=needs_of_change(self, inputs, split, [(share, _lost_share(change))]),
        )

    def _check_probe(self, probe: str, inputs: Inputs) -> Outcome:
        threshold, other = self.thresholds(inputs.project)
        dataset, detections = inputs.dataset(probe), inputs.detections(probe)
        false = false_boxes(dataset, detections, threshold)
        message = f"{counted(len(false), 'false box')} on {counted(len(dataset.images), 'frame')}"
        boxes = Measurement.shown("boxes", len(false))
        over = Measurement.shown(SCORE_THRESHOLD, threshold)
        try:
            baseline = inputs.baseline()
        except NoBaselineError as error:
            return outcome_of_first_run(error, self.first_run, message, [boxes, over])
        before = known_detections(baseline, probe)
        false_before = false_boxes(dataset, before, other)
        new, gone = new_boxes(detections, false, before, false_before, len(dataset.images))
        test = LossTest.of_images(detections.image[new], before.image[gone], inputs.units(probe))
        p_values, _ = self.p_values(test, inputs.project)
        return Outcome(
            message=f"{message}, {len(new)} of them new since {baseline_label(baseline)}, "
            f"{len(gone)} gone",
            measurements=[
                Measurement.at_most("new", len(new), self.max_new_false),
                *p_values,
                Measurement.shown("gone", len(gone)),
                boxes,
                Measurement.shown("baseline", len(false_before)),
                over,
            ],
            findings=detection_findings(dataset, detections, new),
            findings_total=len(new),
            evidence=evidence_of_new_boxes(dataset, detections, new),
        )

    def _missed(
        self, inputs: Inputs, split: str, change: ObjectChange
    ) -> tuple[NDArray[np.int64], list[Measurement]]:
        """The objects of `must-find` that are missed, and their number."""
        if not self.must_find:
            return np.empty(0, dtype=np.int64), []
        named = objects_named(self.must_find, inputs.dataset(split), change.box)
        missed = np.flatnonzero(named & ~change.found_after)
        return missed, [Measurement.at_most("must_find_missed", len(missed), 0)]

    def _by_class(self, change: ObjectChange) -> Iterator[Measurement]:
        for name, limit in (self.classes or {}).items():
            inside = change.category == change.classes.index(name)
            lost = int((change.lost & inside).sum())
            yield Measurement.at_most(f"lost[{name}]", lost, limit)

    def _interval(self, inputs: Inputs, split: str, change: ObjectChange) -> Interval | None:
        """The interval of the share that is lost of what the baseline finds."""
        return compared_interval(interval_of(self, inputs, split, _lost_share(change)), paired=True)

    passing: ClassVar[Example] = Example(
        config="[rules.lost-objects]\nmax-lost = 0",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        baseline={"val": {"a_1.jpg": [("helmet_off", 0.9, 12, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.lost-objects]\nmax-lost = 0",
        splits={
            "val": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 50, 50, 30, 30)],
            }
        },
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        baseline={"val": {"a_2.jpg": [("helmet_off", 0.8, 50, 50, 30, 30)]}},
    )


def _lost_share(change: ObjectChange) -> Callable[[Intervals], Interval]:
    """A function that gives the interval of the share that is lost of what the baseline finds."""
    return share_figure(change.image[change.lost], change.image[change.found_before])
