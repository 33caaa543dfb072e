"""The folder `findings` beside the record: one COCO file for each item and data set with findings
on images.

The process that evaluated an item writes its files aside, the one that writes the record puts
them in place: only it knows the verdicts of the run, and no other may write into the report.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.plain import encode
from pytest_detgate.record.folder import FINDINGS, remove_findings
from pytest_detgate.record.redaction.redaction import Redaction
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.regular_file import read_regular
from pytest_detgate.report.coco_export import CocoExport
from pytest_detgate.report.page.rule_rows import fragment_names

_LONGEST = 120


def put_aside(run: Path, item: str, files: Mapping[str, CocoExport]) -> None:
    """Keep the files of one item, by data set, in the folder that the processes of a run share, and
    none of an earlier run of the item."""
    for earlier in _aside(run, item).glob("*.json"):
        earlier.unlink(missing_ok=True)
    for index, file in enumerate(files.values()):
        write_whole(_aside(run, item) / f"{index}.json", encode(file))


def publish(
    run: Path, folder: Path, report: Report, items: Sequence[str], redaction: Redaction
) -> Report:
    """Put the files of a run in place under the report's folder, and those of earlier runs away;
    the report that comes back names them. `items` are the rules as they were put aside, before
    anything in the report was hidden."""
    target = folder / FINDINGS
    remove_findings(folder)
    names = fragment_names(rule.id[:_LONGEST] for rule in report.rules)
    rules = [
        msgspec.structs.replace(
            rule,
            findings_files=list(
                _published(_aside(run, item), target, name, rule, report, redaction)
            ),
        )
        for item, rule, name in zip(items, report.rules, names, strict=True)
    ]
    return msgspec.structs.replace(report, rules=rules)


def _published(
    aside: Path,
    target: Path,
    name: str,
    rule: RuleResult,
    report: Report,
    redaction: Redaction,
) -> Iterator[str]:
    parts = sorted(aside.glob("*.json"), key=lambda path: int(path.stem))
    for path in parts:
        file = msgspec.json.decode(read_regular(path), type=_Part)
        dataset = redaction.text(str(file.info["dataset"]))
        suffix = "" if len(parts) == 1 else f"--{_plain(dataset)}"
        info = {
            "description": f"pytest-detgate: findings of {rule.id} on {dataset}",
            "contributor": "pytest-detgate",
            "version": report.versions.get("pytest-detgate", ""),
            "date_created": report.started,
            "rule": rule.id,
            "verdict": rule.verdict,
            "message": rule.message,
            **_data_paths(report, dataset),
            **file.info,
            "dataset": dataset,
        }
        whole = CocoExport(
            info=info,
            images=_shown(file.images, redaction),
            annotations=_shown(file.annotations, redaction),
            categories=_shown_categories(file.categories, redaction),
        )
        write_whole(target / f"{name}{suffix}.json", encode(whole))
        yield f"{FINDINGS}/{name}{suffix}.json"


def _shown(part: msgspec.Raw, redaction: Redaction) -> msgspec.Raw:
    """A part of a file in which nothing is left that must not be seen; most hold nothing of it."""
    if not redaction.suspects(bytes(part).decode()):
        return part
    return msgspec.Raw(msgspec.json.encode(redaction.values(msgspec.json.decode(part))))


def _shown_categories(part: msgspec.Raw, redaction: Redaction) -> msgspec.Raw:
    """The categories, whose texts are names of classes."""
    if not redaction.suspects(bytes(part).decode()):
        return part
    categories: list[dict[str, object]] = [
        {
            key: redaction.label(text) if isinstance(text, str) else text
            for key, text in each.items()
        }
        for each in msgspec.json.decode(part, type=list[dict[str, object]])
    ]
    return msgspec.Raw(msgspec.json.encode(categories))


class _Part(msgspec.Struct):
    """A file that was put aside; what only passes through is not decoded."""

    info: dict[str, str | int]
    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw


def _data_paths(report: Report, name: str) -> dict[str, str]:
    """Where the annotations and images of a data set lie, relative to the root directory."""
    entry = report.dataset.splits.get(name) or report.dataset.probes.get(name)
    if entry is None:
        return {}
    folders = {"images_dir": entry.images_dir}
    return folders if entry.annotations is None else {"annotations": entry.annotations, **folders}


def _aside(run: Path, item: str) -> Path:
    return run / FINDINGS / hashlib.sha256(item.encode("utf-8", "replace")).hexdigest()[:32]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "other"
