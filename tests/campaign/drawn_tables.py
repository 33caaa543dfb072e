"""The tables of `[rules]` that a project gets."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.field_tables import ALARMS, BESIDE_CHECKPOINT, FIELD
from tests.campaign.rule_tables import DATA, MODEL, SLOW, Maker, Setting, Table, regressions

MAKERS: dict[str, Maker] = {**DATA, **MODEL, **FIELD, **BESIDE_CHECKPOINT, **SLOW}
"""Every rule that is drawn but `fp-regression`, by code."""
ALWAYS_NEEDS_PROBES = frozenset({"probe-fp", "fp-regression", "alarm-rate"})
"""Rules on detections that look at the probes, and at the evaluated split only to see that the
detector finds anything."""
NEEDS_PROBES = frozenset(
    {*ALWAYS_NEEDS_PROBES, "operating-point", "checkpoint-choice", "lost-objects", "flicker"}
)
ON_DETECTIONS = frozenset({*MODEL, *FIELD, *BESIDE_CHECKPOINT, "fp-regression", "latency"})
"""Rules that need detections."""


def rule_tables(
    draw: DrawFn, setting: Setting, *, model: bool, baseline: bool = False
) -> dict[str, Table]:
    """One to five rules, each with a table, and those that compare with a baseline."""
    makers = {**DATA, **MODEL, **FIELD} if model else dict(DATA)
    if draw(st.sampled_from((False,) * 19 + (True,))):
        makers |= SLOW
    chosen = draw(st.lists(st.sampled_from(sorted(makers)), min_size=1, max_size=5, unique=True))
    if setting.has_checkpoint_before:
        chosen = [*BESIDE_CHECKPOINT, *(code for code in chosen if code not in BESIDE_CHECKPOINT)]
        makers |= BESIDE_CHECKPOINT
    drawn = {code: makers[code](draw, setting) for code in chosen}
    tables = {code: table for code, table in drawn.items() if table is not None}
    if baseline:
        tables |= regressions(draw, setting)
    for table in tables.values():
        if draw(st.sampled_from((False,) * 9 + (True,))):
            table["severity"] = "warning"
    return tables or {"duplicate-ids": {}}


def are_on_alarms(tables: dict[str, Table]) -> bool:
    """Whether some rule is on alarms."""
    return bool(ALARMS.keys() & tables.keys())
