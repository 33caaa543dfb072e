"""Which expectations a project asks for: by name in `detgate.toml`, or in a saved suite."""

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

# A suite that was saved carries them; they say how to run and show an expectation, not what it is.
BOOKKEEPING = frozenset(
    {"batch_id", "catch_exceptions", "id", "rendered_content", "result_format", "windows"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One expectation: where it was typed, its name and its arguments."""

    place: str
    type: str
    arguments: Mapping[str, Any]

    @property
    def said(self) -> str:
        """How an error names it."""
        return f"{self.place} ({self.type})"


class _SavedExpectation(msgspec.Struct):
    # Suites saved before 1.0 say expectation_type.
    type: str | None = None
    expectation_type: str | None = None
    kwargs: dict[str, Any] = {}
    severity: str | None = None


class _SavedSuite(msgspec.Struct):
    expectations: list[_SavedExpectation]
    name: str | None = None


def wanted_by_name(entries: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """The expectations that a rule's table lists; each entry has a `type`."""
    return [
        Wanted(
            place=f"expect {at}",
            type=entry["type"],
            arguments={key: value for key, value in entry.items() if key != "type"},
        )
        for at, entry in enumerate(entries, start=1)
    ]


def wanted_in_suite(path: Path, name: str, table: str, tables: Sequence[str]) -> list[Wanted]:
    """The expectations of a suite that Great Expectations saved as JSON; `name` is the path as
    it was typed. A file that is no such suite, is empty, or is named after another of the
    `tables` than the one that it is used on, raises `DataError`."""
    suite = decode_json(read_bytes(path), _SavedSuite, path)
    if not suite.expectations:
        raise DataError(f"{path}: a suite without expectations says yes without having looked")
    words = re.split(r"[^a-z]+", (suite.name or "").lower())
    named = [one for one in tables if one in words]
    if named and table not in named:
        raise DataError(
            f"{path}: the suite {suite.name!r} is for the table {named[0]}, and this is {table}"
        )
    wanted = []
    for at, saved in enumerate(suite.expectations, start=1):
        place = f"{name}: expectation {at}"
        kind = saved.type or saved.expectation_type
        if kind is None:
            raise DataError(f"{place}: the key 'type' is missing; it takes text")
        arguments = {key: saved.kwargs[key] for key in saved.kwargs if key not in BOOKKEEPING}
        if saved.severity is not None:
            arguments["severity"] = saved.severity
        wanted.append(Wanted(place=place, type=kind, arguments=arguments))
    return wanted


def first_odd_number(value: object) -> float | None:
    """The first NaN or infinity in the arguments: neither is a limit that means something."""
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        found = (first_odd_number(entry) for entry in value)
        return next((odd for odd in found if odd is not None), None)
    return None
