"""The rule `stability`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta
from msgspec.structs import replace

from pytest_detgate.config.numbers import Share
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.image_changes import small
from pytest_detgate.image_changes.change import ImageChange
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text, counted, percent
from pytest_detgate.rule_evidence.changed_images.stability import (
    StabilityPart,
    UnstableByUnit,
    detections_by_unit,
    stability_part,
)
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rules.changed_images import On, datasets_to_look_at, require_datasets
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.false_boxes.probe_limits import Bound, BoundConfidence
from pytest_detgate.rules.families import DetectionRule
from pytest_detgate.rules.metrics.score_rules import TooLittle, confidence_of
from pytest_detgate.rules.options import Threshold, require_limit, require_names, threshold_of
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse
from pytest_detgate.scoring.bounds.event_rate import share_interval
from pytest_detgate.scoring.bounds.resampling import require_units, too_few_units

ChangeName = Literal["shift", "scale", "flip", "jpeg", "brightness", "blur"]
ALL_CHANGES: tuple[ChangeName, ...] = get_args(ChangeName)
OneChange = Annotated[str, Meta(extra_json_schema={"enum": [*ALL_CHANGES]})]


class Stability(DetectionRule, frozen=True, kw_only=True):
    """A small change of an image must not change what is detected on it.

    ## What it checks

    The model runs on images and on changed copies of them; they need no labels. A
    detection with score > threshold keeps its partner if the other image has a detection of the
    same class over the threshold, one to one, at IoU ≥ 0.5 after the change is undone. There is an
    item for each change:

    - `shift`: everything `shift-pixels` to the right and down, and as far to the left and up;
    - `scale`: everything larger and smaller by `scale-by`, about the centre;
    - `flip`: left and right exchanged;
    - `jpeg`: encoded as JPEG of `jpeg-quality`;
    - `brightness`: brighter and darker by `brightness-by`;
    - `blur`: blurred by a Gaussian of `blur-sigma` pixels.

    The size of the image stays; where a change leaves a border empty, the edge is repeated. A box
    of which less than 90% is on both images is not counted.

    `share` = detections on the original that lose their partner / detections on the original, and
    `appeared_share` is the same for the changed images: detections that are only there. The limit
    holds for both. The bounds are exact over clips, or over images if there are no clips. With
    `bound = "upper"` the upper bounds are compared with it.

    Images are spread evenly over each split and probe. `[probes.NAME] unlabelled = true` is for a
    folder that nobody has looked at, such as a day of a camera. Result files cannot be changed:
    with them the rule is not evaluated.

    ## Why it matters

    The mast of a camera sways by a few pixels, and an object is found in one frame and lost in the
    next. The alarm comes late, or ends and begins again. AP does not see it, because it looks at
    each image once.

    ## How to fix

    Many detections are near the threshold if all changes fail. See at which score they are, and
    choose the threshold where there are few.
    - `shift` found: Train with random shifts. A model with a coarse grid or few strides needs a
      larger input.
    - `scale` found: Train with random scales. A model with a coarse grid or few strides needs a
      larger input.
    - `flip` found: Train with flips, unless left and right mean something. Then leave `flip` out of
      `changes`.
    - `jpeg` found: Train with images as the cameras deliver them.
    - `brightness` found: Train with images as the cameras deliver them.
    - `blur` found: Train with images as the cameras deliver them.
    """

    code: ClassVar[str] = "stability"
    measures: ClassVar[str] = (
        "share appeared_share lost detections appeared detections_changed images score_threshold"
    )
    findings_move: ClassVar[bool] = True
    # It looks at images, not at their labels.
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    on: On | None = None
    changes: Annotated[
        tuple[OneChange, ...], Meta(min_length=1, description="Changes, one item for each.")
    ] = ALL_CHANGES
    max: Annotated[Share, Meta(description="Largest share, of every change.")] | None = None
    max_by_change: (
        Annotated[dict[str, Share], Meta(description="Largest shares of single changes.")] | None
    ) = None
    images: Annotated[
        int, Meta(ge=1, description="Images of each split and probe, or all if there are fewer.")
    ] = 200
    shift_pixels: Annotated[int, Meta(ge=0, le=1000, description="Pixels of a shift.")] = 4
    scale_by: Annotated[float, Meta(ge=0, le=0.9, description="Change of the scale.")] = 0.1
    jpeg_quality: Annotated[int, Meta(ge=1, le=100, description="Quality of JPEG.")] = 50
    brightness_by: Annotated[float, Meta(ge=0, le=0.9, description="Change of the brightness.")] = (
        0.2
    )
    blur_sigma: Annotated[
        float, Meta(ge=0, le=100, description="Standard deviation of the blur, in pixels.")
    ] = 1.0
    score_threshold: Threshold | None = None
    bound: Bound = "point"
    confidence: BoundConfidence | None = None
    too_little: TooLittle = "fail"

    def validate(self, project: Project) -> None:
        require_datasets(self.on, project)
        require_limit(self, "max", "max-by-change")
        require_names("change", self.changes, ALL_CHANGES, "changes")
        require_names("change", self.max_by_change or (), self.changes, table=["max-by-change"])
        known = self.max_by_change or {}
        without = [name for name in self.changes if self.max is None and name not in known]
        if known and without:
            what = f"no limit for {', '.join(without)}; give max, or leave them out of changes"
            refuse(OptionError(what, "max-by-change"))

    def can_fail(self) -> bool:
        limits = [(self.max_by_change or {}).get(change, self.max) for change in self.changes]
        return any(limit is not None and limit < 1 for limit in limits)

    def targets(self, project: Project) -> Iterator[Target]:
        names = datasets_to_look_at(self.on, project)
        for change in self.changes:
            yield Target(label=change, datasets=names, detections=names)

    def changed(self, name: ChangeName) -> tuple[ImageChange, ...]:
        """The ways in which a change is done."""
        pixels, scale, light = self.shift_pixels, self.scale_by, self.brightness_by
        match name:
            case "shift":
                return small.Shift(pixels, pixels), small.Shift(-pixels, -pixels)
            case "scale":
                return small.Scale(1 + scale), small.Scale(1 - scale)
            case "flip":
                return (small.Flip(),)
            case "jpeg":
                return (small.Jpeg(self.jpeg_quality),)
            case "brightness":
                return small.Brightness(light), small.Brightness(-light)
            case "blur":
                return (small.Blur(self.blur_sigma),)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        (change,) = (name for name in ALL_CHANGES if name == target.label)
        threshold = threshold_of(self, inputs.project)
        parts = [
            stability_part(inputs, name, way, threshold, self.images)
            for name in target.datasets
            for way in self.changed(change)
        ]
        where = " and ".join(target.datasets)
        images = sum({part.dataset.name: part.images for part in parts}.values())
        limit = (self.max_by_change or {}).get(change, self.max)
        lost, appeared = (
            detections_by_unit(parts, of_changed=changed) for changed in (False, True)
        )
        measurements = [
            self._judged(name, of_units, limit, inputs.project)
            for name, of_units in (("share", lost), ("appeared_share", appeared))
            if of_units.all.sum()
        ]
        if not measurements:
            raise TooLittleEvidenceError(
                f"nothing is detected with score > {threshold:g} on {counted(images, 'image')} of "
                f"{where}, so nothing can be lost",
                "images with detections",
            )
        return Outcome(
            message=_message(measurements, lost.counts, appeared.counts, images, where),
            measurements=[
                *measurements,
                Measurement.shown("lost", lost.counts[0]),
                Measurement.shown("detections", lost.counts[1]),
                Measurement.shown("appeared", appeared.counts[0]),
                Measurement.shown("detections_changed", appeared.counts[1]),
                Measurement.shown("images", images),
                Measurement.shown(SCORE_THRESHOLD, threshold),
            ],
            findings=_findings(parts),
            findings_total=lost.counts[0] + appeared.counts[0],
            tables={"By change": _table(parts)},
        )

    def _judged(
        self, name: str, unstable: UnstableByUnit, limit: float | None, project: Project
    ) -> Measurement:
        interval = None
        if self.bound == "upper":
            require_units(unstable.units)
        if self.bound == "upper" or too_few_units(unstable.units) is None:
            interval = share_interval(unstable.unstable, unstable.all, confidence_of(self, project))
        count, total = unstable.counts
        return Measurement.at_most(name, count / total, limit, bound=self.bound, interval=interval)

    passing: ClassVar[Example] = Example(
        config='[rules.stability]\nmax = 0.1\nchanges = ["flip"]',
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        changed={"val": {"a_1.jpg": [("helmet_off", 0.7, 12, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config='[rules.stability]\nmax = 0.1\nchanges = ["shift"]',
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
        changed={"val": {"a_1.jpg": [("helmet_off", 0.2, 10, 10, 30, 30)]}},
    )


def _message(
    measurements: list[Measurement],
    lost: tuple[int, int],
    appeared: tuple[int, int],
    images: int,
    where: str,
) -> str:
    by_name = {measurement.name: measurement for measurement in measurements}
    texts = []
    for name, (count, total), text in (
        ("share", lost, "{} of {} lose their partner"),
        ("appeared_share", appeared, "{} of {} on changed images are only there"),
    ):
        sentence = text.format(f"{count:,}", counted(total, "detection"))
        if name in by_name:
            measurement = by_name[name]
            bounds = bounds_text(measurement.interval, ".1%")
            sentence += f" ({percent(measurement.value)}{bounds})"
        texts.append(sentence)
    return f"{'; '.join(texts)}; {counted(images, 'image')} of {where}"


def _findings(parts: Sequence[StabilityPart]) -> Iterator[Finding]:
    """The surest detections first."""
    unmatched = [
        (float(table.score[row]), number, table, int(row), text)
        for number, part in enumerate(parts)
        for table, rows, text in (
            (part.original, part.unstable.lost, "lost where the image is"),
            (part.changed, part.unstable.appeared, "only there where the image is"),
        )
        for row in rows
    ]
    for _, number, table, row, text in sorted(
        unmatched, key=lambda row_of_loss: (-row_of_loss[0], row_of_loss[1])
    ):
        part = parts[number]
        (finding,) = detection_findings(part.dataset, table, [row])
        yield replace(finding, text=f"{finding.text} {text} {part.way.described}")


def _table(parts: Sequence[StabilityPart]) -> Table:
    return Table(
        columns=["image", "of", "detections", "lost", "on changed images", "only there"],
        rows=[
            [
                part.way.described,
                part.dataset.name,
                len(part.unstable.before),
                len(part.unstable.lost),
                len(part.unstable.after),
                len(part.unstable.appeared),
            ]
            for part in parts
        ],
    )
