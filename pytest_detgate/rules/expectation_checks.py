"""The expectations that a rule requests, checked when the gate starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_detgate.errors import DetgateError
from pytest_detgate.expectations.arguments import mistakes_in
from pytest_detgate.expectations.legacy import old_key
from pytest_detgate.expectations.parameters import parameter_names
from pytest_detgate.expectations.requested import (
    Requested,
    first_non_finite,
    requested_in_table,
)
from pytest_detgate.rules.rule import OptionError, refuse

Entries = Sequence[Mapping[str, Any]]


def check_requested(
    entries: Entries,
    suite: Callable[[], list[Requested]],
    parameters: Mapping[str, Any],
    shorten: Callable[[str], str],
) -> list[Requested]:
    """Return the sound expectations of the option `expect` and of a suite; mistakes are refused,
    and so are parameters that no expectation has. `shorten` makes paths in a text relative."""
    in_suite = _sound_suite(suite, parameters, shorten)
    sound = [*_sound_entries(entries, parameters), *(in_suite or ())]
    used = {name for entry in sound for name in parameter_names(dict(entry.arguments))}
    used |= {name for entry in entries for name in parameter_names(entry)}
    for name, value in parameters.items():
        odd = first_non_finite(value)
        if odd is not None:
            refuse(OptionError(f"{odd} is no limit", name, ("parameters",)))
        # What could not be read may have it.
        if name not in used and in_suite is not None:
            refuse(OptionError(f"no expectation has the parameter {name!r}", "parameters"))
    return sound


def _sound_entries(entries: Entries, parameters: Mapping[str, Any]) -> list[Requested]:
    sound = []
    for index, entry in enumerate(entries):
        number, kind = index + 1, entry.get("type")
        renamed = old_key(entry)
        if renamed is not None:
            refuse(OptionError(f"entry {number}: {renamed}", "expect", entry=index))
            continue
        if not isinstance(kind, str) or not kind:
            what = f"entry {number} needs a type, the name of an expectation"
            refuse(OptionError(what, "expect", entry=index))
            continue
        (checked,) = requested_in_table([entry])
        mistakes = list(mistakes_in(checked, parameters))
        for argument, what in mistakes:
            text = f"entry {number} ({kind}): {what}"
            if argument is None:
                refuse(OptionError(text, "expect", entry=index))
            else:
                refuse(OptionError(text, argument, ("expect", index)))
        sound += [] if mistakes else [checked]
    return sound


def _sound_suite(
    suite: Callable[[], list[Requested]],
    parameters: Mapping[str, Any],
    shorten: Callable[[str], str],
) -> list[Requested] | None:
    """The sound expectations of a suite; None where one has a mistake, or it cannot be read."""
    sound, is_sound = [], True
    try:
        requested = suite()
    except DetgateError as error:
        refuse(OptionError(shorten(str(error)), "suite"))
        return None
    for expectation in requested:
        mistakes = list(mistakes_in(expectation, {**expectation.parameters, **parameters}))
        for argument, what in mistakes:
            where = (
                expectation.label
                if argument in (None, "type")
                else f"{expectation.label} {argument}"
            )
            refuse(OptionError(f"{where}: {what}", "suite"))
        sound += [] if mistakes else [expectation]
        is_sound &= not mistakes
    return sound if is_sound else None
