"""Writing down a run: the record and all that is beside it, by one process, each file whole.

What is beside the record is made from the record. A file that could not be written is reported,
and costs none of the others; one that an earlier run left there is gone before the record is new.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.config.tables.run_tables import ReportTable
from pytest_detgate.record.folder import BADGE, BESIDE, PAGE, RECORD, SUMMARY
from pytest_detgate.record.formatting import counted
from pytest_detgate.record.redaction.redaction import Redaction
from pytest_detgate.record.report import Report
from pytest_detgate.record.report_file import write_report
from pytest_detgate.report.badge import badge_svg
from pytest_detgate.report.documents import publish_documents
from pytest_detgate.report.findings_folder import publish
from pytest_detgate.report.history import (
    add_to_history,
    commit_of,
    history_charts,
    line_of,
    read_history,
)
from pytest_detgate.report.page.page import write_page
from pytest_detgate.report.pull_request_summary import summary_markdown
from pytest_detgate.report.record_size import fitted


@dataclass(kw_only=True)
class Published:
    """What was written: the record as it may be seen, the summary, and what went wrong.

    Without evidence a verdict cannot be checked: `failures` are of the page and the findings.
    `complaints` are of what only repeats them.
    """

    report: Report
    summary: str = ""
    failures: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def publish_run(
    report: Report,
    folder: Path,
    *,
    run: Path,
    root: Path,
    redaction: Redaction,
    settings: ReportTable,
    stores: tuple[str, ...] = (),
    history: Path | None = None,
) -> Published:
    """Write a run into the report's folder; `run` is where its processes put findings aside,
    `stores` are the folders that images may be links into, `history` is the file of earlier runs.

    Raises `OSError` where the record itself cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in BESIDE:
        # What cannot be removed cannot be written over either, which is then said.
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    shown = fitted(redaction.report(report))
    failures: list[str] = []
    try:
        items = [rule.id for rule in report.rules]
        shown = publish(run, folder, shown, items, redaction)
        shown = publish_documents(run, folder, shown, items, redaction)
    except Exception as error:
        failures.append(_failure_text("the findings files", error))
    published = Published(report=shown, failures=failures)
    if history is not None:
        shown = published.report = _with_history(shown, history, root, published.complaints)
    write_report(shown, folder / RECORD)
    page = redaction.path_text(str(folder / PAGE))

    def write_summary() -> None:
        published.summary = summary_markdown(shown, page)
        write_whole(folder / SUMMARY, published.summary.encode("utf-8", "replace"))

    def write_its_page() -> None:
        write_page(
            shown,
            root,
            folder / PAGE,
            megabytes=settings.max_megabytes,
            pictures=settings.pictures,
            folders=_image_folders(report, shown, root),
            stores=stores,
        )

    _try("the page", write_its_page, published.failures)
    _try(SUMMARY, write_summary, published.complaints)
    _try(
        BADGE,
        lambda: write_whole(folder / BADGE, badge_svg(shown).encode()),
        published.complaints,
    )
    return published


def _with_history(report: Report, path: Path, root: Path, problems: list[str]) -> Report:
    """The record with charts of the earlier runs; its own line is added to their file."""
    try:
        earlier, damaged = read_history(path)
        if damaged:
            lines = counted(damaged, "line")
            problems.append(f"{path.name}: {lines} could not be read as a run; left out")
        charts = history_charts(earlier, report)
        add_to_history(path, line_of(report, commit_of(root)))
    except Exception as error:
        problems.append(_failure_text(f"the history {path.name}", error))
        return report
    return msgspec.structs.replace(report, history=charts)


def _try(what: str, write: Callable[[], None], problems: list[str]) -> None:
    """What goes wrong beside the record must lose neither it nor what comes after."""
    try:
        write()
    except Exception as error:
        problems.append(_failure_text(what, error))


def _failure_text(what: str, error: Exception) -> str:
    kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
    return f"{what} could not be written: {kind}{error}"


def _image_folders(report: Report, shown: Report, root: Path) -> dict[str, Path]:
    """Where the images of each split and probe are, which this run has read already; the record
    may not say it."""
    own, seen = (
        [
            *((name, split.images_dir) for name, split in dataset.splits.items()),
            *((name, probe.images_dir) for name, probe in dataset.probes.items()),
        ]
        for dataset in (report.dataset, shown.dataset)
    )
    return {name: root / folder for (_, folder), (name, _) in zip(own, seen, strict=True)}
