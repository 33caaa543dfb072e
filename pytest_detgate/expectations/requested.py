"""The expectations that a project requests: by name in `detgate.toml`, or in a saved suite."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from pytest_detgate.config.wording import value_text
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError
from pytest_detgate.expectations.legacy import current, notes_of
from pytest_detgate.expectations.models import BOOKKEEPING
from pytest_detgate.expectations.parameters import filled

Severity = Literal["critical", "warning", "info"]
COMMON = ("description", "meta", "notes", "severity")
"""Arguments that every expectation takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A requested expectation: the place where it is written, its name and its arguments.

    `parameters` are values that its suite gives its parameters, which `detgate.toml` may change.
    """

    source: str
    type: str
    arguments: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How an error names it."""
        return f"{self.source} ({self.type})"

    @property
    def severity(self) -> Severity:
        """What it means if it is not met; Great Expectations says `critical` where nobody does."""
        return cast("Severity", self.arguments.get("severity") or "critical")

    def call(self, name: str) -> str:
        """The expectation, under one spelling of its name, as a call."""
        own = {key: value for key, value in self.arguments.items() if key not in COMMON}
        return f"{name}({', '.join(f'{key}={value_text(value)}' for key, value in own.items())})"

    @property
    def words(self) -> str:
        """What its author says about it: description, notes, and everything else that `meta`
        has."""
        notes, meta = self.arguments.get("notes") or (), self.arguments.get("meta") or {}
        lines = [self.arguments.get("description") or ""]
        lines += [notes] if isinstance(notes, str) else list(notes)
        lines += notes_of(meta)
        lines += [f"{key}: {value}" for key, value in meta.items() if key != "notes"]
        return "; ".join(str(line).strip() for line in lines if str(line).strip())

    def with_parameters(self, parameters: Mapping[str, Any]) -> Requested:
        """The same with its parameters filled; `DataError` where one cannot be."""
        known = {**self.parameters, **parameters}
        try:
            arguments = {key: filled(value, known) for key, value in self.arguments.items()}
        except DataError as error:
            raise DataError(f"{self.label}: {error}") from None
        return replace(self, arguments=arguments)


class _SavedExpectation(msgspec.Struct):
    # Suites saved before 1.0 say expectation_type, and have notes in meta.
    type: str | None = None
    expectation_type: str | None = None
    kwargs: dict[str, Any] = {}
    severity: str | None = None
    description: str | None = None
    notes: str | list[str] | None = None
    meta: dict[str, Any] | None = None


class _SavedSuite(msgspec.Struct):
    expectations: list[_SavedExpectation]
    name: str | None = None
    expectation_suite_name: str | None = None
    evaluation_parameters: dict[str, Any] | None = None


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
    suite_name = suite.name or suite.expectation_suite_name or ""
    words = re.split(r"[^a-z]+", suite_name.lower())
    named = [other for other in tables if other in words]
    if named and table not in named:
        raise DataError(
            f"{path}: the suite {suite_name!r} is for the table {named[0]}, and this is {table}"
        )
    return [
        _requested(saved, f"{name}: expectation {number}", suite.evaluation_parameters or {})
        for number, saved in enumerate(suite.expectations, start=1)
    ]


def _requested(saved: _SavedExpectation, source: str, parameters: Mapping[str, Any]) -> Requested:
    kind = saved.type or saved.expectation_type
    if kind is None:
        raise DataError(f"{source}: the key 'type' is missing; it takes text")
    arguments = {
        key: value
        for key, value in saved.kwargs.items()
        if key not in BOOKKEEPING and value is not None
    }
    try:
        kind, arguments = current(kind, arguments)
    except DataError as error:
        raise DataError(f"{source} ({kind}): {error}") from None
    for key in COMMON:
        value = getattr(saved, key)
        arguments |= {key: value} if value else {}
    return Requested(source=source, type=kind, arguments=arguments, parameters=parameters)


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
