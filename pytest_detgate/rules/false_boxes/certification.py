"""A threshold that keeps a budget and floors on new clips, with a stated probability."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import INDEPENDENT_IMAGES, Interval, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted, number, percent, points_text
from pytest_detgate.rules.false_boxes.point_budget import PointBudget
from pytest_detgate.rules.needs import looked_at, times_needed
from pytest_detgate.scoring.bounds.certified import (
    Shares,
    failures_p_values,
    false_frame_losses,
    missed_losses,
    shares_p_values,
    steps_certified,
)
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.bounds.sample_size import least_clips
from pytest_detgate.scoring.matching import Matches
from pytest_detgate.scoring.metrics.operating_point import FalseBoxCurve
from pytest_detgate.scoring.metrics.recall import boxes_of_class, found_boxes, scores_of_found


@dataclass(frozen=True, eq=False)
class Certification:
    """What certifies thresholds: the false boxes of the probe that is tuned on, its budget, and the
    matches of the evaluated split with the floors of recall by class.

    Both sides, alarms and misses, share the error 1 - `confidence` (Bonferroni). Within a side all
    limits are tested at its whole error: a threshold that breaks any of them breaks one that alone
    was certified with too small a chance.
    """

    confidence: float
    probe: str
    false: FalseBoxCurve
    budget: PointBudget
    units: Units
    matches: Matches
    split_units: Units
    floors: Mapping[str, float]

    @property
    def error(self) -> float:
        """The error of a side."""
        return (1 - self.confidence) / 2

    def threshold(self, score_floor: float) -> float:
        """The lowest threshold whose false boxes keep the budget on new clips;
        `TooLittleEvidenceError` where even a threshold over all scores is not shown to."""
        steps = [self._steps(limit, values) for limit, values in self._p_values.items()]
        if self.budget.max_boxes is not None:
            steps.append(self._steps_of_boxes(self.budget.max_boxes))
        first = min(steps)
        score = self.false.score
        return max(float(score[first]) if first < len(score) else 0.0, score_floor)

    def measured(self, threshold: float) -> Iterator[Measurement]:
        """The p-values of both sides at a threshold, which are at most the error of a side."""
        boxes = self.false.boxes_over(threshold)
        alarms = [float(values[boxes]) for values in self._p_values.values()]
        if self.budget.max_boxes is not None:
            interval = self._boxes(boxes)
            yield Measurement.at_most(
                "certified_boxes", boxes, self.budget.max_boxes, bound="upper", interval=interval
            )
        if alarms:
            yield Measurement.at_most("p_alarms", max(alarms), self.error)
        for name, miss in self._misses.items():
            yield Measurement.at_most(f"p_misses[{name}]", miss.p_value(threshold), self.error)

    def needs(self, threshold: float) -> str | None:
        """How many clips like these would certify the floors of recall at a threshold that they
        hold at; None where nothing is lacking."""
        lacking = []
        for name, miss in self._misses.items():
            times = miss.times(threshold, self.error)
            if 1 < times < math.inf:
                lacking.append((times, name, miss))
        if not lacking:
            return None
        times, name, miss = max(lacking, key=lambda candidate: candidate[0])
        several = counted(math.ceil(times * miss.clips), self.split_units.kind)
        return (
            f"{several} like these with {name} would certify a recall of at least "
            f"{number(1 - miss.limit)}; {looked_at(miss.clips)}"
        )

    def text(self, empirical: float, threshold: float, cost: float) -> str:
        """What the choice costs, for a message."""
        assumed = "" if self.units.kind == "clip" else f", assuming {INDEPENDENT_IMAGES}"
        sure = f"certified at {percent(self.confidence)}{assumed}"
        return (
            f"{sure}; the budget alone would allow score > {empirical:.3g}, so that costs "
            f"{points_text(cost, 'recall')}"
            if threshold > empirical
            else f"{sure}, at no cost"
        )

    @cached_property
    def _p_values(self) -> dict[float, Shares]:
        """By limit on a share, the p-values with none, one, … all false boxes counted."""
        clips, frames, budget = self.units.count, len(self.units.of_image), self.budget
        values: dict[float, Shares] = {}
        shares = [budget.max_image_share] if budget.max_image_share is not None else []
        shares += [budget.max_images / frames] if budget.max_images is not None else []
        if shares:
            losses = false_frame_losses(self.false, self.units)
            if clips == frames:
                images = np.concatenate([[0], self.false.images])
                values[min(shares)] = failures_p_values(images, min(shares), clips)
            else:
                values[min(shares)] = shares_p_values(losses, min(shares), clips)
        if (share := budget.max_clip_share) is not None:
            by_clip = failures_p_values(np.concatenate([[0], self.false.clips]), share, clips)
            values[share] = np.maximum(by_clip, values.get(share, 0.0))
        return values

    def _steps(self, limit: float, values: Shares) -> int:
        steps = steps_certified(values, self.error)
        if steps is None:
            raise self._too_little(f"a share of {number(limit)}", limit)
        return steps

    def _too_little(self, limit: str, share: float) -> TooLittleEvidenceError:
        """Nothing on so few clips certifies a limit, which says how many would."""
        clips, kind = counted(self.units.count, self.units.kind), self.units.kind
        needs = None
        if 0 < share < 1:
            least = least_clips(share, 1 - self.error)
            needs = (
                f"no false box on {counted(least, kind)} would certify {limit}; "
                f"{looked_at(self.units.count)}"
            )
        return TooLittleEvidenceError(
            f"{self.probe} has {clips}, and even no false box on them does not certify {limit} at "
            f"{percent(self.confidence)}",
            needs,
            of_data=True,
        )

    def _boxes(self, count: int) -> Interval:
        on_frame = np.bincount(self.false.image[:count], minlength=len(self.units.of_image))
        return ProbeEvidence.of_units(self.units, 1 - self.error).of_boxes(on_frame)

    def _steps_of_boxes(self, limit: int) -> int:
        """The most of the first boxes whose upper bound is within the limit: nothing bounds the
        boxes of a frame, so no p-value of a share is valid."""
        if self._boxes(0).high > limit:
            raise self._too_little(f"at most {counted(limit, 'false box')}", 0.0)
        low, high = 0, min(limit, len(self.false.score)) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._boxes(middle).high <= limit else (low, middle)
        return low

    @cached_property
    def _misses(self) -> dict[str, _Miss]:
        classes = self.matches.candidates.columns.classes
        return {
            name: _miss_of(self.matches, classes.index(name), 1 - floor, self.split_units)
            for name, floor in self.floors.items()
            if floor > 0
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Miss:
    """The mean share of the boxes of a class that is missed, over its clips: `losses` (n + 1,) with
    none, one, … all of the found ones counted, whose scores fall. `is_single` where each clip has
    one box, so that it is found or missed."""

    score: Shares
    losses: Shares
    clips: int
    limit: float
    is_single: bool

    def p_value(self, threshold: float) -> float:
        """The p-value of "a larger share than the limit is missed" at a threshold."""
        return self._p_value(threshold, self.clips)

    def times(self, threshold: float, error: float) -> float:
        """How many times as many clips like these certify it; infinite where none do."""
        if self._loss(threshold) >= self.limit:
            return math.inf
        return times_needed(
            lambda times: self._p_value(threshold, math.ceil(times * self.clips)) <= error
        )

    def _loss(self, threshold: float) -> float:
        return float(self.losses[int(np.searchsorted(-self.score, -threshold, side="left"))])

    def _p_value(self, threshold: float, clips: int) -> float:
        loss = self._loss(threshold)
        if self.is_single:
            missed = np.array([round(loss * clips)])
            return float(failures_p_values(missed, self.limit, clips)[0])
        return float(shares_p_values(np.array([loss]), self.limit, clips)[0])


def _miss_of(matches: Matches, category: int, limit: float, units: Units) -> _Miss:
    columns, score = matches.candidates.columns, scores_of_found(matches, category)
    boxes = found_boxes(matches, category, -math.inf)
    wanted = boxes_of_class(matches, category)
    losses, clips = missed_losses(columns.gt_image[boxes], columns.gt_image[wanted], units)
    return _Miss(score, losses, clips, limit, is_single=clips == len(wanted))


def certification_of(
    inputs: Inputs,
    confidence: float,
    probe: str,
    false: FalseBoxCurve,
    budget: PointBudget,
    split: str,
    floors: Mapping[str, float],
) -> Certification:
    """What certifies thresholds, of a probe and a split of the inputs."""
    return Certification(
        confidence=confidence,
        probe=probe,
        false=false,
        budget=budget,
        units=inputs.units(probe),
        matches=inputs.matches(split),
        split_units=inputs.units(split),
        floors=floors,
    )
