"""The rule `latency`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence, Histogram, Mark
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import RunningRule
from pytest_detgate.rules.options import require_limit
from pytest_detgate.rules.rule import Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.detector.latency.timing import LatencyMeasurement

MOST_BINS = 30
TAIL = 1.5
"""A 95th percentile over so many times the median is a tail worth looking into."""
Milliseconds = Annotated[float, Meta(gt=0)]


class Latency(RunningRule, frozen=True, kw_only=True):
    """Detection on one image must be fast enough and fit into memory.

    ## What it checks

    Images of the evaluated split, spread evenly over it, go through the detector one at a time,
    from the file to the detections: reading, decoding, test pipeline, model and post-processing,
    including the work of the GPU. `median_ms` and `p95_ms` are the median and the 95th percentile
    of those times, in milliseconds, after a few images for warming up. `total_s` is their sum, and
    `model_share` is the part of it that is spent in the model. `peak_mb` is the largest memory, in
    megabytes of 10⁶ bytes: on a GPU the memory that torch allocated there, on a CPU that of the
    whole process, with its libraries and the loading of the checkpoint. The model runs in a
    separate process with nothing else loaded. It runs as everywhere in the gate: batch norm folded
    into the convolutions, `channels_last`, with the precision and the compilation of [model].

    Times are valid for the machine and the device that the message names, and only if nothing else
    runs there, including other workers of pytest-xdist. Gates wait for each other's GPU, but not
    for the CPU. There the number of threads (`OMP_NUM_THREADS`) matters too.

    ## Why it matters

    A more accurate model that cannot keep up with the camera drops frames, and nobody sees what
    happens in those.

    ## How to fix

    - `median_ms` too high: Use a smaller input, a smaller model, or fewer boxes before non-maximum
      suppression. If `model_share` is low, reading and resizing the images takes the time.
    - `p95_ms` too high: If the median is within its limit, look for images of another size, or for
      another program on the machine.
    - `peak_mb` too high: Use a smaller input or a smaller model.
    """

    code: ClassVar[str] = "latency"
    measures: ClassVar[str] = "median_ms p95_ms peak_mb images warm_up total_s model_share"
    moves_limits: ClassVar[bool] = False

    max_ms: Annotated[Milliseconds, Meta(description="Largest median.")] | None = None
    max_p95_ms: Annotated[Milliseconds, Meta(description="Largest 95th percentile.")] | None = None
    max_mb: (
        Annotated[float, Meta(gt=0, description="Largest memory, in megabytes of 10⁶ bytes.")]
        | None
    ) = None
    images: Annotated[
        int, Meta(ge=1, description="Number of images. They are repeated if the split has fewer.")
    ] = 50
    warm_up: Annotated[Count, Meta(description="Images before the first that counts.")] = 5

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_limit(self, "max-ms", "max-p95-ms", "max-mb")

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        timed = inputs.latency(split, self.images, self.warm_up)
        missing = []
        if timed.peak_mb is None and self.max_mb is not None:
            missing.append(DataError("it is unknown how much memory the model held (peak_mb)"))
        where = timed.device if timed.hardware is None else f"{timed.device}, {timed.hardware}"
        unknown = [None] * len(timed.times_ms)
        memory = "" if timed.peak_mb is None else f", peak {timed.peak_mb:,.0f} MB"
        return Outcome(
            message=(
                f"median {timed.median_ms:,.1f} ms, 95% within {timed.p95_ms:,.1f} ms{memory} "
                f"({where}; {counted(self.images, 'image')} of {split} after {self.warm_up} for "
                f"warming up)"
            ),
            measurements=[
                Measurement.at_most("median_ms", timed.median_ms, self.max_ms),
                Measurement.at_most("p95_ms", timed.p95_ms, self.max_p95_ms),
                *(
                    [Measurement.at_most("peak_mb", timed.peak_mb, self.max_mb)]
                    if timed.peak_mb is not None
                    else []
                ),
                Measurement.shown("images", self.images),
                Measurement.shown("warm_up", self.warm_up),
                Measurement.shown("total_s", sum(timed.times_ms) / 1000),
                *(
                    [Measurement.shown("model_share", timed.model_share)]
                    if timed.model_share is not None
                    else []
                ),
            ],
            tables={
                "Time of each image": Table(
                    columns=["image", "ms", "of it in the model"],
                    rows=[
                        [index, *times]
                        for index, times in enumerate(
                            zip(timed.times_ms, timed.model_ms or unknown, strict=True), start=1
                        )
                    ],
                )
            },
            evidence=Evidence(charts=[self._histogram(timed)]),
            missing=missing,
        )

    def _histogram(self, timed: LatencyMeasurement) -> Histogram:
        """How the times of the images spread."""
        edges = np.histogram_bin_edges(timed.times_ms, bins=_bins(timed.times_ms))
        counts, edges = np.histogram(timed.times_ms, bins=edges)
        limits = [("largest median", self.max_ms), ("largest 95th percentile", self.max_p95_ms)]
        slow = timed.p95_ms / timed.median_ms
        share = timed.model_share
        return Histogram(
            title="Time of one image",
            about=(
                f"The 95th percentile is {slow:.1f} times the median: "
                + (
                    "look for images of another size, or for somebody else on the machine."
                    if slow > TAIL
                    else "images differ little, so a faster one needs a smaller input or model."
                )
                + ("" if share is None else f" {share:.0%} of the time is spent in the model.")
            ),
            label="milliseconds",
            counts={"images": counts.tolist()},
            edges=edges.tolist(),
            marks=[
                Mark(label=f"median {timed.median_ms:.4g} ms", at=timed.median_ms),
                Mark(label=f"95% within {timed.p95_ms:.4g} ms", at=timed.p95_ms),
                *(
                    Mark(label=f"{name} {limit:g} ms", at=limit)
                    for name, limit in limits
                    if limit is not None
                ),
            ],
            shares=False,
        )

    passing: ClassVar[Example] = Example(
        config="[rules.latency]\nmax-ms = 40",
        splits={"val": {"a_1.jpg": []}},
        times_ms=[31.0, 32.5, 90.0],
    )
    failing: ClassVar[Example] = Example(
        config="[rules.latency]\nmax-ms = 40\nmax-p95-ms = 60",
        splits={"val": {"a_1.jpg": []}},
        times_ms=[31.0, 32.5, 90.0],
    )


def _bins(times: list[float]) -> int:
    """As many bins as tell something: about as many as the square root of the images."""
    return max(1, min(MOST_BINS, round(math.sqrt(len(times)))))
