"""Tables of `[rules]` for a sound project, with limits that it may keep or break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.worlds import World

Table = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a table may be about. `labels` is the format of the splits, `detector` says that a
    detector is run, `epochs` that it has two checkpoints, `has_checkpoint_before` that the first of
    them is the baseline."""

    world: World
    labels: str
    detector: bool
    epochs: bool
    has_checkpoint_before: bool = False


Maker = Callable[[DrawFn, Setting], "Table | None"]


def pick(draw: DrawFn, *values: Any) -> Any:
    """One of some values."""
    return draw(st.sampled_from(values))


def some(draw: DrawFn, table: Table, **options: tuple[Any, ...]) -> Table:
    """The table with some options more; the first of their values is the one left out."""
    for key, values in options.items():
        value = draw(st.sampled_from((None, *values)))
        if value is not None:
            table[key.replace("_", "-")] = value
    return table


def _splits(draw: DrawFn, **options: tuple[Any, ...]) -> Table:
    return some(draw, {}, splits=(["train"], ["val"], ["train", "val"]), **options)


def _pair(draw: DrawFn, setting: Setting, **options: tuple[Any, ...]) -> Table:
    return some(draw, {"between": ["train", "val"]}, **options)


def _clips(setting: Setting) -> tuple[str, ...]:
    return ("video",) if setting.labels == "coco" else ()


def _floor(draw: DrawFn, setting: Setting, **options: tuple[Any, ...]) -> Table:
    table: Table = {"min": pick(draw, 0.11, 0.497, 0.893)}
    return some(draw, table, bound=("lower",), min_images=(1, 2), **options)


def per_class(draw: DrawFn, setting: Setting, *floors: Any) -> dict[str, Any]:
    """The limit of one class."""
    return {draw(st.sampled_from(setting.world.classes)): pick(draw, *floors)}


def class_floor(draw: DrawFn, setting: Setting, **options: tuple[Any, ...]) -> Table:
    """A floor of all classes, and now and then another of one of them."""
    table = _floor(draw, setting, min_boxes=(1, 2), **options)
    if pick(draw, False, True):
        table["classes"] = per_class(draw, setting, 0.21, 0.797)
    return table


def _probe_budget(draw: DrawFn, setting: Setting) -> Table | None:
    if not setting.world.probes:
        return None
    table = some(
        draw,
        {"max-boxes": pick(draw, 0, 1, 4)},
        max_images=(0, 1, 3),
        max_image_share=(0.497,),
        max_boxes_per_image=(1,),
        max_mean_boxes_per_image=(0.497,),
        bound=("upper",),
        unit=("clip", "image"),
        min_images=(1, 2),
        score_threshold=(0.2, 0.5),
    )
    if pick(draw, False, True):
        probe = draw(st.sampled_from(sorted(setting.world.probes)))
        table["probes"] = {probe: {"max-boxes": pick(draw, 1, 0, 5)}}
    if pick(draw, False, True):
        table["classes"] = per_class(draw, setting, 0, 3)
    return table


def _operating_point(draw: DrawFn, setting: Setting) -> Table | None:
    if not setting.world.probes:
        return None
    return {"max-boxes": pick(draw, 0, 1, 4), "min-recall": pick(draw, 0.11, 0.497, 0.893)}


def _slices(draw: DrawFn, setting: Setting) -> Table:
    by = ("clip", "site", "width", "width > 100", *(("video",) if setting.labels == "coco" else ()))
    return {"by": draw(st.sampled_from(by)), "min": pick(draw, 0.11, 0.497, 0.893)}


def _expectations(draw: DrawFn, setting: Setting) -> Table:
    expectations = (
        {
            "type": "expect_column_values_to_be_between",
            "column": "width",
            "min_value": 80,
            "max_value": 140,
        },
        {"type": "expect_column_values_to_match_regex", "column": "file_name", "regex": "^[ns]"},
        {"type": "expect_table_row_count_to_be_between", "min_value": 1, "max_value": 6},
    )
    count = draw(st.integers(1, 3))
    return {
        "table": "images",
        "expect": [dict(expectation) for expectation in expectations[:count]],
    }


def _checkpoint_choice(draw: DrawFn, setting: Setting) -> Table | None:
    if not setting.world.probes or not setting.epochs:
        return None
    return {"checkpoints": "epoch_*.pth"}


