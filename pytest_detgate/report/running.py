"""The report's folder while a run has no verdict yet: nothing in it shows an older one."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.record.folder import BADGE, PAGE, RECORD, RUNNING_MARK, SUMMARY, remove_findings
from pytest_detgate.record.report import RUNNING, ConfigRecord, DatasetRecord, Report
from pytest_detgate.record.report_file import write_report
from pytest_detgate.report.badge import GREY, badge_of
from pytest_detgate.report.headline import Headline
from pytest_detgate.report.rendering import render

_SENTENCE = (
    "This run has no verdict: it has not ended yet, or it ended before its record was written."
)


def mark_running(folder: Path, started: str, version: str) -> None:
    """Put a record without a verdict into the folder, and a page, a summary and a badge that say
    so; `started` is the time of the run.

    What a project may want to hide is not known yet, so nothing of it is written. A file that
    cannot be replaced is removed; what cannot be removed either is left to the end of the run,
    which tells of it. Raises `OSError` where the record cannot be written.
    """
    report = Report(
        verdict=RUNNING,
        started=started,
        duration_s=0.0,
        command=[],
        versions={"pytest-detgate": version},
        config=ConfigRecord(path="", sha256=""),
        dataset=DatasetRecord(),
        rules=[],
    )
    page = render(
        "running.html.j2",
        headline=Headline(verdict="none", word="Running", sentence=_SENTENCE),
        started=started,
    )
    files = {
        BADGE: badge_of(RUNNING, GREY),
        PAGE: page,
        SUMMARY: f"{RUNNING_MARK} detgate: running\n\n{_SENTENCE} It was started at {started}.\n",
    }
    write_report(report, folder / RECORD)
    for name, text in files.items():
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
            write_whole(folder / name, text.encode())
    with contextlib.suppress(OSError):
        remove_findings(folder)
