"""The page of a rule: its docstring under fixed headings, what it measures, its options."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from pytest_detgate.config.wording import expected
from pytest_detgate.record.measurement_labels import label_of
from pytest_detgate.rules.rule import Rule

HEADINGS = ("What it checks", "Why it matters", "How to fix")


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a rule, as it is written in `detgate.toml`."""

    key: str
    takes: str
    default: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rule measures under one or more names (`boxes`, `boxes[CLASS]`), in words."""

    names: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class RulePage:
    """The page of a rule: its texts, measurements and options; `sections` by heading."""

    code: str
    family: str
    summary: str
    sections: dict[str, str]
    measured: tuple[Measured, ...]
    options: tuple[Option, ...]


@cache
def rule_page(kind: type[Rule]) -> RulePage:
    """Read a rule's page off its class."""
    summary, *parts = re.split(r"^## (.+)$", inspect.getdoc(kind) or "", flags=re.MULTILINE)
    texts = [part.strip() for part in parts]
    return RulePage(
        code=kind.code,
        family=kind.family,
        summary=summary.strip(),
        sections=dict(zip(texts[::2], texts[1::2], strict=True)),
        measured=tuple(_measured(kind)),
        options=tuple(_option(field) for field in msgspec.structs.fields(kind)),
    )


def how_to_fix(kind: type[Rule]) -> str:
    """The rule's advice, on one line."""
    return " ".join(rule_page(kind).sections.get("How to fix", "").split())


def _measured(kind: type[Rule]) -> Iterator[Measured]:
    """The names that a rule declares; those that differ by brackets only have one label."""
    by_base: dict[str, list[str]] = {}
    for name in kind.measures.split():
        by_base.setdefault(name.partition("[")[0], []).append(name)
    for base, names in by_base.items():
        yield Measured(tuple(names), label_of(kind.code, base))


def _option(field: msgspec.structs.FieldInfo) -> Option:
    return Option(
        key=field.encode_name,
        takes=expected(field.type),
        default=None if field.required or field.default is None else _toml(field.default),
        description=_description(field.type),
    )


def _toml(value: Any) -> str:
    """A default as it would be typed in `detgate.toml`."""
    return json.dumps(value, ensure_ascii=False)


def _description(annotation: Any) -> str:
    schema = msgspec.json.schema(annotation)
    if "description" in schema:
        return str(schema["description"])
    for part in schema.get("anyOf", ()):
        if "description" in part:
            return str(part["description"])
    return ""
