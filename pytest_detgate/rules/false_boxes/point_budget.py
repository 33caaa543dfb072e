"""The budget of false boxes that a threshold must keep on a probe."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.findings import Measurement
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.metrics.operating_point import FalseBoxCurve

MaxBoxes = Annotated[Count, Meta(description="Largest number of false boxes.")]
MaxImages = Annotated[Count, Meta(description="Largest number of frames with a false box.")]
MaxImageShare = Annotated[Share, Meta(description="Largest share of frames with a false box.")]
MaxClipShare = Annotated[
    Share,
    Meta(description="Largest share of clips with a false box; of frames, if there are no clips."),
]


class PointBudget(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The budget of one probe; what it leaves out is taken from the rule's own table."""

    max_boxes: MaxBoxes | None = None
    max_images: MaxImages | None = None
    max_image_share: MaxImageShare | None = None
    max_clip_share: MaxClipShare | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it limits nothing."""
        return all(getattr(self, field) is None for field in self.__struct_fields__)

    def threshold(self, false: FalseBoxCurve, units: Units) -> float:
        """The lowest threshold that keeps it on the frames of a probe."""
        images = [] if self.max_images is None else [self.max_images]
        if self.max_image_share is not None:
            images.append(_whole_part(self.max_image_share, len(units.of_image)))
        share = self.max_clip_share
        return false.lowest_threshold(
            self.max_boxes,
            min(images, default=None),
            None if share is None else _whole_part(share, units.count),
        )

    def measured(
        self, false: FalseBoxCurve, threshold: float, units: Units, suffix: str = ""
    ) -> list[Measurement]:
        """What is over a threshold on the frames of a probe, beside each limit."""
        images, clips = false.images_over(threshold), false.clips_over(threshold)
        measurements = [
            Measurement.at_most(f"boxes{suffix}", false.boxes_over(threshold), self.max_boxes),
            Measurement.at_most(f"images{suffix}", images, self.max_images),
        ]
        for name, count, total, limit in (
            ("image_share", images, len(units.of_image), self.max_image_share),
            ("clip_share", clips, units.count, self.max_clip_share),
        ):
            if limit is not None:
                measurements.append(Measurement.at_most(f"{name}{suffix}", count / total, limit))
        return measurements


def _whole_part(share: float, total: int) -> int:
    """The most of `total` things that are at most a share of them."""
    count = int(share * total)
    return count + 1 if (count + 1) / total <= share else count
