"""The table of rules in parts: where a rule has many items, those of one verdict are together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pytest_detgate.findings import Verdict
from pytest_detgate.record.formatting import counted
from pytest_detgate.report.headline import BLOCKING
from pytest_detgate.report.page.rule_rows import Row

# From so many rows on a table needs groups, and so many items of a rule make one.
MANY = 40
GROUP = 8
# Of a group that is open, this many rows are.
OPEN_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some rows of the table. `title` is empty where they are not grouped.

    Else they are a group, about which `about` says what its rules have in common. It is open
    where these block: then `rows` are open, and `rest` are not, as the words of `more` say.
    """

    verdict: Verdict
    title: str
    about: str
    count: str
    open: bool
    rows: list[Row]
    rest: list[Row]
    more: str


def parts_of(rows: Sequence[Row]) -> list[Part]:
    """Lay out the table of rules, which come in the order of urgency."""
    if len(rows) <= MANY:
        return [_plain(list(rows))] if rows else []
    total = Counter(row.code for row in rows)
    parts: list[Part] = []
    for _, of_verdict in groupby(rows, key=lambda row: row.verdict):
        for part in _of_verdict(list(of_verdict), total):
            if parts and not part.title and not parts[-1].title:
                parts[-1] = _plain([*parts[-1].rows, *part.rows])
            else:
                parts.append(part)
    return parts


def _of_verdict(rows: list[Row], total: Counter[str]) -> Iterator[Part]:
    count_of_code = Counter(row.code for row in rows)
    single = [row for row in rows if count_of_code[row.code] < GROUP]
    if len(single) > MANY:
        yield _group("Other rules", counted(len(single), "item"), single)
    elif single:
        yield _plain(single)
    for code, count in count_of_code.items():
        if count >= GROUP:
            items = counted(total[code], "item")
            yield _group(code, f"{count:,} of {items}", [row for row in rows if row.code == code])


def _plain(rows: list[Row]) -> Part:
    return Part(
        verdict=rows[0].verdict,
        title="",
        about="",
        count="",
        open=True,
        rows=rows,
        rest=[],
        more="",
    )


def _group(title: str, count: str, rows: list[Row]) -> Part:
    verdict = rows[0].verdict
    is_open = verdict in BLOCKING
    most = OPEN_ROWS if is_open else len(rows)
    return Part(
        verdict=verdict,
        title=title,
        about=rows[0].about if len({row.about for row in rows}) == 1 else "",
        count=f"{count} {rows[0].word.lower()}",
        open=is_open,
        rows=rows[:most],
        rest=rows[most:],
        more=f"{len(rows) - most:,} more",
    )
