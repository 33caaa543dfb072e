"""Tables of the rules on alarms, on single objects and on other metrics; see `rule_tables`."""

from __future__ import annotations

from typing import Any

from hypothesis.strategies import DrawFn

from tests.campaign.rule_tables import (
    Maker,
    Setting,
    Table,
    class_floor,
    per_class,
    pick,
    some,
)

_BROAD = {"max_missing_frames": (0, 30, 30), "max_untimed": (0, 1)}


def alarm_settings(draw: DrawFn) -> tuple[Table, Table]:
    """What `[dataset]` and `[alarms]` say where a rule is on alarms: every tenth frame was saved,
    with its number."""
    hits = pick(draw, 1, 1, 2)
    table = some(
        draw,
        {"hits": hits, "of": pick(draw, hits, hits + 1)},
        cooldown_s=(0, 5, 30),
        before_s=(0, 2),
        after_s=(0, 10),
        link_iou=(0.1, 0.6),
        gap=(0, 2),
    )
    return {"fps": pick(draw, 1, 5), "frame-step": 10}, table


def _alarm_rate(draw: DrawFn, setting: Setting) -> Table | None:
    if not setting.world.probes:
        return None
    table = {"max-alarms": pick(draw, 0, 1, 3)}
    return some(
        draw,
        table,
        max_per_hour=(0, 50, 500),
        max_per_camera_day=(5000,),
        min_hours=(0.001, 0.02),
        bound=("upper",),
        score_threshold=(0.2, 0.5),
        **_BROAD,
    )


def _alarm_recall(draw: DrawFn, setting: Setting) -> Table:
    table: Table = {"min": pick(draw, 0.21, 0.497, 0.893)}
    if pick(draw, False, True):
        table["classes"] = per_class(draw, setting, 0.21, 0.797)
    return some(draw, table, bound=("lower",), min_events=(1, 2), **_BROAD)


def _alarm_delay(draw: DrawFn, setting: Setting) -> Table:
    table: Table = {"max-median-s": pick(draw, 0, 3, 30)}
    return some(draw, table, max_p95_s=(2, 40), **_BROAD)


def _ceiling(draw: DrawFn, setting: Setting, **options: tuple[Any, ...]) -> Table:
    table: Table = {"max": pick(draw, 0.93, 0.497, 0.21)}
    if pick(draw, False, True):
        table["classes"] = per_class(draw, setting, 0.21, 0.797)
    return some(draw, table, bound=("upper",), min_images=(1, 2), min_boxes=(1, 2), **options)


def _lost_objects(draw: DrawFn, setting: Setting) -> Table | None:
    if not setting.has_checkpoint_before:
        return None
    table = some(
        draw,
        {"max-lost": pick(draw, 0, 1, 4)},
        max_lost_share=(0, 0.497, 1),
        baseline_threshold=(0.2, 0.5),
        min_p_value=(0.05,),
    )
    if pick(draw, False, False, True):
        table["classes"] = per_class(draw, setting, 0, 1)
    if pick(draw, False, False, True):
        image = setting.world.splits["val"][0]
        if image.boxes:
            table["must-find"] = [{"image": image.name}]
    if setting.world.probes and pick(draw, False, True):
        table["max-new-false"] = pick(draw, 0, 1, 3)
    return table


def _ap_regression(draw: DrawFn, setting: Setting) -> Table | None:
    """The rule beside another checkpoint."""
    if not setting.has_checkpoint_before:
        return None
    table: Table = {"max-drop": pick(draw, 0.05, 0.2)}
    match pick(draw, "noise", "noise-from", "min-p-value", "nothing"):
        case "noise":
            table["noise"] = pick(draw, 0, 0.003)
        case "noise-from":
            table["noise-from"] = ["epoch_1.pth", "epoch_2.pth"]
        case "min-p-value":
            table["min-p-value"] = 0.05
    return table


def _weak_slices(draw: DrawFn, setting: Setting) -> Table:
    return some(draw, {"pixels": False}, min_gap=(0.1,), fields=(["site"],), max=(0, 5))


def _flicker(draw: DrawFn, setting: Setting) -> Table:
    return some(draw, {"max": pick(draw, 0, 0.5, 9)}, gap_s=(1, 20), short_s=(1, 20), **_BROAD)


def _trivial_baseline(draw: DrawFn, setting: Setting) -> Table:
    return some(draw, {"min-margin": pick(draw, 0, 0.3)}, max=(0.2, 0.9), boxes=(1, 3))


ALARMS: dict[str, Maker] = {
    "alarm-rate": _alarm_rate,
    "alarm-recall": _alarm_recall,
    "alarm-delay": _alarm_delay,
    "flicker": _flicker,
}
"""The rules on the frames of clips, by code."""
FIELD: dict[str, Maker] = {
    **ALARMS,
    "froc": lambda draw, setting: class_floor(draw, setting, per=("clip", "image")),
    "miss-rate": lambda draw, setting: _ceiling(draw, setting, max_fppi=(0.5, 2)),
    "olrp": _ceiling,
    "weak-slices": _weak_slices,
    "lost-objects": _lost_objects,
    "trivial-baseline": _trivial_baseline,
}
"""These rules, by code."""
BESIDE_CHECKPOINT: dict[str, Maker] = {
    "lost-objects": _lost_objects,
    "ap-regression": _ap_regression,
}
"""The rules that a project with another checkpoint as its baseline is about."""
