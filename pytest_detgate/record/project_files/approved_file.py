"""`detgate-baseline.json`: reading and writing the approved baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.plain import encode
from pytest_detgate.record.project_files.approved import (
    APPROVED_FORMAT,
    Approved,
    ApprovedProbe,
    digest_of,
)

BASELINE_FILE = "detgate-baseline.json"
LARGEST = 99_000
"""Bytes of the file at most."""
APPROVE_AGAIN = "run the gate and `python -m pytest_detgate approve`"
BY_CLASS = "AP by class"
BY_IMAGE = "the false boxes by image"


class _Head(msgspec.Struct):
    """What tells the file from any other JSON file, in any format."""

    detgate_baseline: int


def is_approved(content: bytes) -> bool:
    """Return whether JSON is that of an approved baseline, of any format."""
    try:
        msgspec.json.decode(content, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def approved_from(content: bytes, name: str) -> Approved:
    """Return the baseline in the content of a file; `DataError`, which calls the file by its
    `name`, if it is damaged or not as `approve` wrote it."""
    format_ = msgspec.json.decode(content, type=_Head).detgate_baseline
    if format_ != APPROVED_FORMAT:
        raise DataError(
            f"{name}: a baseline of format {format_}; this pytest-detgate reads format "
            f"{APPROVED_FORMAT}: {APPROVE_AGAIN}"
        )
    try:
        approved = msgspec.json.decode(content, type=Approved)
    except msgspec.ValidationError as error:
        raise DataError(f"{name}: damaged baseline: {error}; {APPROVE_AGAIN}") from error
    if approved.digest != digest_of(approved):
        raise DataError(
            f"{name}: changed since `approve` wrote it, by hand or by a merge of two branches, so "
            f"its values may be of no run; {APPROVE_AGAIN}"
        )
    return approved


def write_approved(approved: Approved, path: Path) -> Approved:
    """Write a baseline, one value a line, and return what was written: what has no room is left
    out. `ConfigError` if not even its digests have."""
    for fitted in _smaller(approved):
        content = _content(fitted)
        if len(content) <= LARGEST:
            write_whole(path, content)
            return fitted
    raise ConfigError(
        f"{path.name} would be larger than {LARGEST:,} bytes with its digests alone: this run has "
        "too many splits, probes or classes; name its report.json as the baseline"
    )


def _content(approved: Approved) -> bytes:
    sealed = msgspec.structs.replace(approved, digest=digest_of(approved))
    return msgspec.json.format(encode(sealed)) + b"\n"


def _smaller(approved: Approved) -> Iterator[Approved]:
    """The baseline, then with less and less in it; what comparisons need most stays longest."""
    yield approved
    for what, without in _STAGES:
        fewer = without(approved)
        if fewer != approved:
            left_out = [*approved.left_out, what]
            approved = msgspec.structs.replace(fewer, left_out=left_out)
            yield approved


def _without_field(field: str, approved: Approved) -> Approved:
    """Without this field of each rule."""
    rules = {
        name: msgspec.structs.replace(rule, **{field: {}}) for name, rule in approved.rules.items()
    }
    return msgspec.structs.replace(approved, rules=rules)


def _with_class_metrics(metrics: tuple[str, ...], approved: Approved) -> Approved:
    """Of the metrics by class only these."""
    scores = {
        name: msgspec.structs.replace(
            score, classes={key: score.classes[key] for key in metrics if key in score.classes}
        )
        for name, score in approved.scores.items()
    }
    return msgspec.structs.replace(approved, scores=scores)


def _without_images(approved: Approved) -> Approved:
    """Without the counts by image of the probe whose counts are longest."""

    def size(probe: ApprovedProbe) -> int:
        return sum(len(count.by_image or "") for count in probe.false_boxes)

    counted = [name for name, probe in approved.probes.items() if size(probe)]
    if not counted:
        return approved
    longest = max(counted, key=lambda name: size(approved.probes[name]))
    probe = approved.probes[longest]
    counts = [msgspec.structs.replace(count, by_image=None) for count in probe.false_boxes]
    fewer = msgspec.structs.replace(probe, false_boxes=counts)
    return msgspec.structs.replace(approved, probes={**approved.probes, longest: fewer})


def _without_any_images(approved: Approved) -> Approved:
    fewer = _without_images(approved)
    return approved if fewer == approved else _without_any_images(fewer)


_STAGES: tuple[tuple[str, Callable[[Approved], Approved]], ...] = (
    ("the bounds of the rules", partial(_without_field, "bounds")),
    ("the values of the rules", partial(_without_field, "values")),
    ("AP50 and AP75 by class", partial(_with_class_metrics, ("AP",))),
    (f"{BY_IMAGE} of the largest probe", _without_images),
    (BY_IMAGE, _without_any_images),
    (BY_CLASS, partial(_with_class_metrics, ())),
    ("the rules", lambda approved: msgspec.structs.replace(approved, rules={})),
)
