"""Folders beside the record with results in the form of other tools: `gx` for Great Expectations.

As findings, they are put aside by the process that evaluated an item, and put in place by the one
that writes the record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.record.folder import DOCUMENTS, OUR_DOCUMENT
from pytest_detgate.record.redaction.redaction import Redaction
from pytest_detgate.record.report import Report
from pytest_detgate.regular_file import read_regular
from pytest_detgate.report.page.rule_rows import fragment_names

_LONGEST = 120


def put_document_aside(run: Path, item: str, folder: str, document: bytes) -> None:
    """Keep the document of one item in the folder that the processes of a run share."""
    write_whole(_aside(run, item, folder), document)


def publish_documents(
    run: Path, target: Path, report: Report, items: Sequence[str], redaction: Redaction
) -> Report:
    """Put the documents of a run in place under the report's folder; the report that comes back
    names them. `items` are the rules as they were put aside."""
    names = fragment_names(rule.id[:_LONGEST] for rule in report.rules)
    rules = [
        msgspec.structs.replace(
            rule, documents=list(_published(run, target, item, name, rule.id, redaction))
        )
        for item, rule, name in zip(items, report.rules, names, strict=True)
    ]
    return msgspec.structs.replace(report, rules=rules)


def _published(
    run: Path, target: Path, item: str, name: str, rule: str, redaction: Redaction
) -> Iterator[str]:
    for folder in DOCUMENTS:
        aside = _aside(run, item, folder)
        if not aside.exists():
            continue
        document = msgspec.json.decode(read_regular(aside))
        meta = {"pytest-detgate": {"rule": rule}, **document.pop("meta", {})}
        content = msgspec.json.encode(redaction.values({"meta": meta, **document}))
        assert content.startswith(OUR_DOCUMENT)
        write_whole(target / folder / f"{name}.json", content)
        yield f"{folder}/{name}.json"


def _aside(run: Path, item: str, folder: str) -> Path:
    digest = hashlib.sha256(item.encode("utf-8", "replace")).hexdigest()[:32]
    return run / folder / f"{digest}.json"
