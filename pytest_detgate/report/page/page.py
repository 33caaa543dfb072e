"""The audit page: one HTML file, made from the record of a run and nothing else.

Imported only when a page is to be written: it brings in Jinja2 and Pillow.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.record.project_files.looks import ledger_note
from pytest_detgate.record.report import Report
from pytest_detgate.record.same_reason import first_with_reason
from pytest_detgate.report.charts.draw import drawing_of
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.select import lowest_threshold
from pytest_detgate.report.figures.thumbnails import ImageFolders
from pytest_detgate.report.headline import (
    VERDICT_WORDS,
    counts,
    headline_of,
    in_order,
)
from pytest_detgate.report.page.evidence_section import SECTIONS, evidence_of, labels_of
from pytest_detgate.report.page.rule_groups import MANY, parts_of
from pytest_detgate.report.page.rule_rows import evidence_words, fragment_names, row_of
from pytest_detgate.report.page.score_tables import scoreboard_of
from pytest_detgate.report.page.threshold_slider import script_data, start_of, tuning_of
from pytest_detgate.report.reasons import blocking_reasons, causes_of, tasks_of
from pytest_detgate.report.rendering import render

MEGABYTES = 8.0
# Megabytes of everything but images; a page that needs more shows fewer of these.
BESIDES = 0.5
# Reasons that the verdict gives one by one, and how many rules it names that say the same.
REASONS = 4
NAMED = 3
# Frames of a rule that are open; the others are a click away.
OPEN_FRAMES = 6


def render_page(
    report: Report,
    root: Path,
    *,
    megabytes: float = MEGABYTES,
    pictures: bool = True,
    folders: Mapping[str, Path] | None = None,
    stores: tuple[str, ...] = (),
) -> str:
    """Render a record as one self-contained page.

    Images are read from the record's images folders under `root`; together they take at most
    `megabytes` of the page, and less where everything else takes more than its share. `folders` are
    those of splits or probes, where the record does not tell them, `stores` those that images may
    be links into. Without `pictures` none is read, and boxes are on blank frames.
    """
    image_folders = ImageFolders(
        report.dataset, root, closed=not pictures, further=folders or {}, stores=stores
    )
    album = Album(image_folders, megabytes)
    page = _rendered(report, album, pictures=pictures)
    excess = len(page) / 1e6 - megabytes - BESIDES
    if excess > 0 and album.embedded:
        album = Album(image_folders, max(megabytes - excess, 0.0))
        page = _rendered(report, album, pictures=pictures)
    return page


def _rendered(report: Report, album: Album, *, pictures: bool) -> str:
    """Render a record with the images that an album has room for."""
    rules = in_order(report.rules)
    names = fragment_names(rule.id for rule in rules)
    telling = [index for index, rule in enumerate(rules) if evidence_words(rule)]
    shown = dict.fromkeys(telling[:SECTIONS])
    later = first_with_reason(rules)
    name_of = {rule.id: name for rule, name in zip(rules, names, strict=True)}
    rows = [
        row_of(
            rule,
            name,
            shown=index in shown,
            same_as=(later[rule.id], name_of[later[rule.id]]) if rule.id in later else None,
        )
        for index, (rule, name) in enumerate(zip(rules, names, strict=True))
    ]
    threshold = start_of(report)
    of_shown = [rules[index] for index in shown]
    lowest = lowest_threshold(of_shown, threshold)
    evidence = evidence_of(of_shown, [rows[index] for index in shown], album, threshold, lowest)
    tuning = tuning_of(report, rules, names)
    reasons = blocking_reasons(rules)
    return render(
        "report.html.j2",
        script="page.js",
        report=report,
        headline=headline_of(report),
        counts=counts(report.rules),
        verdict_words=VERDICT_WORDS,
        reasons=reasons[:REASONS],
        more_reasons=sum(len(reason.rules) for reason in reasons[REASONS:]),
        tasks=tasks_of(rules),
        causes=causes_of(rules),
        named=NAMED,
        rows=rows,
        long=len(rows) > MANY,
        parts=parts_of(rows),
        evidence=evidence,
        open_frames=OPEN_FRAMES,
        has_images=any(item.frames or item.figures for item in evidence),
        unseen=len(telling) - len(shown),
        labels=labels_of(evidence),
        scored=bool(tuning.rules)
        or any(frame.detected for item in evidence for frame in item.frames),
        tuning=tuning,
        lowest=lowest,
        data=script_data(tuning),
        pictures=pictures,
        embedded=album.embedded,
        scores=scoreboard_of(report.scores),
        data_charts=[
            drawing_of(chart, f"data-chart-{index}")
            for index, chart in enumerate(report.dataset.charts, start=1)
        ],
        history=[
            drawing_of(chart, f"history-{index}")
            for index, chart in enumerate(report.history, start=1)
        ],
        ledger_note="" if report.ledger is None else ledger_note(report.ledger),
        command=shlex.join(report.command),
    )


def write_page(
    report: Report,
    root: Path,
    path: Path,
    *,
    megabytes: float = MEGABYTES,
    pictures: bool = True,
    folders: Mapping[str, Path] | None = None,
    stores: tuple[str, ...] = (),
) -> None:
    """Render a record to `path`, whole or not at all.

    Where that fails, the page of an earlier run is removed as well: beside a new record it would
    tell an old verdict.
    """
    try:
        page = render_page(
            report, root, megabytes=megabytes, pictures=pictures, folders=folders, stores=stores
        )
        write_whole(path, page.encode("utf-8"))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
