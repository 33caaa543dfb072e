"""Limits of `detgate.toml` moved to what a run measured.

A limit is found by its name: `boxes` of `probe-fp` is limited by `max-boxes`, else by `max`; of one
probe, class or split by the table of that. It counts only if it has the very value that the item
was judged by, so no other option can be meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from pytest_detgate.config.lines import KeyPath
from pytest_detgate.findings import Measurement
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import BoundRule
from pytest_detgate.rules.rule import Target

_BELOW_ONE, _FROM_ONE = Decimal("0.0001"), Decimal("0.01")
_JUDGED = ("passed", "failed", "warned")


@dataclass(frozen=True, slots=True)
class Move:
    """A number in the file at the end of a path of keys, and the one to put there."""

    path: KeyPath
    old: float | int
    new: float | int


@dataclass(slots=True)
class Ratchet:
    """The moves of a run, and why other limits stay."""

    moves: list[Move] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Limit:
    """A number in the file, and the values that are compared with it; `unknown` are items that may
    use it and have none."""

    old: float | int
    measurements: list[Measurement] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    is_range: bool = False


def ratchet(
    rules: Sequence[BoundRule],
    results: Mapping[str, RuleResult],
    document: Mapping[str, Any],
    *,
    away: bool,
) -> Ratchet:
    """Return where the limits of a document go. They go towards what was measured, and only with
    `away` also from it. A limit that several items share goes to the worst of them."""
    moved = Ratchet()
    for bound in rules:
        if not bound.rule.moves_limits or bound.rule.compares:
            continue
        for path, limit in _limits(bound, results, document).items():
            _move(path, limit, moved, away=away)
    return moved


def _limits(
    bound: BoundRule, results: Mapping[str, RuleResult], document: Mapping[str, Any]
) -> dict[KeyPath, _Limit]:
    """The limits in the table of a rule that its items are judged by."""
    table = value_at(document, bound.location.path)
    limits: dict[KeyPath, _Limit] = {}
    names: dict[str, Measurement] = {}
    missing: list[tuple[str, Target]] = []
    for target in bound.targets:
        item = bound.item_name(target)
        result = results.get(item)
        judged = [] if result is None or result.verdict not in _JUDGED else result.measurements
        measured = [
            measurement
            for measurement in judged
            if measurement.limit is not None and measurement.passed is not None
        ]
        if not measured:
            missing.append((item, target))
        for measurement in measured:
            names.setdefault(measurement.name, measurement)
            path = _path(table, target, measurement, measurement.limit)
            if path:
                number = value_at(table, path)
                limit = limits.setdefault((*bound.location.path, *path), _Limit(number))
                limit.measurements.append(measurement)
                twins = [other for other in measured if other.name == measurement.name]
                limit.is_range |= len({other.relation for other in twins}) > 1
    for item, target in missing:
        for measurement in names.values():
            path = _path(table, target, measurement)
            shared = limits.get((*bound.location.path, *path)) if path else None
            if shared is not None:
                shared.unknown.append(item)
    return limits


def _path(
    table: object, target: Target, measured: Measurement, limit: float | None = None
) -> KeyPath | None:
    """The keys, below the table of a rule, of the number that a value is compared with; a `limit`
    that is known is that number."""
    return next(
        (
            path
            for path in _paths(target, measured)
            if _is_number(table, path) and (limit is None or value_at(table, path) == limit)
        ),
        None,
    )


def _paths(target: Target, measured: Measurement) -> Iterator[KeyPath]:
    """The places where that number may be: under its own name before `max` and `min`, and for one
    item before those for all."""
    name, bracket, part = measured.name.partition("[")
    label, part = target.label, part.removesuffix("]")
    if bracket:
        if label is not None:
            yield ("probes", label, "classes", part)
        yield ("classes", part)
        return
    side = "max" if measured.relation == "<=" else "min"
    for key in (f"{side}-{name.replace('_', '-')}", side):
        if label is not None:
            yield ("probes", label, key)
            yield (f"{key}-by-split", label)
            yield (f"{key}-by-change", label)
            if key == side:
                yield ("classes", label)
                yield (label,)
        yield (key,)


def _move(path: KeyPath, limit: _Limit, moved: Ratchet, *, away: bool) -> None:
    name = ".".join(map(str, path))
    if limit.is_range:
        moved.notes.append(f"{name} stays: it is one end of a range")
        return
    if limit.unknown:
        moved.notes.append(
            f"{name} stays: {limit.unknown[0]}, which it also limits, has no value in this run"
        )
        return
    is_most = limit.measurements[0].relation == "<="
    worst = max(
        limit.measurements,
        key=lambda measurement: measurement.judged_value if is_most else -measurement.judged_value,
    )
    new = rounded(worst, up=is_most)
    is_nearer = new < limit.old if is_most else new > limit.old
    is_broken = any(not measurement.passed for measurement in limit.measurements)
    if is_nearer or (away and is_broken and new != limit.old):
        moved.moves.append(Move(path, limit.old, new))


def rounded(measured: Measurement, *, up: bool) -> float | int:
    """Return the number that a value was judged by, rounded to the side on which it passes: to a
    whole number for a count, else to four decimals, or two from 1 on."""
    exact = Decimal(measured.judged_value)
    way = ROUND_CEILING if up else ROUND_FLOOR
    if isinstance(measured.value, int):
        return int(exact.to_integral_value(way))
    return float(exact.quantize(_BELOW_ONE if abs(exact) < 1 else _FROM_ONE, way))


def value_at(document: object, path: KeyPath) -> Any:
    """Return what is at a path of keys and places in lists; None where there is nothing."""
    try:
        for key in path:
            document = document[key]  # type: ignore[index]  # raises for what has no index
    except (LookupError, TypeError):
        return None
    return document


def _is_number(table: object, path: KeyPath) -> bool:
    number = value_at(table, path)
    return isinstance(number, (int, float)) and not isinstance(number, bool)
