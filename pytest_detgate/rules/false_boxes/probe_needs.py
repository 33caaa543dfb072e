"""What is lacking to show the limits of a rule on false boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.findings import Measurement
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
    proofs: dict[str, Callable[[ProbeEvidence, float], bool]] = {
        "boxes": lambda proof, most: proof.boxes_at_most(most, on_frame),
        "images": lambda proof, most: proof.frames_at_most(most, on_frame),
        "image_share": lambda proof, most: proof.frames_at_most(most, on_frame),
        "mean_boxes_per_image": lambda proof, most: proof.boxes_at_most(most, on_frame),
    }
    claims = []
    for measured in measurements:
        if measured.limit is None or measured.name not in proofs:
            continue
        per = frames if measured.name in ("image_share", "mean_boxes_per_image") else 1
        text = _TEXTS[measured.name].format(
            limit=number(measured.limit),
            percent=percent(float(measured.limit)) if per > 1 else "",
            frames=counted(frames, "frame"),
        )
        most = float(measured.limit) * per
        claims.append(Claim(measured, text, _is_shown(proofs[measured.name], evidence, most)))
    unit = "clip" if evidence.clips else "frame"
    return needs_text(claims, evidence.clips or frames, unit, FLAWLESS)


def _is_shown(
    proves: Callable[[ProbeEvidence, float], bool], evidence: ProbeEvidence, most: float
) -> Callable[[float], bool]:
    return lambda times: proves(replace(evidence, copies=times), most)
