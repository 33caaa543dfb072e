"""What the frames of a probe prove about frames like them, as a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable

from pytest_detgate.findings import Interval
from pytest_detgate.record.formatting import counted, percent
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence

# From this many frames or clips on, the sentence no longer dwells on how few they are.
MANY = 100


def what_follows(of_images: Interval, evidence: ProbeEvidence) -> str:
    """What follows for frames like these, rounded so that it stays true."""
    low, high = (end / evidence.frames * 100 for end in (of_images.low, of_images.high))
    assumed = "" if evidence.clips else ", assuming independent frames"
    confidence = f"({percent(evidence.confidence)} confidence{assumed})"
    units = evidence.clips or evidence.frames
    seen = counted(units, "clip" if evidence.clips else "frame")
    if high < 100:
        share = f"fewer than {_rounded(high, math.ceil)}%"
    elif low > 0:
        share = f"more than {_rounded(low, math.floor)}%"
    else:
        return f"from {seen} nothing follows for other such frames {confidence}"
    said = f"{share} of such frames have one {confidence}"
    return said if units >= MANY else f"from {seen} it only follows that {said}"


def _rounded(percentage: float, whole: Callable[[float], int]) -> str:
    """Two digits that count of a percentage, or of what it lacks to a hundred, rounded by `whole`
    (`math.floor` or `math.ceil`)."""
    telling = min(percentage, 100 - percentage)
    decimals = max(0, 1 - math.floor(math.log10(telling))) if telling > 0 else 0
    # Rounded before: 95.00000000000001 is noise, not more than 95.
    return f"{whole(round(percentage * 10**decimals, 6)) / 10**decimals:.15g}"
