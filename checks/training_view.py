"""The rule `training-view`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, get_args

from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Bar, BarChart, Chart, Evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.dropped_data import (
    class_chart,
    drop_findings,
    drop_tables,
    split_of_part,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import TrainingRule
from pytest_detgate.rules.options import require_names, require_order, require_training_config
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.training.dropped_data import (
    ImageReason,
    PartDrops,
    drops_of,
)

_BY_CHANCE_ALONE = ("DefaultSampler", "InfiniteSampler", "")


class TrainingView(TrainingRule, frozen=True, kw_only=True):
    """Training must feed the model what the annotation file contains.

    ## What it checks

    The training data set is built as the training configuration says (`[train] config`, else
    `[model] config`), with wrappers such as `RepeatDataset`, and compared with the annotation file
    that it names. `dropped` counts the images of the file that training never sees, and
    `dropped[REASON]` those of one reason, the first that applies:

    - `shared_id`: several images have one id; only the last of them is fed;
    - `filter_empty_gt`: nothing is annotated on it, and `filter_cfg` drops such images;
    - `class_names`: it has boxes, all of classes that `metainfo` does not name, so that
      `filter_empty_gt` drops it;
    - `min_size`: its shorter side is below `min_size` of `filter_cfg`;
    - `pipeline`: it has no box, and a `RandomCrop` that does not allow negative crops refuses it
      every time, so that another image is drawn instead;
    - `other`: `indices`, or a data set class of the project, leaves it out.

    `effective_empty_share` is the share of images without a box to learn among those that are left,
    in one epoch. An image that a wrapper repeats counts each time. An image with only crowd regions
    counts as empty. `boxes_dropped` counts the boxes that never reach the model, by reason too.
    `mislabelled` counts the boxes that reach it as another class: MMDetection numbers classes in
    the order of the annotation file, so `metainfo` must name them in that order, and name no class
    that the file lacks before one that it has.

    The pipeline itself is not run, and what a sampler other than MMEngine's leaves out is not seen.
    The message names such a sampler. It also names an annotation file that no split of this project
    has, because no rule on splits looks at it.

    ## Why it matters

    MMDetection's own configurations say `filter_cfg=dict(filter_empty_gt=True)`. Then carefully
    collected images without boxes are in the annotation file, `empty-gt-share` counts them, and no
    training step ever sees one. A class that is misspelt in the configuration vanishes as quietly.

    ## How to fix

    Remove from the annotation file what is not meant for training, and leave `max-dropped = 0`.
    - `dropped[filter_empty_gt]` found: Set `filter_cfg=dict(filter_empty_gt=False)`, so that images
      with nothing to detect stay in.
    - `dropped[class_names]` found: Write the classes of `metainfo` as the annotation file does, in
      its order.
    - `mislabelled` found: Write the classes of `metainfo` in the order of the annotation file.
    - `dropped[shared_id]` found: Give every image a different id.
    - `dropped[pipeline]` found: Set `allow_negative_crop=True` in the random crop.
    - `dropped[min_size]` found: Lower `min_size` of `filter_cfg`, or remove these images from the
      annotation file.
    - `effective_empty_share` too low: Add images with nothing to detect to the training split, and
      keep them with `filter_empty_gt=False`.
    - `effective_empty_share` too high: Add images with objects.
    """

    code: ClassVar[str] = "training-view"
    measures: ClassVar[str] = (
        "dropped dropped[REASON] dropped_share effective_empty_share boxes_dropped "
        "boxes_dropped[REASON] mislabelled images fed crowd_only"
    )

    max_dropped: Annotated[Count, Meta(description="Images that may be dropped.")] | None = None
    max_dropped_share: (
        Annotated[Share, Meta(description="Share of the images that may be dropped.")] | None
    ) = None
    reasons: (
        Annotated[dict[str, Count], Meta(description="Images that may be dropped, by reason.")]
        | None
    ) = None
    max_boxes_dropped: Annotated[Count, Meta(description="Boxes that may be dropped.")] | None = (
        None
    )
    max_mislabelled: Annotated[
        Count, Meta(description="Boxes that may be fed as another class.")
    ] = 0
    min: (
        Annotated[Share, Meta(description="Smallest share of empty images that are fed.")] | None
    ) = None
    max: (
        Annotated[Share, Meta(description="Largest share of empty images that are fed.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        require_training_config(project)
        require_names("reason", self.reasons or (), get_args(ImageReason), table=("reasons",))
        limits = (self.max_dropped, self.max_dropped_share, self.max_boxes_dropped)
        if not self.reasons and all(limit is None for limit in (*limits, self.min, self.max)):
            raise OptionError(
                "sets no limit on what is dropped; give max-dropped, max-dropped-share, "
                "max-boxes-dropped, a table reasons, min or max"
            )
        require_order(self.min, self.max)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        view = inputs.training_view()
        parts = [drops_of(part) for part in view.parts]
        listed = sum(part.listed for part in parts)
        if not listed:
            where = ", ".join(inputs.project.relative(part.annotations) for part in parts)
            raise DataError(f"the training data set lists no image ({where or 'it is empty'})")
        limits = self.reasons or {}
        reasons = Counter(image.reason for part in parts for image in part.images_dropped)
        if not (samples := sum(part.samples for part in parts)):
            raise DataError(
                f"training is fed nothing of {counted(listed, 'image')}: {_listed(reasons)}"
            )
        box_reasons = Counter(box.reason for part in parts for box in part.boxes_dropped)
        dropped, mislabelled = reasons.total(), sum(len(part.mislabelled) for part in parts)
        empty_share = sum(part.empty_samples for part in parts) / samples
        message = f"{_what_drops(reasons)} of {counted(listed, 'image')}; of what is left " + (
            "none is empty" if not empty_share else f"{empty_share:.1%} are empty"
        )
        if mislabelled:
            message += f"; {counted(mislabelled, 'box')} fed as another class"
        if strange := [part for part in parts if split_of_part(part, inputs.project) is None]:
            named = ", ".join(inputs.project.relative(part.annotations) for part in strange)
            message += f"; no split has the annotation file that is trained on ({named})"
        if view.sampler not in _BY_CHANCE_ALONE:
            message += f"; the {view.sampler} decides further what is fed"
        measurements = [
            Measurement.at_most("dropped", dropped, self.max_dropped),
            Measurement.at_most("dropped_share", dropped / listed, self.max_dropped_share),
            *(
                Measurement.at_most(f"dropped[{reason}]", reasons[reason], limits.get(reason))
                for reason in get_args(ImageReason)
            ),
            *_both_ends("effective_empty_share", empty_share, self.min, self.max),
            Measurement.at_most("boxes_dropped", box_reasons.total(), self.max_boxes_dropped),
            *(
                Measurement.shown(f"boxes_dropped[{reason}]", count)
                for reason, count in box_reasons.items()
            ),
            Measurement.at_most("mislabelled", mislabelled, self.max_mislabelled),
            Measurement.shown("images", listed),
            Measurement.shown("fed", sum(part.fed for part in parts)),
            Measurement.shown("crowd_only", sum(part.crowd_only for part in parts)),
        ]
        return Outcome(
            message=message,
            measurements=measurements,
            findings=drop_findings(parts, inputs.project),
            findings_total=dropped + mislabelled + box_reasons.total(),
            tables=drop_tables(parts, inputs.project),
            evidence=Evidence(charts=self._charts(parts, listed, reasons)),
        )

    def _charts(
        self, parts: Sequence[PartDrops], listed: int, reasons: Counter[ImageReason]
    ) -> list[Chart]:
        """What is dropped and why, the share of empty images before and after, and the classes; no
        chart of nothing."""
        limits = self.reasons or {}
        dropped = reasons.total()
        empty = sum(part.listed_empty for part in parts) / listed
        fed = sum(part.empty_samples for part in parts) / sum(part.samples for part in parts)
        charts: list[Chart] = [
            BarChart(
                title="Images that training drops",
                about=f"{dropped} of {counted(listed, 'image')} never reach the model"
                + (f", most of them by {reasons.most_common(1)[0][0]}." if dropped else ".")
                + " What is dropped by mistake is fixed in the training configuration.",
                label="images",
                bars=[
                    Bar(
                        name="dropped",
                        value=dropped,
                        limit=self.max_dropped,
                        passed=None if self.max_dropped is None else dropped <= self.max_dropped,
                    ),
                    *(
                        Bar(
                            name=reason,
                            value=reasons[reason],
                            limit=limits.get(reason),
                            passed=reasons[reason] <= limits[reason] if reason in limits else None,
                        )
                        for reason in get_args(ImageReason)
                        if reasons[reason] or reason in limits
                    ),
                ],
            ),
            BarChart(
                title="Images without a box, before and after",
                about=f"{empty:.1%} of the images in the annotation file have nothing annotated, "
                f"{fed:.1%} of what the model is fed has no box to learn. Where the second is "
                "lower, negatives are lost: set filter_empty_gt=False and "
                "allow_negative_crop=True.",
                label="share of images",
                bars=[
                    Bar(name="in the annotation file", value=empty),
                    Bar(
                        name="fed to the model",
                        value=fed,
                        limit=self.max
                        if self.max is not None and (self.min is None or fed > self.max)
                        else self.min,
                        passed=None
                        if self.min is None and self.max is None
                        else (self.min is None or fed >= self.min)
                        and (self.max is None or fed <= self.max),
                    ),
                ],
                span=(0, 1),
            ),
            class_chart(parts),
        ]
        lost = any(part.boxes_dropped or part.mislabelled for part in parts)
        return [*charts[not dropped : 2], *charts[2:] * lost]

    passing: ClassVar[Example] = Example(
        config="""\
        [train]
        config = "train.py"
        work-dir = "work"
        [rules.training-view]
        max-dropped = 0
        """,
        needs="mmdet",
        splits={"train": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []}},
        files={
            "train.py": """\
            train_dataloader = dict(dataset=dict(
                type="CocoDataset", ann_file="{{ fileDirname }}/train.json",
                metainfo=dict(classes=("helmet_off",)), data_prefix=dict(img="images/"),
                filter_cfg=dict(filter_empty_gt=False)))
            """
        },
    )
    failing: ClassVar[Example] = Example(
        config=passing.config,
        needs="mmdet",
        splits=passing.splits,
        files={
            "train.py": """\
            train_dataloader = dict(dataset=dict(
                type="CocoDataset", ann_file="{{ fileDirname }}/train.json",
                metainfo=dict(classes=("helmet_off",)), data_prefix=dict(img="images/"),
                filter_cfg=dict(filter_empty_gt=True, min_size=32)))
            """
        },
    )


def _both_ends(
    name: str, value: float, low: float | None, high: float | None
) -> Iterator[Measurement]:
    if low is not None or high is None:
        yield Measurement.at_least(name, value, low)
    if high is not None:
        yield Measurement.at_most(name, value, high)


def _listed(reasons: Mapping[ImageReason, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items())


def _what_drops(reasons: Counter[ImageReason]) -> str:
    if len(reasons) == 1:
        ((reason, count),) = reasons.items()
        if reason in ("filter_empty_gt", "min_size"):
            return f"{reason} drops {count}"
    text = f" ({_listed(reasons)})" if reasons else ""
    return f"training drops {reasons.total() or 'none'}{text}"
