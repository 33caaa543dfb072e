"""`pytest --detgate-rules`: every rule with its options."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pytest_detgate.config.load import read_configuration
from pytest_detgate.errors import ConfigError
from pytest_detgate.plugin.usage import usage_error
from pytest_detgate.record.terminal import WIDTH
from pytest_detgate.rules.documentation.rule_page import RulePage, rule_page
from pytest_detgate.rules.registry import registry_of, rule_classes
from pytest_detgate.rules.rule import Rule


def print_rules(config: Path) -> int:
    """Print the rules of this version and, where there is a `detgate.toml`, of its plugins."""
    try:
        classes = _classes(config)
    except ConfigError as error:
        raise usage_error(str(error)) from None
    print("\n\n".join(rule_text(rule_page(kind)) for kind in classes.values()))
    return int(pytest.ExitCode.OK)


def _classes(config: Path) -> dict[str, type[Rule]]:
    if not config.exists():
        return rule_classes()
    configuration = read_configuration(config)
    registry = registry_of(configuration)
    configuration.mistakes.raise_all()
    return registry.classes()


def rule_text(page: RulePage) -> str:
    """One rule as text of at most 79 columns."""
    lines = [f"{page.code}  ({page.family})", *_indented(page.summary, 2)]
    for option in page.options:
        default = "" if option.default is None else f" (default: {option.default})"
        description = f": {option.description}" if option.description else ""
        lines += _indented(f"{option.key} = {option.takes}{default}{description}", 4)
    return "\n".join(lines)


def _indented(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
