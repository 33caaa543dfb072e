"""How many looks the ledger leaves, and at which confidence each is taken."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pytest_detgate.config.tables.evidence_table import MOST_ADAPTIVE, EvidenceTable
from pytest_detgate.record.project_files.ledger import LedgerLine, Look
from pytest_detgate.record.project_files.looks import LookBudget
from pytest_detgate.scoring.bounds.event_rate import count_interval
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.bounds.sample_size import least_exposure

_DIGESTS = count()


def look(model: str | None = "m", **others: Any) -> Look:
    fields: dict[str, Any] = {"dataset": "calm", "data": "d1", "score_threshold": 0.3}
    return Look(**{**fields, "model": model, **others})


def line(model: str | None, looks: int | None = 4, **others: Any) -> LedgerLine:
    fields: dict[str, Any] = {"dataset": "calm", "data": "d1", "score_threshold": 0.3}
    after = {"after": [], "day": "2026-11-27", "sha256": str(next(_DIGESTS))}
    return LedgerLine(**{**fields, **after, "model": model, "looks": looks, **others})


def budget(looks: int | None, *lines: LedgerLine) -> LookBudget:
    return LookBudget(EvidenceTable(looks=looks), lines)


def test_models_are_counted_and_not_runs() -> None:
    lines = [line("m1"), line("m2"), line("m1"), line("m1")]

    judged = budget(4, *lines)

    assert len(judged.models(look())) == 2
    assert judged.left(look()) == 2
    assert not judged.adds(look("m1"))
    assert judged.adds(look("m3"))


def test_equal_detections_are_one_model() -> None:
    """Of result files only the detections are known; a model that gives them is the same."""
    lines = [
        line("m1", detections="x"),
        line(None, detections="x"),
        line("m2", detections="x"),
        line("m2", detections="y"),
        line(None, detections="z"),
    ]

    assert len(budget(4, *lines).models(look())) == 2
    assert len(budget(4, *reversed(lines)).models(look())) == 2


def test_unknown_detections_are_not_equal() -> None:
    assert len(budget(4, line("m1"), line("m2")).models(look())) == 2


def test_another_operating_point_is_another_model() -> None:
    assert budget(4, line("m")).adds(look("m", score_threshold=0.4))


def test_data_are_the_same_by_name_or_content() -> None:
    first = budget(4, line("m1"))

    assert first.left(look(data="with one more image")) == 3
    assert first.left(look(dataset="calm under another name")) == 3
    assert first.left(look(dataset="new", data="d2")) == 4


def test_all_looks_but_not_one_more() -> None:
    used_up = budget(3, line("m1", 3), line("m2", 3), line("m3", 3))

    assert used_up.left(look()) == 0
    assert used_up.allows(look("m2")), "a model that was judged may be judged again"
    assert not used_up.allows(look("m4"))
    assert budget(3, line("m1", 3), line("m2", 3)).allows(look("m4"))


def test_raised_number_gives_nothing_back() -> None:
    """Two of four looks took half of the error; the other half is worth 4 of 8."""
    half = [line("m1", 4), line("m2", 4)]

    assert budget(8, *half).left(look()) == 4
    assert budget(8, *half, line("m3", 4), line("m4", 4)).left(look()) == 0
    assert not budget(8, *half, line("m3", 4), line("m4", 4)).allows(look("m5"))


def test_lowered_number_takes_more_of_a_model() -> None:
    first = budget(2, line("m1", 4))

    assert first.adds(look("m1")), "its bounds are narrower now, so it takes a half"
    assert first.allows(look("m1"))
    assert first.left(look("m1")) == 1
    others = [line("m2", 4), line("m3", 4)]
    assert budget(2, line("m1", 4), *others).allows(look("m1")), "1/4 + 1/4 + 1/2"
    assert not budget(2, line("m1", 4), *others, line("m4", 4)).allows(look("m1"))


def test_merged_branches_may_take_too_much() -> None:
    """Each branch had room for its models; together they have not, so nothing is shown."""
    both = budget(2, line("m1", 2), line("a", 2), line("b", 2))

    assert both.left(look()) == 0
    assert not both.allows(look("b"))


def test_models_judged_before_looks_were_planned_count() -> None:
    assert budget(4, line("m1", None)).left(look()) == 3


def chain(looks: int | None, *models: str) -> list[LedgerLine]:
    """Lines of models that were judged one after another."""
    lines: list[LedgerLine] = []
    for model in models:
        lines.append(line(model, looks, after=[line.sha256 for line in lines[-1:]]))
    return lines


def test_values_after_the_last_look_take_none_back() -> None:
    """Rules on the value itself judge m3 and m4, too, and count them."""
    used_up = budget(2, *chain(2, "m1", "m2", "m3", "m4", "m3"))

    assert len(used_up.models(look())) == 4
    assert used_up.left(look()) == 0
    assert used_up.allows(look("m1"))
    assert used_up.allows(look("m2"))
    assert not used_up.allows(look("m3")), "it never had a look"
    assert not used_up.allows(look("m5"))


def test_values_before_the_last_look_take_one() -> None:
    """Who has seen the values of two models may have chosen the third among them."""
    used_up = budget(2, *chain(2, "m1", "m2"))

    assert not used_up.allows(look("m3"))


def test_unplanned_looks_all_take_their_share() -> None:
    """No look was refused then, so none of five models is the one that was too many."""
    assert not budget(4, *chain(None, "m1", "m2", "m3", "m4", "m5")).allows(look("m1"))


def test_merged_chains_may_take_too_much() -> None:
    first = line("m1", 2)
    sides = [line(model, 2, after=[first.sha256]) for model in ("a", "b")]
    both = budget(2, first, *sides)

    assert not any(both.allows(look(model)) for model in ("m1", "a", "b"))


def test_nothing_planned_allows_all() -> None:
    free = budget(None, *(line(f"m{index}", None) for index in range(100)))

    assert free.left(look()) is None
    assert free.allows(look("another"))
    assert free.adds(look("another"))
    assert not free.adds(look("m7"))


@pytest.mark.parametrize(
    ("looks", "adaptive", "error"),
    [(None, False, 0.05), (1, False, 0.05), (20, False, 0.0025), (100, False, 0.0005),
     (1, True, 0.025), (20, True, 0.05 / 1048576)],
)  # fmt: skip
def test_each_look_has_its_share_of_the_error(
    looks: int | None, adaptive: bool, error: float
) -> None:
    table = EvidenceTable(looks=looks, adaptive=adaptive)

    assert 1 - table.confidence(0.95) == pytest.approx(error, rel=1e-6)


def chance_to_pass(table: EvidenceTable, hours: float) -> float:
    """The chance that a model at the limit, 1 false alarm an hour, passes in one try."""
    confidence = table.confidence(0.95)
    chance = 0.0
    for alarms in range(60):
        by_clip = np.array([1] * alarms or [0])
        each = np.full(len(by_clip), hours / len(by_clip))
        if count_interval(by_clip, each, confidence).high <= hours * (1 + 1e-9):
            chance += float(stats.poisson.pmf(alarms, hours))
    return chance


def test_twenty_tries_of_a_model_at_its_limit() -> None:
    """The figure of the issue: 1 - 0.95^20 = 64% without a ledger, at most 5% with it."""
    first = -math.log(0.05)  # hours without an alarm that show it at 95%

    without = 1 - (1 - chance_to_pass(EvidenceTable(), first)) ** 20

    assert without == pytest.approx(0.64, abs=0.005)
    for hours in (first, 2 * first, 16.9, 19.5, 40.0):
        for adaptive in (False, True):
            table = EvidenceTable(looks=20, adaptive=adaptive)
            assert 1 - (1 - chance_to_pass(table, hours)) ** 20 <= 0.05
    twice = chance_to_pass(EvidenceTable(looks=20), 2 * first + 1e-6)
    assert 1 - (1 - twice) ** 20 == pytest.approx(0.049, abs=0.001), "and it can pass"


@pytest.mark.parametrize(("adaptive", "hours"), [(False, 5.99), (True, 16.86)])
def test_hours_without_an_alarm_that_twenty_looks_take(adaptive: bool, hours: float) -> None:
    """ln(20 / 0.05), and ln(1 / 0.05) + 20 ln 2."""
    confidence = EvidenceTable(looks=20, adaptive=adaptive).confidence(0.95)

    assert least_exposure(1.0, confidence) == pytest.approx(hours, abs=0.006)


def test_bounds_exist_at_the_smallest_errors() -> None:
    """With no false box on n clips, alike or not, the upper bound is 1 - error^(1 / n)."""
    confidence = EvidenceTable(looks=MOST_ADAPTIVE, adaptive=True).confidence(0.95)
    clip = np.repeat(np.arange(200), 4)

    clean = ProbeEvidence(frames=800, confidence=confidence, clip=clip)
    high = clean.of_frames(np.zeros(800, np.int64)).high / 800

    assert high == pytest.approx(1 - (0.05 / 2**30) ** (1 / 200), rel=1e-4)
    few = np.zeros(800, np.int64)
    few[[0, 1, 40]] = 1
    assert high < clean.of_frames(few).high / 800 < 1
    assert math.isfinite(clean.of_boxes(few).high)
