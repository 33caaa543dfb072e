"""What the choice of a threshold comes to, as a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pytest_detgate.findings import Measurement
from pytest_detgate.record.formatting import counted
from pytest_detgate.scoring.metrics.operating_point import FalseBoxCurve, RecallCurve


def choice_text(
    threshold: float,
    tuned: str,
    others: list[str],
    false: Mapping[str, FalseBoxCurve],
    curves: Mapping[str, RecallCurve],
    floors: Mapping[str, float],
    needed: Mapping[str, float | None],
    configured: float,
    measurements: Sequence[Measurement],
) -> str:
    """What the chosen threshold meets and misses: `false` are the false boxes of each probe, the
    first of them `tuned`, `curves` recall by class, `needed` the highest threshold at which each of
    the `floors` is met, None where none is. `configured` is the threshold in use."""
    short = [name for name, floor in floors.items() if curves[name].recall(threshold) < floor]
    at = counted(false[tuned].boxes_over(threshold), "false box")
    if short:
        worst = min(short, key=lambda name: curves[name].recall(threshold) - floors[name])
        told = (
            f"no threshold meets both: the budget of {tuned} asks for score > {threshold:.3g}, "
            f"where recall of {worst} is {curves[worst].recall(threshold):.3f} and its floor "
            f"{floors[worst]:g}; "
        )
        if any(needed[name] is None for name in short):
            return told + "no threshold at all reaches that floor"
        lower = min(value for value in needed.values() if value is not None)
        boxes = counted(false[tuned].boxes_over(lower), "false box")
        return told + f"the floors ask for score > {lower:.3g}, where there are {boxes}"
    highest = min((value for value in needed.values() if value is not None), default=math.inf)
    upto = "" if math.isinf(highest) else f" up to {highest:.3g}"
    told = f"score > {threshold:.3g}{upto} meets both: {at} on {tuned} there"
    over = [measured.name for measured in measurements if measured.passed is False]
    if over:
        told += f"; but it does not hold on another probe: {', '.join(over)}"
    elif not others:
        told += "; there is no other probe to check it on"
    if not threshold <= configured <= highest:
        told += f"; score-threshold of [model] is {configured:g}"
    return told
