"""The closing figure of `make mutants`, on results written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.mutants import (
    REASONS,
    digest_of,
    discard_results_of_others,
    drawn,
    estimate,
    listed,
    summary,
)
from tests.campaign.mutants import results as results_of

CHANGE = "package.x_add\n- return one + two\n+ return one - two"


def status(killed: int, **others: int) -> dict[str, str]:
    """So many mutants of each status."""
    kinds = ["killed"] * killed + [
        kind.replace("_", " ") for kind, count in others.items() for _ in range(count)
    ]
    return {f"package.x_add__mutmut_{number}": kind for number, kind in enumerate(kinds)}


@pytest.mark.parametrize(
    ("tried", "share", "failed"),
    [
        (status(19, survived=1), "19 of 20 mutants killed: 95.00%", False),
        (status(18, survived=2), "18 of 20 mutants killed: 90.00%", True),
        (status(10, timeout=9, no_tests=1), "19 of 20 mutants killed: 95.00%", False),
        (status(20, not_checked=5), "20 of 20 mutants killed: 100.00%", True),
        (status(20, check_was_interrupted_by_user=1), "20 of 20", True),
        (status(20, skipped=3), "20 of 20 mutants killed: 100.00%", False),
        ({}, "0 of 0 mutants killed", True),
    ],
)
def test_at_least_95_percent_of_the_mutants_are_killed(
    tried: dict[str, str], share: str, failed: bool
) -> None:
    left = {name: CHANGE for name, kind in tried.items() if kind in ("survived", "no tests")}

    text, is_failed = summary(tried, left, {CHANGE})

    assert share in text
    assert is_failed == failed


def test_a_survivor_without_a_reason_is_printed() -> None:
    """Every change is listed as a whole: the beginning of another's is no reason."""
    longer = f"{CHANGE} - three"

    text, failed = summary(status(99, survived=1), {"package.x_add__mutmut_99": CHANGE}, {longer})

    assert failed
    assert "1 survivors, 1 without a reason" in text
    assert text.endswith(CHANGE)


def test_the_reasons_are_blocks_of_code() -> None:
    assert listed(f"# Title\n\nWhy:\n\n```\n{CHANGE}\n```\n\nAnother:\n\n```\na\n- b\n```\n") == {
        CHANGE,
        "a\n- b",
    }
    assert len(listed(REASONS.read_text("utf-8"))) > 100


def test_names_choose_mutants() -> None:
    lines = "    a.x_one__mutmut_1: killed\n    b.x_two__mutmut_1: not checked\n"

    assert results_of(lines, []) == {
        "a.x_one__mutmut_1": "killed",
        "b.x_two__mutmut_1": "not checked",
    }
    assert results_of(lines, ["b.*"]) == {"b.x_two__mutmut_1": "not checked"}


def test_a_seed_draws_the_same_sample() -> None:
    names = [f"a.x_one__mutmut_{number}" for number in range(100)]

    assert drawn(names, 20, 1) == drawn(names, 20, 1)
    assert len(set(drawn(names, 20, 1))) == 20
    assert set(drawn(names, 20, 1)) != set(drawn(names, 20, 2))
    assert sorted(drawn(names, 200, 1)) == sorted(names)


def test_a_sample_gives_an_estimate() -> None:
    """Of 20 without a survivor, the lower bound is 0.025 ** (1 / 20)."""
    text = estimate({**status(20), "x": "not checked"}, 4000, 7)

    assert text == (
        "an estimate from a sample of 21 of 4000 mutants, seed 7: 100.0% are killed, 95% bounds "
        "83.2% to 100.0%"
    )
    assert "an estimate needs" in estimate({"x": "not checked"}, 4000, 7)


def test_results_of_other_tests_are_discarded(tmp_path: Path) -> None:
    project, folder = tmp_path / "project", tmp_path / "mutants"
    test = project / "tests" / "test_add.py"
    test.parent.mkdir(parents=True)
    test.write_text("assert True\n")
    folder.mkdir()
    (folder / "before").touch()

    discard_results_of_others(folder, digest_of(project))
    assert not (folder / "before").exists()

    (folder / "results").touch()
    (project / "tests" / "survivors.md").write_text("A reason.\n")
    discard_results_of_others(folder, digest_of(project))
    assert (folder / "results").exists()

    test.write_text("assert False\n")
    discard_results_of_others(folder, digest_of(project))
    assert not (folder / "results").exists()
