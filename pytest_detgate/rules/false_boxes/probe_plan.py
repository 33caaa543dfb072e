"""What the limits of the rules on false boxes ask of evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pytest_detgate.counts import with_noun
from pytest_detgate.record.formatting import counted, number
from pytest_detgate.rules.false_boxes.point_budget import PointBudget
from pytest_detgate.rules.false_boxes.probe_limits import ProbeBudget
from pytest_detgate.rules.metrics.score_rules import confidence_of
from pytest_detgate.rules.options import threshold_of
from pytest_detgate.rules.planned_limits import PlannedLimit, false_limit, share_text

if TYPE_CHECKING:
    from pytest_detgate.inputs.inputs import Inputs


def planned_of_probe(budget: ProbeBudget, probe: str, inputs: Inputs) -> Iterator[PlannedLimit]:
    """The limits of `probe-fp` on a probe. One on a number is one on a share of its frames."""
    confidence = confidence_of(budget, inputs.project)
    bound, score = budget.bound or "point", threshold_of(budget, inputs.project)
    common = (confidence, bound, score)
    if (share := budget.max_image_share) is not None:
        yield false_limit("share", share_text(share, "frames"), probe, share, *common)
    if (mean := budget.max_mean_boxes_per_image) is not None:
        text = f"at most {with_noun(number(mean), 'false box')} a frame"
        yield false_limit("boxes", text, probe, mean, *common)
    if (most := budget.max_images) is not None:
        frames = len(inputs.dataset(probe).images)
        text = f"at most {most:,} of {counted(frames, 'frame')} with a false box"
        yield false_limit("share", text, probe, min(most / frames, 1.0), *common)
    if (most := budget.max_boxes) is not None:
        frames = len(inputs.dataset(probe).images)
        text = f"at most {counted(most, 'false box')} on {counted(frames, 'frame')}"
        yield false_limit("boxes", text, probe, most / frames, *common)


def planned_of_point(
    budget: PointBudget, probe: str, confidence: float, inputs: Inputs
) -> Iterator[PlannedLimit]:
    """The budget of a certified threshold on a probe; no chance to pass is known of it, since the
    threshold becomes as strict as it has to be."""

    def share(text: str, limit: float, things: Literal["clips", "frames"]) -> PlannedLimit:
        return PlannedLimit(
            text=f"{text}, certified",
            dataset=probe,
            kind="share",
            limit=limit,
            confidence=confidence,
            by_bound=True,
            flawless="no false box on",
            things=things,
            has_power=False,
        )

    if (limit := budget.max_clip_share) is not None:
        yield share(share_text(limit, "clips"), limit, "clips")
    if (limit := budget.max_image_share) is not None:
        yield share(share_text(limit, "frames"), limit, "frames")
    if (most := budget.max_images) is not None:
        frames = len(inputs.dataset(probe).images)
        text = f"at most {most:,} of {counted(frames, 'frame')} with a false box"
        yield share(text, min(most / frames, 1.0), "frames")
    if (most := budget.max_boxes) is not None:
        frames = len(inputs.dataset(probe).images)
        text = f"at most {counted(most, 'false box')} on {counted(frames, 'frame')}, certified"
        yield false_limit("boxes", text, probe, most / frames, confidence, "upper", 0.0)
