"""What is lacking to show the limits of a rule on false boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.record.formatting import counted, number, percent
from pytest_detgate.rules.needs import Claim, needs_text
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence

FLAWLESS = "no false box on"
_TEXTS = {
    "boxes": "at most {limit} on {frames}",
    "images": "at most {limit} of {frames} with one",
    "image_share": "less than {percent}",
    "mean_boxes_per_image": "at most {limit} a frame",
}


def needs_of_probe(
    measurements: list[Measurement], evidence: ProbeEvidence, on_frame: NDArray[np.int64]
) -> str | None:
    """Say how many clips, or frames, would show the limits on false boxes, given how many are on
    each frame. Limits on a number hold in proportion to the frames."""
    frames = evidence.frames
    bounds: dict[str, Callable[[ProbeEvidence], Interval]] = {
        "boxes": lambda proof: proof.of_boxes(on_frame),
        "images": lambda proof: proof.of_frames(on_frame),
        "image_share": lambda proof: proof.of_frames(on_frame),
        "mean_boxes_per_image": lambda proof: proof.of_boxes(on_frame),
    }
    claims = []
    for measured in measurements:
        if measured.limit is None or measured.name not in bounds:
            continue
        per = frames if measured.name in ("image_share", "mean_boxes_per_image") else 1
        text = _TEXTS[measured.name].format(
            limit=number(measured.limit),
            percent=percent(float(measured.limit)) if per > 1 else "",
            frames=counted(frames, "frame"),
        )
        claims.append(Claim(measured, text, _bound_at(bounds[measured.name], evidence, per)))
    unit = "clip" if evidence.clips else "frame"
    return needs_text(claims, evidence.clips or frames, unit, FLAWLESS)


def _bound_at(
    bound: Callable[[ProbeEvidence], Interval], evidence: ProbeEvidence, per: int
) -> Callable[[float], float]:
    return lambda times: bound(replace(evidence, copies=times)).high / per
