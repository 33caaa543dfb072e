"""The fields of the record that hold paths, and those that may hold texts of people."""

from __future__ import annotations

import typing
from functools import cache

import msgspec

from pytest_detgate.record.project_files.looks import LedgerRecord
from pytest_detgate.record.report import (
    BaselineRecord,
    ConfigRecord,
    ModelRecord,
    PredictionsRecord,
    ProbeRecord,
    SplitRecord,
)

PATH_FIELDS: dict[type[msgspec.Struct], tuple[str, ...]] = {
    SplitRecord: ("annotations", "images_dir"),
    ProbeRecord: ("annotations", "images_dir"),
    ModelRecord: ("checkpoint", "config"),
    PredictionsRecord: ("path",),
    LedgerRecord: ("path",),
    BaselineRecord: ("path",),
    ConfigRecord: ("path",),
}
# Digests, times, counts and links into the report's own folder are nobody's text; in a list of
# versions four numbers with dots are no address.
_UNREDACTED = frozenset(
    {
        *("sha256", "names_sha256", "images_sha256", "detections_sha256"),
        *("started", "findings_files", "documents", "versions", "by_image"),
    }
)


@cache
def text_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the fields of a struct that may hold somebody's text; a closed set has none."""
    return tuple(
        field.name
        for field in msgspec.structs.fields(kind)
        if field.name not in _UNREDACTED and not _is_closed(field.type)
    )


def _is_closed(annotation: object) -> bool:
    """Whether values of this type hold no text, or only one of a closed set."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return True
    parts = typing.get_args(annotation)
    if parts:
        return all(part is Ellipsis or _is_closed(part) for part in parts)
    return annotation in (int, float, bool, type(None))
