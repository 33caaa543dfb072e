"""Arguments that several commands have."""

from __future__ import annotations

from pytest_detgate.errors import ConfigError


def name_and_value(option: str, text: str, form: str) -> tuple[str, str]:
    """Split an argument of the form `NAME=VALUE`; `ConfigError` where a part is missing."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option}: expected {form}, found {text!r}")
    return name, value
