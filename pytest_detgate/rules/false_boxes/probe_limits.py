"""Options of the rules on false boxes, which each probe may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Confidence, Count, Share
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.options import Threshold

MaxBoxes = Annotated[Count, Meta(description="Largest number of false boxes.")]
MaxImages = Annotated[Count, Meta(description="Largest number of frames with a false box.")]
MaxImageShare = Annotated[Share, Meta(description="Largest share of frames with a false box.")]
MaxOnImage = Annotated[
    Count, Meta(description="Largest number of false boxes on one frame; has no bound.")
]
MaxMean = Annotated[
    float, Meta(ge=0, description="Largest number of false boxes divided by the frames.")
]
ByClass = Annotated[dict[str, Count], Meta(description="Largest number of false boxes by class.")]
Bound = Annotated[
    Literal["point", "upper"],
    Meta(description="What is compared with the budget: the value, or its upper bound."),
]
Unit = Annotated[
    Literal["auto", "image", "clip"],
    Meta(
        description="What counts as independent: each frame, or each clip with all its "
        "frames. auto: clips, if they are known."
    ),
]
BoundConfidence = Annotated[
    Confidence, Meta(description="Confidence of the bounds. Omitted: that of [scoring].")
]
MinImages = Annotated[Count, Meta(description="Smallest number of frames that proves anything.")]

LIMITS = (
    "max_boxes",
    "max_images",
    "max_image_share",
    "max_boxes_per_image",
    "max_mean_boxes_per_image",
    "classes",
)


class ProbeBudget(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The budget of one probe; what it leaves out is taken from the rule's own table."""

    max_boxes: MaxBoxes | None = None
    max_images: MaxImages | None = None
    max_image_share: MaxImageShare | None = None
    max_boxes_per_image: MaxOnImage | None = None
    max_mean_boxes_per_image: MaxMean | None = None
    classes: ByClass | None = None
    score_threshold: Threshold | None = None
    bound: Bound | None = None
    confidence: BoundConfidence | None = None
    unit: Unit | None = None
    min_images: MinImages | None = None


def counts_text(
    of_class: list[int], classes: Sequence[str], images: int, frames: int, budget: ProbeBudget
) -> str:
    """Return how many false boxes there are, of which class most, beside the limits."""
    boxes = sum(of_class)
    text = f"{counted(boxes, 'false box')} on {images:,} of {counted(frames, 'frame')}"
    if boxes and len(classes) > 1:
        most = max(of_class)
        of_them = "all " if most == boxes else f"{most} of them "
        text += f" ({'' if boxes == 1 else of_them}{classes[of_class.index(most)]})"
    limits = [
        (budget.max_boxes, "budget {:,}"),
        (budget.max_images, "at most {:,} frame" + ("" if budget.max_images == 1 else "s")),
        (budget.max_image_share, "at most {:.4g} of the frames"),
        (budget.max_boxes_per_image, "at most {:,} on a frame"),
        (budget.max_mean_boxes_per_image, "at most {:.4g} a frame"),
    ]
    allowed = [text.format(limit) for limit, text in limits if limit is not None]
    bound = " by upper bound" if budget.bound == "upper" and allowed else ""
    return ", ".join([text, *allowed]) + bound


MaxGrowth = Annotated[
    float, Meta(ge=0, description="Largest growth as a share of the baseline: 0.1 is a tenth.")
]
MaxGrowthBoxes = Annotated[Count, Meta(description="Largest growth in boxes.")]
MinReduction = Annotated[
    Share, Meta(description="Smallest reduction as a share of the baseline: 0.5 is half.")
]
Noise = Annotated[Count, Meta(description="Boxes that come and go between two seeds.")]


class ProbeLimits(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The limits of one probe; what it leaves out is taken from the rule's own table."""

    max_growth: MaxGrowth | None = None
    max_growth_boxes: MaxGrowthBoxes | None = None
    min_reduction: MinReduction | None = None
    noise: Noise | None = None
