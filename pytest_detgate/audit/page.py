"""The audit page: one HTML file, made from the record of a run and nothing else.

Imported only when a page is to be written: it brings in Jinja2 and Pillow.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from pytest_detgate.audit.files import write_whole
from pytest_detgate.audit.gallery import Budget
from pytest_detgate.audit.headline import (
    BLOCKING,
    VERDICT_WORDS,
    counts,
    headline_of,
    in_order,
)
from pytest_detgate.audit.pictures import PictureFolders
from pytest_detgate.audit.record import Report
from pytest_detgate.audit.rendering import render
from pytest_detgate.audit.rows import evidence_of, fragment_names, row_of
from pytest_detgate.audit.scoreboard import scoreboard_of

MEGABYTES = 8.0
# Rules that the verdict names one by one: those that block or, where none does, the unclean ones.
TOLD = 4


def render_page(
    report: Report,
    root: Path,
    *,
    megabytes: float = MEGABYTES,
    pictures: bool = True,
    places: Mapping[str, Path] | None = None,
) -> str:
    """Render a record as one self-contained page.

    Pictures are read from the record's images folders under `root`; together they take at most
    `megabytes` of the page. `places` are folders of splits or probes, where the record
    does not tell them. Without `pictures` none is read, and boxes stand on blank frames.
    """
    folders = PictureFolders(report.dataset, root, closed=not pictures, further=places or {})
    budget = Budget(megabytes)
    rules = in_order(report.rules)
    names = fragment_names(rule.id for rule in rules)
    rows = [row_of(rule, name) for rule, name in zip(rules, names, strict=True)]
    evidence = [
        evidence_of(rule, row, folders, budget)
        for rule, row in zip(rules, rows, strict=True)
        if row.evidence
    ]
    told = [row for row in rows if row.verdict in BLOCKING]
    told = told or [row for row in rows if row.verdict != "passed"]
    return render(
        "report.html.j2",
        report=report,
        headline=headline_of(report),
        counts=counts(report.rules),
        verdict_words=VERDICT_WORDS,
        told=told[:TOLD],
        more_told=len(told) - TOLD,
        rows=rows,
        evidence=evidence,
        scores=scoreboard_of(report.scores),
        command=shlex.join(report.command),
    )


def write_page(
    report: Report,
    root: Path,
    path: Path,
    *,
    megabytes: float = MEGABYTES,
    pictures: bool = True,
    places: Mapping[str, Path] | None = None,
) -> None:
    """Render a record to `path`, whole or not at all.

    Where that fails, the page of an earlier run is removed as well: beside a new record it would
    tell an old verdict.
    """
    try:
        page = render_page(report, root, megabytes=megabytes, pictures=pictures, places=places)
        write_whole(path, page.encode("utf-8"))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
