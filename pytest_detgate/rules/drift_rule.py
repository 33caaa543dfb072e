"""The base class of rules on the distance between two populations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Share
from pytest_detgate.dataset.clips.clips import Clips
from pytest_detgate.drift.drawing import drift_chart
from pytest_detgate.drift.features import Feature
from pytest_detgate.drift.permutation import Chance, chance, distance, holm, least_p, shares
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence, Histogram
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.families import SplitPairRule
from pytest_detgate.rules.options import ClipField, clip_key, require_clips, require_names
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse

_BINS_TOLD = 3


class DriftRule(SplitPairRule, frozen=True, kw_only=True):
    """A rule that compares the features of a tested population with those of a reference.

    `names` are the features that there are. A feature has drifted if its distance is over its
    limit and chance alone, by permuting clips, would hardly make as much.
    """

    names: ClassVar[tuple[str, ...]]
    measures: ClassVar[str] = "drifted distance[PROPERTY] p[PROPERTY] chance[PROPERTY]"
    moves_limits: ClassVar[bool] = False

    max: Annotated[Share, Meta(description="Largest distance of each feature.")] = 0.1
    features: (
        Annotated[dict[str, Share], Meta(description="Largest distance of single features.")] | None
    ) = None
    confidence: Annotated[
        float, Meta(ge=0.5, le=0.999, description="1 − the risk of any false alarm.")
    ] = 0.95
    unit: (
        Annotated[
            Literal["clip", "image"],
            Meta(description="What is permuted. Omitted: clips, if they are known."),
        ]
        | None
    ) = None
    clip_field: ClipField | None = None

    def require_between(self, project: Project) -> None:
        """Refuse names of nothing that can be compared."""
        super().validate(project)

    def validate(self, project: Project) -> None:
        self.require_between(project)
        require_names("feature", self.features or (), self.names, table=["features"])
        if self.unit == "clip":
            require_clips(project, self.clip_field, '; or unit = "image"')
        if self.unit == "image" and self.clip_field is not None:
            refuse(OptionError('unit = "image" takes no clips', "clip-field"))
        if all(self.limit(name) == 1 for name in self.names):
            raise OptionError("no distance is over 1, so it could never fail")

    def limit(self, feature: str) -> float:
        """What holds for one feature: its own limit, else the rule's."""
        return (self.features or {}).get(feature, self.max)

    def observed(self, target: Target, inputs: Inputs, names: Sequence[str]) -> list[Feature]:
        """Observe the named features of the reference and of the tested population."""
        raise NotImplementedError

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        judged = [name for name in self.names if self.limit(name) < 1]
        features = self.observed(target, inputs, judged)
        distances = {feature.name: distance(feature) for feature in features}
        over = [name for name in judged if distances[name] > self.limit(name)]
        tested = self._chance(features, over, target, inputs) if over else {}
        drifted = [name for name in over if tested[name].p <= 1 - self.confidence]
        message = ", ".join(f"{name} {distances[name]:.3f}" for name in judged)
        message = (
            f"{_features(len(drifted))} drifted from {' to '.join(target.datasets)}: {message}"
        )
        by_chance = [name for name in over if name not in drifted]
        if by_chance:
            message += f"; over the limit but within chance: {', '.join(by_chance)}"
        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("drifted", len(drifted), 0),
                *(
                    Measurement.at_most(
                        f"distance[{name}]",
                        distances[name],
                        None if name in by_chance else self.limit(name),
                    )
                    for name in judged
                ),
                *(Measurement.shown(f"p[{name}]", tested[name].p) for name in over),
                *(Measurement.shown(f"chance[{name}]", tested[name].usual) for name in over),
            ],
            findings=(
                finding
                for feature in sorted(features, key=lambda feature: -distances[feature.name])
                if feature.name in drifted
                for finding in _findings(feature, target.datasets)
            ),
            findings_total=sum(
                min(_BINS_TOLD, _bins_apart(feature))
                for feature in features
                if feature.name in drifted
            ),
            evidence=Evidence(
                charts=[
                    self._chart(
                        feature,
                        distances[feature.name],
                        tested[feature.name] if feature.name in over else None,
                    )
                    for feature in sorted(
                        features,
                        key=lambda feature: (
                            feature.name not in drifted,
                            feature.name not in over,
                            -distances[feature.name],
                        ),
                    )
                ]
            ),
        )

    def _chart(self, feature: Feature, apart: float, chance: Chance | None) -> Histogram:
        """A feature of both splits, with what its distance says; `chance` is known of a feature
        that is over its limit."""
        reference, tested = self.between
        limit = self.limit(feature.name)
        about = (
            f"{apart:.1%} of the {feature.of} would have to be in another bin for {reference} "
            f"and {tested} to agree, "
        )
        if chance is None:
            about += f"within the limit of {limit:.1%}."
        elif chance.p > 1 - self.confidence:
            about += (
                f"over the limit of {limit:.1%}, but chance makes as much (p = {chance.p:.2g})."
            )
        else:
            about += (
                f"over the limit of {limit:.1%} and beyond the {chance.usual:.1%} that chance "
                f"makes. Draw the split again by clip, or collect what {tested} lacks."
            )
        title = f"{feature.name}: distance {apart:.3f}, limit {limit:g}"
        return drift_chart(feature, self.between, title=title, about=about)

    def _chance(
        self, features: list[Feature], over: list[str], target: Target, inputs: Inputs
    ) -> dict[str, Chance]:
        """What chance makes of each feature, with p corrected for the number of features."""
        reference, tested = (self._units(name, inputs) for name in target.datasets)
        sizes = [int(unit.max()) + 1 for unit in (reference, tested)]
        if least_p(*sizes) * len(features) > 1 - self.confidence:
            raise DataError(
                f"{', '.join(over)}: over the limit, but {sizes[0]} and {sizes[1]} independent "
                f"clips or images are too few to tell that from chance at confidence "
                f"{self.confidence:g}; gather more clips, raise the limits, or, where frames of "
                'one clip are as good as independent, set unit = "image"'
            )
        results = chance(features, reference, tested, confidence=self.confidence)
        corrected = holm([result.p for result in results])
        return {
            feature.name: Chance(p=p, usual=result.usual)
            for feature, result, p in zip(features, results, corrected, strict=True)
        }

    def _units(self, name: str, inputs: Inputs) -> NDArray[np.int64]:
        """(images,) number of the unit of each image. Numbered by name, so that another order of
        the same images gives the same answer."""
        file_names = inputs.dataset(name).images.file_name.tolist()
        units: list[str | None] = [None] * len(file_names)
        project = inputs.project
        dataset = inputs.dataset(name)
        # A folder has no fields, so its file names are all there is.
        field = self.clip_field if dataset.annotations else None
        by_clip = field is not None or project.frame_pattern is not None
        by_clip |= project.has_own_clips and "clip" in dataset.known_fields
        if by_clip and self.unit != "image":
            clips: Clips = inputs.clips(name, clip_key(project, field))
            units = clips.clip.tolist()
        keys = [
            (False, file_name) if clip is None else (True, clip)
            for clip, file_name in zip(units, file_names, strict=True)
        ]
        number = {key: index for index, key in enumerate(sorted(set(keys)))}
        return np.array([number[key] for key in keys], dtype=np.int64)


def _features(count: int) -> str:
    return "1 feature has" if count == 1 else f"{count or 'no'} features have"


def _differences(feature: Feature) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_bins = len(feature.labels)
    return shares(feature.reference, n_bins), shares(feature.tested, n_bins)


def _bins_apart(feature: Feature) -> int:
    reference, tested = _differences(feature)
    return int(np.count_nonzero(reference != tested))


def _findings(feature: Feature, names: tuple[str, ...]) -> Iterator[Finding]:
    """The bins that differ most: `helmet_off: 12.0% of boxes in train, 31.0% in val (class)`."""
    reference, tested = _differences(feature)
    widest = np.argsort(-np.abs(tested - reference), kind="stable")
    for index in widest[: min(_BINS_TOLD, _bins_apart(feature))]:
        yield Finding(
            text=f"{feature.labels[index]}: {reference[index]:.1%} of {feature.of} in {names[0]}, "
            f"{tested[index]:.1%} in {names[1]} ({feature.name})"
        )
