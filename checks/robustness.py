"""The rule `robustness`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DetgateError
from pytest_detgate.gaps import GapKind
from pytest_detgate.image_changes.corruptions.corruption import (
    CORRUPTIONS,
    Corruption,
    CorruptionName,
)
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rule_evidence.changed_images.robustness import (
    DropPlan,
    MeasuredDrop,
    measured_drop,
)
from pytest_detgate.rule_evidence.changed_images.robustness_parts import (
    RobustnessPart,
    outcome_of_parts,
    part_of_drop,
    part_of_mean,
    part_of_probes,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.false_boxes.probe_limits import Bound
from pytest_detgate.rules.families import DetectionRule, MaxUnlabelled
from pytest_detgate.rules.metrics.score_rules import (
    LEAST_DRAWS,
    OwnConfidence,
    OwnReplicates,
    OwnSeed,
    TooLittle,
    confidence_of,
    draws_of,
    require_draws,
    seed_of,
)
from pytest_detgate.rules.options import (
    Threshold,
    require_evaluated_split,
    require_limit,
    require_names,
    require_probe,
    require_probes,
    threshold_of,
)
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.score_card import ApMetric

MEAN = "mean"
"""The label of the item on all corruptions together."""
Severity = Literal[1, 2, 3, 4, 5]
OneCorruption = Annotated[str, Meta(extra_json_schema={"enum": [*CORRUPTIONS]})]


class Robustness(DetectionRule, frozen=True, kw_only=True):
    """Corrupted images must not cost too much AP, nor create false boxes.

    ## What it checks

    The model runs on images with the fifteen corruptions of ImageNet-C at some severities:
    `gaussian-noise`, `shot-noise`, `impulse-noise`, `defocus-blur`, `glass-blur`, `motion-blur`,
    `zoom-blur`, `snow`, `frost`, `fog`, `brightness`, `contrast`, `elastic-transform`, `pixelate`
    and `jpeg-compression`. There is an item for each corruption.

    - `relative_drop`: 1 - the mean AP over the severities / `clean_ap`, that on clean images. At
      most `max-relative-drop`, or what `max-relative-drop-by-corruption` has for it;
    - `created`: false boxes on probes that a corruption creates: over the score threshold, no
      allowed box, and no detection of the same class on the clean image overlaps them (IoU ≥ 0.5).
      Counted over all probes at the severity with most; at most `max-created`.

    With `min-rpc` there is one more item, `robustness[mean]`: `mpc` is the mean AP over all
    corruptions and severities, and `rpc` = `mpc` / `clean_ap` (Michaelis et al. 2019).

    AP is measured on up to `images` images of the evaluated split for each corruption and severity,
    others for each, and compared with the AP on the same clean images. Clips are sampled in
    proportion to their size. `ap` and `mpc` are `clean_ap`, the AP on all clean images, less the
    drop. Bounds come from a bootstrap over clips, or over images if there are no clips, which draws
    the same clips for all. An eighth of the images is looked at first, then a quarter, a half and
    all. As soon as the bounds are on one side of the limit, the rest is left out (`stop-early`).
    The bounds of all looks together hold with `confidence`. `inferences` counts the corrupted
    images that were needed, `inferences_saved` those that were not.

    Detections on corrupted images are cached: a second run infers nothing. Result files cannot be
    corrupted: with them the rule is not evaluated. [How near the images are to the
    reference](robustness.md) is measured; the ice of `frost` looks different.

    ## Why it matters

    A camera outdoors sees fog, rain on the lens and the sun in the evening, and a validation split
    of sunny days does not. In fog a model may find fewer objects, and in noise it may find some
    where nothing is.

    ## How to fix

    - `relative_drop` too high: Train with this corruption, or with AugMix or style transfer, which
      help against several. For blur a larger input helps.
    - `created` too high: Add corrupted images with nothing to detect to training, or raise the
      score threshold.
    """

    code: ClassVar[str] = "robustness"
    measures: ClassVar[str] = (
        "relative_drop rpc mpc ap clean_ap created created[PROBE] images inferences "
        "inferences_saved"
    )
    findings_move: ClassVar[bool] = True
    # With another limit the bounds decide after another number of images.
    moves_limits: ClassVar[bool] = False

    corruptions: (
        Annotated[
            tuple[OneCorruption, ...], Meta(min_length=1, description="Omitted: all fifteen.")
        ]
        | None
    ) = None
    severities: Annotated[
        tuple[Severity, ...], Meta(min_length=1, description="Severities, from 1 to 5.")
    ] = (1, 3, 5)
    max_relative_drop: (
        Annotated[Share, Meta(description="Largest relative drop, of every corruption.")] | None
    ) = None
    max_relative_drop_by_corruption: (
        Annotated[dict[str, Share], Meta(description="Largest relative drops by corruption.")]
        | None
    ) = None
    min_rpc: (
        Annotated[Share, Meta(description="Smallest mean AP relative to clean images.")] | None
    ) = None
    max_created: (
        Annotated[Count, Meta(description="Largest number of created false boxes.")] | None
    ) = None
    on: (
        Annotated[
            tuple[str, ...],
            Meta(
                description="Probes for created false boxes. Omitted: every one that is not sealed."
            ),
        ]
        | None
    ) = None
    metric: ApMetric = "AP"
    images: Annotated[
        int, Meta(ge=1, description="Images of the split and of each probe, or all.")
    ] = 500
    stop_early: Annotated[
        bool, Meta(description="Whether bounds may decide before all images are looked at.")
    ] = True
    score_threshold: Threshold | None = None
    bound: Bound = "point"
    confidence: OwnConfidence | None = None
    replicates: OwnReplicates | None = None
    seed: OwnSeed | None = None
    max_unlabelled: MaxUnlabelled = 0
    too_little: TooLittle = "fail"

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return {**super().allowed_gaps(), "images-without-labels": self.max_unlabelled}

    def validate(self, project: Project) -> None:
        require_limit(
            self, "max-relative-drop", "max-relative-drop-by-corruption", "min-rpc", "max-created"
        )
        require_names(
            "corruption",
            self.max_relative_drop_by_corruption or (),
            self._names,
            table=["max-relative-drop-by-corruption"],
        )
        require_names("corruption", self.corruptions or (), CORRUPTIONS, "corruptions")
        require_names("severity", map(str, self.severities), None, "severities")
        if (
            self.max_relative_drop is not None
            or self.max_relative_drop_by_corruption
            or self.min_rpc is not None
        ):
            require_evaluated_split(project)
            require_draws(self, project)
        if self.max_created is not None:
            require_probe(project, self._probes(project))
            require_probes(self.on or (), project, "on")

    def can_fail(self) -> bool:
        drops = [self.max_relative_drop, *(self.max_relative_drop_by_corruption or {}).values()]
        return (
            self.max_created is not None
            or (self.min_rpc or 0) > 0
            or any(drop is not None and drop < 1 for drop in drops)
        )

    def targets(self, project: Project) -> Iterator[Target]:
        split = project.evaluate_on
        probes = self._probes(project)
        for name in self._names:
            own = () if self._limit(name) is None else (split,)
            if own or probes:
                names = (*own, *probes)
                yield Target(label=name, datasets=names, detections=names)
        if self.min_rpc is not None:
            yield Target(label=MEAN, datasets=(split,), detections=(split,))

    @property
    def _names(self) -> tuple[str, ...]:
        return CORRUPTIONS if self.corruptions is None else self.corruptions

    def _probes(self, project: Project) -> tuple[str, ...]:
        if self.max_created is None:
            return ()
        open_probes = tuple(name for name in project.probes if name not in project.seals)
        return open_probes if self.on is None else self.on

    def _limit(self, name: str) -> float | None:
        return (self.max_relative_drop_by_corruption or {}).get(name, self.max_relative_drop)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        project = inputs.project
        if target.label == MEAN:
            assert self.min_rpc is not None
            names = [name for name in CORRUPTIONS if name in self._names]
            every = [change for name in names for change in self._changes(name)]
            drop = self._drop(inputs, every, 1 - self.min_rpc)
            part = part_of_mean(
                drop, every, project.evaluate_on, self.metric, self.min_rpc, self.bound
            )
            return outcome_of_parts([part], inputs)
        (name,) = (name for name in CORRUPTIONS if name == target.label)
        changes, limit = self._changes(name), self._limit(name)
        parts: list[RobustnessPart] = []
        missing: list[DetgateError] = []
        if limit is not None:
            try:
                drop = self._drop(inputs, changes, limit)
            except DetgateError as error:
                missing.append(error)
            else:
                split = project.evaluate_on
                parts.append(part_of_drop(drop, changes, split, self.metric, limit, self.bound))
        if self.max_created is not None:
            parts.append(
                part_of_probes(
                    inputs,
                    self._probes(project),
                    changes,
                    threshold_of(self, project),
                    self.images,
                    self.max_created,
                )
            )
        if not parts:
            raise missing[0]
        return replace(outcome_of_parts(parts, inputs), missing=missing)

    def _changes(self, name: CorruptionName) -> list[Corruption]:
        return [Corruption(name, severity) for severity in sorted(self.severities)]

    def _drop(self, inputs: Inputs, changes: Sequence[Corruption], limit: float) -> MeasuredDrop:
        project = inputs.project
        replicates = draws_of(self, project)
        # Bare quantiles hold too seldom, and few draws depend on the seed.
        can_decide = project.tables.scoring.interval == "auto" and replicates >= LEAST_DRAWS
        plan = DropPlan(
            metric=self.metric,
            images=self.images,
            seed=seed_of(self, project),
            replicates=replicates,
            confidence=confidence_of(self, project),
            limit=limit,
            stops_early=self.stop_early and can_decide,
            needs_bounds=self.bound != "point",
        )
        return measured_drop(inputs, project.evaluate_on, changes, plan)

    passing: ClassVar[Example] = Example(
        config='[rules.robustness]\nmax-relative-drop = 0.3\ncorruptions = ["fog"]',
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        changed={"val": {"a_1.jpg": [("helmet_off", 0.5, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config='[rules.robustness]\nmax-relative-drop = 0.3\ncorruptions = ["fog"]',
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        changed={"val": {"a_1.jpg": [("helmet_off", 0.5, 60, 60, 30, 30)]}},
    )
