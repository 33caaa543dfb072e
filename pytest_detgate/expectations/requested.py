"""The expectations that a project requests: by name in `detgate.toml`, or in a saved suite."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError

# Arguments of a saved suite on how to run and show an expectation, not on what it expects.
BOOKKEEPING = frozenset(
    {"batch_id", "catch_exceptions", "id", "rendered_content", "result_format", "windows"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A requested expectation: the place where it is written, its name and its arguments."""

    source: str
    type: str
    arguments: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How an error names it."""
        return f"{self.source} ({self.type})"


class _SavedExpectation(msgspec.Struct):
    # Suites saved before 1.0 say expectation_type.
    type: str | None = None
    expectation_type: str | None = None
    kwargs: dict[str, Any] = {}
    severity: str | None = None


class _SavedSuite(msgspec.Struct):
    expectations: list[_SavedExpectation]
    name: str | None = None


def requested_in_table(entries: Sequence[Mapping[str, Any]]) -> list[Requested]:
    """Return the expectations that a rule's table lists; each entry has a `type`."""
    return [
        Requested(
            source=f"expect {number}",
            type=entry["type"],
            arguments={key: value for key, value in entry.items() if key != "type"},
        )
        for number, entry in enumerate(entries, start=1)
    ]


def requested_in_suite(path: Path, name: str, table: str, tables: Sequence[str]) -> list[Requested]:
    """Return the expectations of a suite that Great Expectations saved as JSON.

    `name` is the path as it is written in `detgate.toml`. A file that is no such suite, is empty,
    or has the name of another of the `tables` than the one that it is used on, raises `DataError`.
    """
    suite = decode_json(read_bytes(path), _SavedSuite, path)
    if not suite.expectations:
        raise DataError(f"{path}: a suite without expectations passes without looking at anything")
    words = re.split(r"[^a-z]+", (suite.name or "").lower())
    named = [other for other in tables if other in words]
    if named and table not in named:
        raise DataError(
            f"{path}: the suite {suite.name!r} is for the table {named[0]}, and this is {table}"
        )
    requested = []
    for number, saved in enumerate(suite.expectations, start=1):
        source = f"{name}: expectation {number}"
        kind = saved.type or saved.expectation_type
        if kind is None:
            raise DataError(f"{source}: the key 'type' is missing; it takes text")
        arguments = {key: saved.kwargs[key] for key in saved.kwargs if key not in BOOKKEEPING}
        if saved.severity is not None:
            arguments["severity"] = saved.severity
        requested.append(Requested(source=source, type=kind, arguments=arguments))
    return requested


def first_non_finite(value: object) -> float | None:
    """Return the first NaN or infinity in the arguments: neither makes sense as a limit."""
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        inner = (first_non_finite(entry) for entry in value)
        return next((number for number in inner if number is not None), None)
    return None
