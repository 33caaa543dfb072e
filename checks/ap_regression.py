"""The rule `ap-regression`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar

from msgspec import Meta

from pytest_detgate.config.numbers import Share
from pytest_detgate.errors import DataError, NoBaselineError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.inputs.compared.comparable import BaselineAp
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rule_evidence.models.ap_changes import (
    chart_of_changes,
    not_compared,
    table_of_changes,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.score_rules import IntervalRule, require_least_draws, seed_of
from pytest_detgate.rules.options import require_limit, require_names, unknown_classes
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.rules.regression.ap_change import ApChange
from pytest_detgate.rules.regression.ap_noise import DEFAULT, ApNoise, noise_of_seeds
from pytest_detgate.rules.regression.change_needs import Bounded, needs_of_change
from pytest_detgate.rules.regression.change_plan import planned_of_change
from pytest_detgate.rules.regression.regression_rules import (
    FirstRun,
    baseline_label,
    change_bounds_text,
    compared_interval,
    outcome_of_first_run,
    outcome_of_unchanged,
)
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse
from pytest_detgate.scoring.bounds.resampling import too_few_units
from pytest_detgate.scoring.score_card import ApMetric


class ApRegression(IntervalRule, frozen=True, kw_only=True):
    """AP, over all classes and of each class, must not fall below that of a baseline.

    ## What it checks

    `change` is the AP of the gated model on the evaluated split minus that of the baseline, and
    `change[CLASS]` that of a class. `--detgate-baseline` or `[model] baseline` names a checkpoint,
    which runs on the same images, the file of `approve`, or the `report.json` of an earlier run.

    - `max-drop`: each change must be at least −(`max-drop` + `noise`).
    - `max-drop-relative`: each change must be at least −(`max-drop-relative` × baseline + `noise`).
      A baseline of 0 has nothing to lose.
    - `classes`: allowed drops of single classes.
    - `min-gain`: `required_gain`, the change, must be at least `min-gain`, and at least `noise`.
    - `max-gain`: `suspicious_gain`, the change, must be at most `max-gain` + `noise`. A sudden leap
      comes from a leak or from another data set more often than from a better model.
    - `min-p-value`: `p_value` must be at least `min-p-value`. It is the chance that AP is as far
      below the baseline, or farther, if both models are equally good: the share of all ways to swap
      the two models' detections clip by clip that show it (of `replicates` random ways, if there
      are more). It is exact. The least that G clips can show is 1/2^G, so fewer than 5 clips are
      not evaluated. It needs a checkpoint as the baseline.

    The noise is `noise`; or how far the two checkpoints of `noise-from` are apart, in all and by
    class: two of one training with other seeds. If neither is given, it is the standard error of
    the change by the bootstrap: two equally good models differ so much on these images. With
    `bound = "lower"`, a report as the baseline, or too few clips, it is 0.003, which is right for
    COCO. The message says which was used. On few images the standard error is large, and a large
    drop passes; `bound = "lower"` does not let it pass.

    The bounds are those of a paired bootstrap: both models in the same draws, so images that are
    hard for both cancel out. With `bound = "lower"` the lower bound is compared with the limit. Of
    a report only the recorded number is known, so the bounds are those of the gated model alone. In
    both cases the bounds leave room for one more clip unlike all clips seen, on which the AP of the
    baseline is lost. So a model that is as good as the baseline on all of G clips may still have
    lost a share of 1 − 0.05^(1/G) of the AP, at 95% confidence: 0.45 for 5 clips, 0.05 for 59.
    Fewer than 5 clips have no bounds.

    A model passes as unchanged if it is that of the baseline or has the same detections. A
    comparison is refused if classes, annotations or protocol differ. If no baseline is named, the
    item is not evaluated, unless `first-run = "accept"`. A baseline that is named must exist,
    unless `[model] baseline` is `{ path = "...", may-be-missing = true }`.

    ## Why it matters

    A floor that was set a year ago lets a model through that is worse than the one in use. Between
    two seeds of one training, AP changes by some thousandths. That is not a regression.

    ## How to fix

    See which class fell. If all fell a little, train again with another seed and see how much AP
    changes by chance; `noise` allows for that. If one fell, compare its training data.
    """

    code: ClassVar[str] = "ap-regression"
    measures: ClassVar[str] = (
        "change change[CLASS] p_value required_gain suspicious_gain ap baseline"
    )
    compares: ClassVar[bool] = True

    metric: ApMetric = "AP"
    max_drop: Annotated[Share, Meta(description="Largest drop.")] | None = None
    max_drop_relative: (
        Annotated[Share, Meta(description="The same as a share of the baseline: 0.02 is 2%.")]
        | None
    ) = None
    min_gain: Annotated[Share, Meta(description="Smallest gain.")] | None = None
    max_gain: Annotated[Share, Meta(description="Largest gain that is plausible.")] | None = None
    noise: Annotated[Share, Meta(description="How much AP changes between two seeds.")] | None = (
        None
    )
    noise_from: (
        Annotated[
            list[str],
            Meta(
                min_length=2,
                max_length=2,
                description="Two checkpoints of one training with other seeds; the noise is how "
                "far they are apart.",
            ),
        ]
        | None
    ) = None
    classes: (
        Annotated[dict[str, Share], Meta(description="Allowed drop of single classes.")] | None
    ) = None
    min_p_value: (
        Annotated[
            float,
            Meta(gt=0, lt=1, description="Smallest p-value of a fall, by swapping clip by clip."),
        ]
        | None
    ) = None
    first_run: FirstRun = "refuse"

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(
            self, "max-drop", "max-drop-relative", "min-gain", "max-gain", "classes", "min-p-value"
        )
        require_names("class", self.classes or (), project.known_classes, table=["classes"])
        if self.noise is not None and self.noise_from is not None:
            refuse(OptionError("give noise or noise-from, not both", "noise-from"))
        noise = DEFAULT if self.noise is None else self.noise
        if (self.min_gain or 0) > (1 if self.max_gain is None else self.max_gain + noise):
            refuse(
                OptionError(
                    f"min-gain = {self.min_gain:g} is above max-gain = {self.max_gain:g}: no value "
                    "could pass",
                    "min-gain",
                )
            )
        if self.min_p_value is not None:
            require_least_draws(self.draws(project), "min-p-value", "min-p-value")

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        return planned_of_change(self, target.datasets[0], self.max_drop, self.min_p_value, inputs)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        scores = inputs.scores(split)
        value = scores.value_of(self.metric)
        if value is None:
            raise DataError(f"{self.metric} is not defined on {split}: it has no box to find")
        classes = {name: getattr(score, self.metric) for name, score in scores.classes.items()}
        shown = [Measurement.shown("ap", value)]
        message = f"{self.metric} {value:.3f} on {split} ({scores.protocol})"
        try:
            baseline = inputs.baseline()
        except NoBaselineError as error:
            return outcome_of_first_run(error, self.first_run, message, shown)
        if (reason := baseline.unchanged(split)) is not None:
            return outcome_of_unchanged(reason, message, baseline, shown)
        before = baseline.ap(split, self.metric)
        drawn = self._drawn(inputs, split, baseline)
        value_of = drawn.bounds_of(value, before.ap, None)
        interval = self._interval(inputs, baseline, split, value_of)
        change = value - before.ap
        noise = self._noise(inputs, split, baseline, before)
        least = self._least(before.ap, noise.all)
        in_all = Measurement.at_least("change", change, least, bound=self.bound, interval=interval)
        bounded = list(self._changes_of_classes(classes, before, inputs, split, baseline, noise))
        by_class = [measured for measured, _ in bounded]
        missing = unknown_classes(self.classes, [*classes])
        for name in sorted({*classes} & {*(self.classes or ())}):
            if None in (classes[name], before.classes[name]):
                text = f"class {name!r} has no ground truth in {split}: its AP is undefined"
                missing.append(DataError(text))
        undefined = sorted(name for name, ap in classes.items() if ap is None)
        paired = baseline.record.kind == "checkpoint"
        bounds = change_bounds_text(interval, "+.3f", paired=paired, units=inputs.units(split))
        p_values = []
        if self.min_p_value is not None:
            p_value = drawn.p_value(self.min_p_value)
            p_values.append(Measurement.at_least("p_value", p_value, self.min_p_value))
        chance = "".join(f"; p-value of a fall {p_value.value:.3g}" for p_value in p_values)
        return Outcome(
            message=f"{message}, {baseline_label(baseline)} {before.ap:.3f}: {change:+.3f}, {noise}"
            f"{bounds}{chance}{not_compared(undefined)}",
            measurements=[
                in_all,
                *self._gains(change, interval, noise.all),
                *by_class,
                *p_values,
                *shown,
                Measurement.shown("baseline", before.ap),
            ],
            tables={"classes": table_of_changes(classes, before)},
            evidence=Evidence(charts=[chart_of_changes(in_all, by_class, split, self.metric)]),
            needs=needs_of_change(self, inputs, split, [(in_all, value_of), *bounded]),
            missing=missing,
        )

    def _changes_of_classes(
        self,
        classes: dict[str, float | None],
        before: BaselineAp,
        inputs: Inputs,
        split: str,
        baseline: Baseline,
        noise: ApNoise,
    ) -> Iterator[Bounded]:
        own = self.classes or {}
        drawn = self._drawn(inputs, split, baseline)
        for category, (name, ap) in enumerate(classes.items()):
            ap_before = before.classes[name]
            if ap is None or ap_before is None:
                continue
            by_chance = noise.of(name)
            least = -(own[name] + by_chance) if name in own else self._least(ap_before, by_chance)
            value_of = drawn.bounds_of(ap, ap_before, category)
            measured = Measurement.at_least(
                f"change[{name}]",
                ap - ap_before,
                least,
                bound=self.bound,
                interval=self._interval(inputs, baseline, split, value_of),
            )
            yield measured, value_of

    def _noise(self, inputs: Inputs, split: str, baseline: Baseline, before: BaselineAp) -> ApNoise:
        """How much AP changes by chance, over all classes and of each."""
        if self.noise is not None:
            return ApNoise(self.noise, "as given")
        if self.noise_from is not None:
            folder = inputs.project.configuration.path.parent
            paths = tuple(folder / path for path in self.noise_from)
            return noise_of_seeds(inputs.ap_of_seeds(split, self.metric, paths), self.noise_from)
        if self.bound != "point":
            # The bound has the chance of the images in it already.
            return ApNoise(DEFAULT, "default beside a bound")
        if baseline.record.kind != "checkpoint" or not self.draws(inputs.project):
            return ApNoise(DEFAULT, "default, as the models are not paired")
        if too_few_units(inputs.units(split)):
            return ApNoise(DEFAULT, "default with too few clips")
        return self._drawn(inputs, split, baseline).noise(before)

    def _least(self, before: float, noise: float) -> float | None:
        """The least change that is no regression; None where nothing limits it."""
        drops = [] if self.max_drop is None else [self.max_drop]
        if self.max_drop_relative is not None:
            drops.append(self.max_drop_relative * before)
        return -(min(drops) + noise) if drops else None

    def _gains(
        self, change: float, interval: Interval | None, noise: float
    ) -> Iterator[Measurement]:
        if self.min_gain is not None:
            least = max(self.min_gain, noise)
            yield Measurement.at_least(
                "required_gain", change, least, bound=self.bound, interval=interval
            )
        if self.max_gain is not None:
            yield Measurement.at_most("suspicious_gain", change, self.max_gain + noise)

    def _drawn(self, inputs: Inputs, split: str, baseline: Baseline) -> ApChange:
        seed = seed_of(self, inputs.project)
        return ApChange(inputs, split, baseline, self.metric, self.draws(inputs.project), seed)

    def _interval(
        self, inputs: Inputs, baseline: Baseline, split: str, value_of: Callable[..., Interval]
    ) -> Interval | None:
        """The bounds of a change, which say whether both models were drawn together."""
        paired = baseline.record.kind == "checkpoint"
        return compared_interval(self.interval(inputs, split, value_of), paired=paired)

    passing: ClassVar[Example] = Example(
        config="[rules.ap-regression]\nmax-drop = 0.01",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        baseline={"val": {"a_1.jpg": [("helmet_off", 0.8, 12, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.ap-regression]\nmax-drop = 0.01",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 12, 10, 30, 30)]}},
        baseline={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