REGRESSIONS = ("mean-ap", "ap-regression", "probe-fp", "fp-regression")
"""The rules of a project that is compared with an earlier run."""


def regressions(draw: DrawFn, setting: Setting) -> dict[str, Table]:
    """What compares with an earlier run, and what that run has to have measured."""
    tables: dict[str, Table] = {
        "mean-ap": {"min": 0.11},
        "ap-regression": {"max-drop": pick(draw, 0.05, 0.2)},
    }
    if setting.world.probes:
        tables["probe-fp"] = {"max-boxes": 4}
        tables["fp-regression"] = {"max-growth-boxes": pick(draw, 0, 1)}
    return tables


def _training_curve(draw: DrawFn, setting: Setting) -> Table:
    return some(draw, {"path": "scalars.json"}, min_epochs=(1, 2, 3), max_fall=(0.1,))


DATA: dict[str, Maker] = {
    "empty-gt-share": lambda draw, setting: _splits(draw) | {"max": pick(draw, 0.91, 0.497, 0.21)},
    "clip-overlap": lambda draw, setting: _pair(
        draw, setting, max=(0.497,), clip_field=_clips(setting)
    ),
    "frame-distance": lambda draw, setting: (
        _pair(draw, setting, clip_field=_clips(setting)) | {"within": pick(draw, 6, 20)}
    ),
    "duplicate-ids": lambda draw, setting: _splits(draw),
    "dangling-annotations": lambda draw, setting: _splits(draw),
    "degenerate-boxes": lambda draw, setting: _splits(draw),
    "box-bounds": lambda draw, setting: _splits(draw, tolerance=(0, 2)),
    "box-format": lambda draw, setting: _splits(draw),
    "duplicate-boxes": lambda draw, setting: _splits(draw, iou=(0.8,)),
    "image-files": lambda draw, setting: _splits(draw),
    "class-support": lambda draw, setting: {
        "splits": ["val"],
        "min-boxes": 1,
        **({"max": 1} if pick(draw, False, True) else {}),
    },
    "class-balance": lambda draw, setting: {"splits": ["val"], "max-ratio": pick(draw, 6, 2)},
    "negative-diversity": lambda draw, setting: {
        "splits": ["train"],
        pick(draw, "min-clips", "min-sites"): 1,
    },
    "duplicate-images": lambda draw, setting: _pair(draw, setting, by=("bytes",)),
    "probe-isolation": lambda draw, setting: (
        some(draw, {}, by=("bytes",), clips=(False,)) if setting.world.probes else None
    ),
    "split-drift": lambda draw, setting: _pair(draw, setting) | {"max": pick(draw, 0.9, 0.3)},
    "training-curve": _training_curve,
    "training-seed": lambda draw, setting: {},
}
"""The data rules that are drawn often, by code."""

SLOW: dict[str, Maker] = {
    "expectations": _expectations,
    "latency": lambda draw, setting: {"max-ms": 60_000} if setting.detector else None,
}
"""Rules that take long; they are drawn seldom."""

MODEL: dict[str, Maker] = {
    "probe-fp": _probe_budget,
    "operating-point": _operating_point,
    "mean-ap": lambda draw, setting: _floor(
        draw, setting, metric=("AP50", "AP75", "AR1", "AR10", "AR100")
    ),
    "class-ap": lambda draw, setting: class_floor(draw, setting, metric=("AP50", "AP75")),
    "size-ap": lambda draw, setting: {"small": pick(draw, 0.11, 0.497, 0.893)},
    "slice-ap": _slices,
    "recall": lambda draw, setting: class_floor(draw, setting, score_threshold=(0.1, 0.5)),
    "absent-class-boxes": lambda draw, setting: {},
    "error-budget": lambda draw, setting: {"background": 0.2, "miss": pick(draw, 0.5, 0.11)},
    "calibration": lambda draw, setting: {"max": pick(draw, 0.5, 0.2)},
    "class-names": lambda draw, setting: {"splits": ["val"]},
    "checkpoint-choice": _checkpoint_choice,
    "repeatability": lambda draw, setting: {} if setting.detector else None,
}
"""The rules that need detections, by code."""
