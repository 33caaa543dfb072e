"""Parameters in the arguments of expectations: `{"$PARAMETER": "name"}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_detgate.config.wording import unknown, value_text
from pytest_detgate.errors import DataError

PARAMETER = "$PARAMETER"
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
# Names in an expression that Great Expectations gives a meaning, and keywords of calls.
_FUNCTIONS = frozenset(
    {
        *("sin", "cos", "tan", "exp", "abs", "trunc", "round", "sgn"),
        *("now", "datetime", "timedelta", "e", "pi", "E", "PI"),
    }
)
_NUMBER_OR_KEYWORD = re.compile(r"\d+(?:\.\d+)?[eE][+-]?\d+|[A-Za-z_]+\s*=")


def is_parameter(value: object) -> bool:
    """Whether a value is a parameter."""
    return isinstance(value, Mapping) and PARAMETER in value


def parameter_names(value: object) -> Iterator[str]:
    """The names of the parameters that an argument needs."""
    if is_parameter(value):
        assert isinstance(value, Mapping)
        text = value[PARAMETER]
        if isinstance(text, str):
            names = _NAME.findall(_NUMBER_OR_KEYWORD.sub(" ", text))
            yield from (name for name in names if name not in _FUNCTIONS)
        return
    entries = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, (Mapping, list, tuple)):
        for entry in entries:  # type: ignore[attr-defined]
            yield from parameter_names(entry)


def parameter_mistake(value: object, parameters: Mapping[str, Any]) -> str | None:
    """Why the parameters in an argument cannot be filled; None where they can."""
    for parameter in _parameters_in(value):
        text = parameter[PARAMETER]
        if not isinstance(text, str) or not text.strip():
            return f"{PARAMETER} takes the name of a parameter, found {value_text(text)}"
        known = {**_defaults(parameter), **parameters}
        for name in parameter_names(parameter):
            if name not in known:
                return unknown("parameter", name, known)
    return None


def filled(value: Any, parameters: Mapping[str, Any]) -> Any:
    """An argument with its parameters filled; `DataError` where an expression cannot be computed.

    Names are looked up. An expression, as `rows * 0.9`, is computed as Great Expectations does it.
    """
    if is_parameter(value):
        text, known = value[PARAMETER].strip(), {**_defaults(value), **parameters}
        return known[text] if text in known else _computed(text, known)
    if isinstance(value, Mapping):
        return {key: filled(entry, parameters) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(entry, parameters) for entry in value]
    return value


def _computed(text: str, parameters: Mapping[str, Any]) -> Any:
    from great_expectations.core.suite_parameters import parse_suite_parameter

    try:
        return parse_suite_parameter(text, dict(parameters))
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{PARAMETER} {text!r} cannot be computed: {reason}") from None


def _defaults(value: Any) -> dict[str, Any]:
    """Values that a suite of a version before 1.0 gives beside a parameter."""
    head = f"{PARAMETER}."
    return {key.removeprefix(head): entry for key, entry in value.items() if key.startswith(head)}


def _parameters_in(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping) and PARAMETER in value:
        yield value
        return
    if isinstance(value, (Mapping, list, tuple)):
        for entry in value.values() if isinstance(value, Mapping) else value:
            yield from _parameters_in(entry)
