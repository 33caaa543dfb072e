"""Why a merge is blocked: by weight, with what to do and what follows from what."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pytest_detgate.evidence import ByThreshold, Evidence
from pytest_detgate.findings import Measurement, Verdict
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.reasons import blocking_reasons, brief, causes_of, tasks_of

from .sample import rule

GRID = [0.1, 0.3, 0.5]


def failed(code: str, *measured: Measurement, message: str = "") -> RuleResult:
    return replace(rule(code, "failed", message or code), measurements=list(measured))


def tuned(
    code: str, verdict: Verdict, measured: Measurement, values: list[float | int | None]
) -> RuleResult:
    by_threshold = ByThreshold(thresholds=GRID, values={measured.name: values})
    return replace(
        rule(code, verdict, code),
        measurements=[measured],
        evidence=Evidence(by_threshold=by_threshold),
    )


def order(*rules: RuleResult) -> list[str]:
    return [rules[index].id for reason in blocking_reasons(rules) for index in reason.rules]


def test_leaks_and_false_alarms_come_before_near_misses() -> None:
    """Leaks and false alarms come before a figure that nearly holds."""
    ap = Measurement.at_least("ap", 0.592, 0.6)

    assert order(
        failed("mean-ap", ap),
        failed("empty-gt-share[train]"),
        failed("probe-fp[a]", Measurement.at_most("boxes", 9, 3)),
        rule("latency", "not-evaluated", "no model"),
        failed("degenerate-boxes[train]"),
        failed("clip-overlap[train-val]"),
        failed("my-own-rule"),
    ) == [
        "clip-overlap[train-val]",
        "degenerate-boxes[train]",
        "probe-fp[a]",
        "empty-gt-share[train]",
        "mean-ap",
        "my-own-rule",
        "latency",
    ]


def test_of_one_weight_the_larger_miss_comes_first() -> None:
    near = failed("recall[a]", Measurement.at_least("recall", 0.892, 0.9), message="a")
    far = failed("class-ap[b]", Measurement.at_least("ap", 0.3, 0.6), message="b")

    assert order(near, far) == ["class-ap[b]", "recall[a]"]


def test_where_nothing_blocks_what_is_not_clean_is_told() -> None:
    assert order(rule("a", "passed", "a"), rule("b", "warned", "b")) == ["b"]


def test_tasks_say_who_has_to_act() -> None:
    rules = [
        failed("mean-ap"),
        failed("clip-overlap[train-val]"),
        failed("probe-fp[a]"),
        failed("box-bounds[train]"),
        failed("unheard-of"),
        rule("latency", "not-evaluated", "no model"),
        rule("recall", "warned", "low"),
    ]

    assert [(task.text.split(",")[0], task.count) for task in tasks_of(rules)] == [
        ("Split the data again", "1 rule"),
        ("Correct the labels", "1 rule"),
        ("Change the training data or settings and train again", "2 rules"),
        ("Look at what these rules found", "1 rule"),
        ("Complete the input or the settings", "1 rule"),
    ]
    assert tasks_of(rules[-1:]) == []


@pytest.mark.parametrize(
    ("recall", "task"),
    [
        ([0.99, 0.95, 0.4], "Set score-threshold to 0.3, where every rule that depends on it"),
        ([0.99, 0.85, 0.4], "Change the training data or settings and train again"),
        ([0.99, None, 0.95], "Set score-threshold to 0.5, where every rule that depends on it"),
    ],
)
def test_a_threshold_is_named_only_where_everything_passes_at_it(
    recall: list[float | int | None], task: str
) -> None:
    boxes = Measurement.at_most("boxes", 12, 3)
    floor = Measurement.at_least("recall", 0.99, 0.9)
    rules = [
        tuned("probe-fp[a]", "failed", boxes, [12, 3, 0]),
        tuned("recall", "passed", floor, recall),
    ]

    (only,) = tasks_of(rules)

    assert only.text.startswith(task)
    # Without a floor a threshold of 1 would fix any number of false boxes.
    assert tasks_of(rules[:1])[0].text.startswith("Change the training data")


def probe(verdict: Verdict = "failed") -> RuleResult:
    measured = [
        Measurement.at_most("boxes", 177, 75),
        Measurement.at_most("images", 36, 30),
        Measurement.shown("images_total", 36),
    ]
    return replace(rule("probe-fp[same]", verdict, "177 false boxes"), measurements=measured)


def view(share: float, dropped: int) -> RuleResult:
    measured = [
        Measurement.at_least("effective_empty_share", share, 0.25),
        Measurement.shown("dropped[filter_empty_gt]", dropped),
    ]
    verdict: Verdict = "failed" if share < 0.25 else "passed"
    return replace(rule("training-view", verdict, "training drops some"), measurements=measured)


def test_each_link_of_a_chain_is_a_result_of_a_rule() -> None:
    rules = [view(0.0, 120), rule("mean-ap", "passed", ""), probe()]

    assert [(link.text, link.rule) for link in causes_of(rules)] == [
        ("The model fires on 36 of 36 frames with nothing to detect", 2),
        ("no image that training is fed is empty", 0),
        ("`filter_empty_gt` drops 120 images without a box", 0),
    ]


def test_a_chain_ends_where_no_rule_knows_more() -> None:
    empty = replace(
        rule("empty-gt-share[train]", "failed", "no train image is empty: all 324 have some"),
        measurements=[Measurement.at_least("share", 0.0, 0.25)],
    )

    assert [link.text for link in causes_of([probe(), empty])][1:] == ["no train image is empty"]
    assert [link.text for link in causes_of([probe(), view(0.05, 0)])][1:] == [
        "only one in 20 images that training is fed is empty"
    ]
    # Too many empty images are no cause of false alarms.
    too_many = replace(empty, measurements=[Measurement.at_most("share", 0.9, 0.5)])
    assert causes_of([probe(), too_many]) == []
    assert causes_of([probe("passed"), empty]) == []
    assert causes_of([probe(), view(0.4, 0)]) == []


def test_a_reason_is_cut_behind_a_sentence_and_never_in_a_path() -> None:
    path = "work/" + "folder/" * 20 + "a.jpg"

    assert brief(f"2 of 9 images cannot be read. The first is {path}") == (
        "2 of 9 images cannot be read"
    )
    assert brief("short. Sentences. Stay.") == "short. Sentences. Stay."
