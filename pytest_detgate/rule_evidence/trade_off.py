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


def trade_off_chart(trade_off: TradeOff) -> LineChart:
    """False boxes of each probe, and recall, over the threshold."""
    points = [trade_off.chosen, trade_off.configured]
    points += [] if trade_off.uncertified is None else [trade_off.uncertified]
    thresholds = threshold_grid(trade_off.together.score_floor, *points)
    panels = [
        _probe_panel(
            trade_off,
            thresholds,
            "false boxes",
            {name: probe.false.boxes_over for name, probe in trade_off.probes.items()},
            {name: probe.max_boxes for name, probe in trade_off.probes.items()},
        )
    ]
    if any(probe.max_images is not None for probe in trade_off.probes.values()):
        panels.append(
            _probe_panel(
                trade_off,
                thresholds,
                "frames with a false box",
                {name: probe.false.images_over for name, probe in trade_off.probes.items()},
                {name: probe.max_images for name, probe in trade_off.probes.items()},
            )
        )
    panels.append(_recall_panel(trade_off, thresholds))
    return threshold_chart(
        "What each score threshold costs",
        _about(trade_off),
        panels,
        [
            Mark(label=f"chosen {threshold_text(trade_off.chosen)}", at=trade_off.chosen),
            Mark(
                label=f"configured {threshold_text(trade_off.configured)}", at=trade_off.configured
            ),
            *(
                []
                if trade_off.uncertified is None
                else [
                    Mark(
                        label=f"not certified {threshold_text(trade_off.uncertified)}",
                        at=trade_off.uncertified,
                    )
                ]
            ),
        ],
    )


def _probe_panel(
    trade_off: TradeOff,
    thresholds: list[float],
    label: str,
    over: Mapping[str, Callable[[float], int]],
    budgets: Mapping[str, int | None],
) -> Panel:
    telling = (trade_off.chosen, trade_off.configured)
    most = tallest(
        *budgets.values(), *(count(threshold) for count in over.values() for threshold in telling)
    )
    return Panel(
        label=label,
        series=[
            Series(
                name=probe,
                x=thresholds,
                y=up_to([count(threshold) for threshold in thresholds], most),
            )
            for probe, count in over.items()
        ],
        marks=[
            Mark(label=f"budget of {probe} {budget}", at=budget, axis="y")
            for probe, budget in budgets.items()
            if budget is not None
        ],
    )


def _recall_panel(trade_off: TradeOff, thresholds: list[float]) -> Panel:
    def above_floor(name: str) -> float:
        curve, floor = trade_off.classes[name]
        return curve.recall(trade_off.chosen) - (floor or 0.0)

    weakest = sorted(trade_off.classes, key=above_floor)[:CLASSES_DRAWN]
    drawn = {
        "all classes": trade_off.together,
        **{name: trade_off.classes[name][0] for name in weakest},
    }
    floors = {floor for name in weakest if (floor := trade_off.classes[name][1]) is not None}
    return Panel(
        label=f"recall on {trade_off.split}",
        series=[
            Series(
                name=name,
                x=thresholds,
                y=plotted(curve.recall(threshold) for threshold in thresholds),
            )
            for name, curve in drawn.items()
        ],
        marks=[Mark(label=f"floor {floor:g}", at=floor, axis="y") for floor in sorted(floors)],
        span=(0.0, 1.0),
    )


def _about(trade_off: TradeOff) -> str:
    tuned, probe = next(iter(trade_off.probes.items()))
    together = trade_off.together
    boxes = counted(probe.false.boxes_over(trade_off.chosen), "false box")
    note = (
        f"At the chosen threshold {threshold_text(trade_off.chosen)}: {boxes} on {tuned}, recall "
        f"{together.recall(trade_off.chosen):.3f} on {trade_off.split}; at the configured "
        f"{threshold_text(trade_off.configured)}: "
    )
    if trade_off.configured < together.score_floor:
        note += "nothing is known."
    else:
        note += (
            f"{probe.false.boxes_over(trade_off.configured)} and "
            f"{together.recall(trade_off.configured):.3f}."
        )
    if all(
        floor is None or curve.recall(trade_off.chosen) >= floor
        for curve, floor in trade_off.classes.values()
    ):
        note += " Every floor is met at the chosen one: set it as score-threshold."
    else:
        note += (
            " A floor of recall is missed there and a lower threshold breaks the budget, so none "
            "does both: the detector needs other training."
        )
    return note + left_out(len(trade_off.classes), CLASSES_DRAWN, "weakest")


def point_text(trade_off: TradeOff, measurements: Sequence[Measurement]) -> str:
    """What the chosen threshold meets and misses; the `measurements` are made there."""
    threshold = trade_off.chosen
    tuned, probe = next(iter(trade_off.probes.items()))
    above_floor: dict[str, float] = {}
    # The highest threshold that meets the floor of a class; None if none does.
    needed: dict[str, float | None] = {}
    for name, (curve, floor) in trade_off.classes.items():
        if floor is not None:
            above_floor[name] = curve.recall(threshold) - floor
            needed[name] = curve.threshold_for_recall(floor)
    highest = min((value for value in needed.values() if value is not None), default=math.inf)
    short = [name for name, margin in above_floor.items() if margin < 0]
    if short:
        worst = min(short, key=above_floor.__getitem__)
        curve, floor = trade_off.classes[worst]
        text = (
            f"no threshold meets both: the budget of {tuned} asks for score > {threshold:.3g}, "
            f"where recall of {worst} is {curve.recall(threshold):.3f} and its floor {floor:g}; "
        )
        if any(needed[name] is None for name in short):
            return text + "no threshold at all reaches that floor"
        boxes = counted(probe.false.boxes_over(highest), "false box")
        return text + f"the floors ask for score > {highest:.3g}, where there are {boxes}"
    upto = "" if math.isinf(highest) else f" up to {highest:.3g}"
    boxes = counted(probe.false.boxes_over(threshold), "false box")
    text = f"score > {threshold:.3g}{upto} meets both: {boxes} on {tuned} there"
    over = [measured.name for measured in measurements if measured.passed is False]
    if over:
        text += f"; but it does not hold on another probe: {', '.join(over)}"
    elif len(trade_off.probes) == 1:
        text += "; there is no other probe to check it on"
    if not threshold <= trade_off.configured <= highest:
        text += f"; score-threshold of [model] is {trade_off.configured:g}"
    return text
