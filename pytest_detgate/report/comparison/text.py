"""A comparison as plain text for a terminal of 80 columns, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_detgate.record.formatting import counted
from pytest_detgate.record.markdown import code, plain
from pytest_detgate.record.terminal import WIDTH, cut, wrapped
from pytest_detgate.report.comparison.changes import KINDS, Comparison
from pytest_detgate.report.comparison.rows import (
    NOTHING,
    FigureRow,
    RuleRow,
    ValueRow,
    figure_rows,
    rule_row,
)

_COLUMN = 12
# A name is cut so far, and a cell of Markdown.
_NAME, _CELL = 80, 200
ROWS = 200
SAME = 20


def comparison_text(comparison: Comparison, names: tuple[str, str]) -> str:
    """A table for the terminal; `names` are those of the two records."""
    lines = [comparison.sentence, ""]
    for label, name in zip("AB", names, strict=True):
        lines.append(cut(f"{label}  {name}", WIDTH))
    lines.append("")
    for fact in comparison.facts:
        before, after = fact.before or NOTHING, fact.after or NOTHING
        text = before if before == after else f"{before} -> {after}"
        lines += wrapped(f"{fact.name}: {text}")
    lines += [""] if comparison.remarks else []
    for remark in comparison.remarks:
        lines += wrapped(f"! {remark}")
    for kind in KINDS:
        rules = comparison.of_kind(kind)
        if rules:
            lines += ["", f"{kind} ({len(rules):,})"]
        if kind == "same":
            lines += _same_lines([rule.id for rule in rules])
            continue
        for rule in rules:
            lines += _rule_lines(rule_row(rule))
    for split, metrics, classes in figure_rows(comparison):
        lines += ["", *_score_lines(f"scores on {split}", metrics)]
        if classes:
            lines += ["", *_score_lines(f"AP by class on {split}", classes)]
    return "\n".join(lines)


def _same_lines(names: list[str]) -> list[str]:
    more = f" and {len(names) - SAME:,} more" if len(names) > SAME else ""
    return wrapped(f"  {', '.join(names[:SAME])}{more}")


def _rule_lines(row: RuleRow) -> Iterator[str]:
    verdicts = row.before if row.before == row.after else f"{row.before} -> {row.after}"
    name = cut(row.id, max(WIDTH - len(verdicts) - 4, 30))
    yield f"  {name}  {verdicts}"
    for value in row.values:
        yield from wrapped(f"    {_value_words(value)}")
    if row.reason:
        yield from wrapped(f"    {row.reason}")


def _value_words(row: ValueRow) -> str:
    text = f"{row.name} {row.before} -> {row.after}"
    how = ", ".join(part for part in (row.change, row.way) if part)
    limit = f", {row.limit}" if row.limit else ""
    return f"{text}{f' ({how})' if how else ''}{limit}"


def _score_lines(title: str, rows: Sequence[FigureRow]) -> Iterator[str]:
    room = WIDTH - 3 * _COLUMN - 8
    yield f"{cut(title, room):<{room}}{'A':>{_COLUMN}}{'B':>{_COLUMN}}{'change':>{_COLUMN}}"
    for row in rows:
        name = cut(row.name, room - 3)
        numbers = "".join(f"{cell:>{_COLUMN}}" for cell in (row.before, row.after, row.change))
        yield f"  {name:<{room - 2}}{numbers}  {row.way}".rstrip()


def comparison_markdown(comparison: Comparison, names: tuple[str, str]) -> str:
    """Tables in GitHub's Markdown, rules that stayed the same left out; all that is anybody's
    text stays text."""
    lines = [
        "## detgate: two runs compared",
        "",
        plain(comparison.sentence, _CELL, begins=True),
        "",
        f"A is {code(names[0], _NAME)}, B is {code(names[1], _NAME)}.",
        "",
        "| | A | B |",
        "| --- | --- | --- |",
    ]
    for fact in comparison.facts:
        cells = (plain(text, _CELL) if text else NOTHING for text in (fact.before, fact.after))
        lines.append(f"| {plain(fact.name, _NAME)} | {' | '.join(cells)} |")
    lines.append("")
    for remark in comparison.remarks:
        lines += [f"> ⚠️ {plain(remark, 2 * _CELL)}", ""]
    lines += _rules_table(comparison)
    for split, metrics, classes in figure_rows(comparison):
        lines += [
            f"Scores on {code(split, _NAME)}:",
            "",
            "| | A | B | Change |",
            "| --- | ---: | ---: | ---: |",
            *(_figure_line(plain(row.name, _NAME), row) for row in metrics),
            *(_figure_line(f"AP of {code(row.name, _NAME)}", row) for row in classes),
            "",
        ]
    return "\n".join(lines)


def _rules_table(comparison: Comparison) -> Iterator[str]:
    rules = [rule for rule in comparison.rules if rule.kind != "same"]
    if not rules:
        return
    yield "| | Rule | A | B | Values |"
    yield "| --- | --- | --- | --- | --- |"
    for rule in rules[:ROWS]:
        row = rule_row(rule)
        text = "; ".join(map(_value_words, row.values)) or row.reason
        cells = (row.kind, code(row.id, _NAME), row.before, row.after)
        yield f"| {' | '.join(cells)} | {plain(text, _CELL) if text else NOTHING} |"
    yield ""
    if len(rules) > ROWS:
        yield f"{counted(len(rules) - ROWS, 'more rule')} changed."
        yield ""


def _figure_line(name: str, row: FigureRow) -> str:
    way = f" {row.way}" if row.way else ""
    return f"| {name} | {row.before} | {row.after} | {row.change}{way} |"
