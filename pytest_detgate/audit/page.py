"""The audit page: one HTML file, made from the record of a run and nothing else.

Imported only when a page is to be written: it brings in Jinja2 and Pillow.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_detgate.audit import words
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
from pytest_detgate.audit.rows import evidence_of, fragment_names, row_of
from pytest_detgate.audit.scoreboard import scoreboard_of

# The folder templates/ is mapped to this package by the build: it is reached by name only.
TEMPLATES = "pytest_detgate.templates"
MEGABYTES = 8.0
# Rules that the verdict names one by one: those that block or, where none does, the unclean ones.
TOLD = 4


def render_page(report: Report, root: Path, *, megabytes: float = MEGABYTES) -> str:
    """Render a record as one self-contained page.

    Pictures are read from the record's images folders under `root`; together they take at most
    `megabytes` of the page.
    """
    style = Markup(files(TEMPLATES).joinpath("style.css").read_text("utf-8"))
    folders, budget = PictureFolders(report.dataset, root), Budget(megabytes)
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
    template = _environment().get_template("report.html.j2")
    return template.render(
        report=report,
        style=style,
        style_hash=_hash(style),
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


def write_page(report: Report, root: Path, path: Path, *, megabytes: float = MEGABYTES) -> None:
    """Render a record to `path`, whole or not at all.

    Where that fails, the page of an earlier run is removed as well: beside a new record it would
    tell an old verdict.
    """
    try:
        write_whole(path, render_page(report, root, megabytes=megabytes).encode("utf-8"))
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(TEMPLATES, "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        counted=words.counted,
        duration=words.duration,
        moment=words.moment,
        pixels=words.pixels,
    )
    return environment


def _visible(value: object) -> object:
    return words.visible(value) if isinstance(value, str) and type(value) is not Markup else value


def _hash(text: str) -> str:
    """Give the source expression that lets a content security policy accept this very text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
