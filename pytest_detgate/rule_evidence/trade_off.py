"""What each score threshold costs: false boxes on probes against recall of the classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_detgate.evidence import LineChart, Mark, Panel, Series, left_out
from pytest_detgate.findings import Measurement
from pytest_detgate.record.formatting import counted, plotted, threshold_text
from pytest_detgate.rule_evidence.thresholds import tallest, threshold_chart, up_to
from pytest_detgate.scoring.metrics.operating_point import FalseBoxCurve, RecallCurve
from pytest_detgate.scoring.metrics.thresholds import threshold_grid

CLASSES_DRAWN = 12
"""Classes whose recall is drawn at most: those furthest below their floors, or nearest to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCurve:
    """False boxes of a probe, and its budget."""

    false: FalseBoxCurve
    max_boxes: int | None
    max_images: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOff:
    """Everything that depends on the threshold.

    `chosen` is the threshold that keeps the budget of the first of the `probes`, `configured` the
    one that is in use, `uncertified` the one that would be chosen without a margin for new clips,
    if there is a margin. `together` is recall of all classes of `split`, `classes` recall and floor
    of each; a class without a floor has None.
    """

    chosen: float
    configured: float
    uncertified: float | None
    probes: Mapping[str, ProbeCurve]
    split: str
    together: RecallCurve
    classes: Mapping[str, tuple[RecallCurve, float | None]]


def trade_off_chart(found: TradeOff) -> LineChart:
    """False boxes of each probe, and recall, over the threshold."""
    told = [found.chosen, found.configured]
    told += [] if found.uncertified is None else [found.uncertified]
    thresholds = threshold_grid(found.together.score_floor, *told)
    panels = [
        _probe_panel(
            found,
            thresholds,
            "false boxes",
            {name: probe.false.boxes_over for name, probe in found.probes.items()},
            {name: probe.max_boxes for name, probe in found.probes.items()},
        )
    ]
    if any(probe.max_images is not None for probe in found.probes.values()):
        panels.append(
            _probe_panel(
                found,
                thresholds,
                "frames with a false box",
                {name: probe.false.images_over for name, probe in found.probes.items()},
                {name: probe.max_images for name, probe in found.probes.items()},
            )
        )
    panels.append(_recall_panel(found, thresholds))
    return threshold_chart(
        "What each score threshold costs",
        _about(found),
        panels,
        [
            Mark(label=f"chosen {threshold_text(found.chosen)}", at=found.chosen),
            Mark(label=f"configured {threshold_text(found.configured)}", at=found.configured),
            *(
                []
                if found.uncertified is None
                else [
                    Mark(
                        label=f"not certified {threshold_text(found.uncertified)}",
                        at=found.uncertified,
                    )
                ]
            ),
        ],
    )


def _probe_panel(
    found: TradeOff,
    thresholds: list[float],
    label: str,
    over: Mapping[str, Callable[[float], int]],
    budgets: Mapping[str, int | None],
) -> Panel:
    telling = (found.chosen, found.configured)
    most = tallest(*budgets.values(), *(count(at) for count in over.values() for at in telling))
    return Panel(
        label=label,
        series=[
            Series(
                name=probe,
                x=thresholds,
                y=up_to([count(at) for at in thresholds], most),
            )
            for probe, count in over.items()
        ],
        marks=[
            Mark(label=f"budget of {probe} {budget}", at=budget, axis="y")
            for probe, budget in budgets.items()
            if budget is not None
        ],
    )


def _recall_panel(found: TradeOff, thresholds: list[float]) -> Panel:
    def above_floor(name: str) -> float:
        curve, floor = found.classes[name]
        return curve.recall(found.chosen) - (floor or 0.0)

    weakest = sorted(found.classes, key=above_floor)[:CLASSES_DRAWN]
    drawn = {"all classes": found.together, **{name: found.classes[name][0] for name in weakest}}
    floors = {floor for name in weakest if (floor := found.classes[name][1]) is not None}
    return Panel(
        label=f"recall on {found.split}",
        series=[
            Series(name=name, x=thresholds, y=plotted(curve.recall(at) for at in thresholds))
            for name, curve in drawn.items()
        ],
        marks=[Mark(label=f"floor {floor:g}", at=floor, axis="y") for floor in sorted(floors)],
        span=(0.0, 1.0),
    )


def _about(found: TradeOff) -> str:
    tuned, probe = next(iter(found.probes.items()))
    together = found.together
    boxes = counted(probe.false.boxes_over(found.chosen), "false box")
    said = (
        f"At the chosen threshold {threshold_text(found.chosen)}: {boxes} on {tuned}, recall "
        f"{together.recall(found.chosen):.3f} on {found.split}; at the configured "
        f"{threshold_text(found.configured)}: "
    )
    if found.configured < together.score_floor:
        said += "nothing is known."
    else:
        said += (
            f"{probe.false.boxes_over(found.configured)} and "
            f"{together.recall(found.configured):.3f}."
        )
    if all(
        floor is None or curve.recall(found.chosen) >= floor
        for curve, floor in found.classes.values()
    ):
        said += " Every floor is met at the chosen one: set it as score-threshold."
    else:
        said += (
            " A floor of recall is missed there and a lower threshold breaks the budget, so none "
            "does both: the detector needs other training."
        )
    return said + left_out(len(found.classes), CLASSES_DRAWN, "weakest")


def point_text(
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
