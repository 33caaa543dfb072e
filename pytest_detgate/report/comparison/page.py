"""The page that sets two runs side by side, without script or images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.record.formatting import counted
from pytest_detgate.report.comparison.changes import KINDS, Comparison, Kind
from pytest_detgate.report.comparison.rows import figure_rows, rule_row
from pytest_detgate.report.headline import (
    BLOCKING,
    VERDICT_WORDS,
    Headline,
    counts,
    headline_of,
)
from pytest_detgate.report.rendering import render

TITLES: Mapping[Kind, str] = {
    "newly failing": "Newly failing",
    "newly passing": "Newly passing",
    "changed": "Changed",
    "only in A": "Only in A",
    "only in B": "Only in B",
    "same": "The same",
}


def render_comparison(comparison: Comparison, names: tuple[str, str]) -> str:
    """Render a comparison as one self-contained page; `names` are those of the two records."""
    groups = [
        (TITLES[kind], [rule_row(rule) for rule in comparison.of_kind(kind)])
        for kind in KINDS
        if comparison.of_kind(kind)
    ]
    return render(
        "compare.html.j2",
        comparison=comparison,
        names=names,
        headline=headline_of_comparison(comparison),
        runs=[counts(report.rules) for report in (comparison.before, comparison.after)],
        verdict_words=VERDICT_WORDS,
        groups=groups,
        scores=figure_rows(comparison),
    )


def write_comparison(comparison: Comparison, names: tuple[str, str], path: Path) -> None:
    """Render a comparison to `path`, whole or not at all."""
    write_whole(path, render_comparison(comparison, names).encode("utf-8"))


def headline_of_comparison(comparison: Comparison) -> Headline:
    """The first words of the page: what the change did to the verdict."""
    failing = len(comparison.of_kind("newly failing"))
    passing = len(comparison.of_kind("newly passing"))
    if failing:
        word = f"{counted(failing, 'rule')} newly failing"
        return Headline(verdict="failed", word=word, sentence=_others(comparison, word))
    if passing:
        word = f"{counted(passing, 'rule')} newly passing"
        return Headline(verdict="passed", word=word, sentence=_others(comparison, word))
    verdict = headline_of(comparison.after).verdict
    word = "Still blocked" if verdict in BLOCKING else "No rule newly fails"
    return Headline(verdict=verdict, word=word, sentence=comparison.sentence)


def _others(comparison: Comparison, word: str) -> str:
    """The sentence without what its heading says already."""
    return comparison.sentence.removeprefix(f"{word}, ")
