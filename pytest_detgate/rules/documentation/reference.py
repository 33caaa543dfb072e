"""The reference of all rules as Markdown, made from their classes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from pytest_detgate.rules.documentation.rule_page import Measured, Option, rule_page
from pytest_detgate.rules.recommended import recommended_reference
from pytest_detgate.rules.rule import Rule

_INTRODUCTION = """\
# Rules

`python -m pytest_detgate rules` writes this page from the rules; `pytest --detgate-rules`
prints the short form.
Every rule also takes these options:

- `name` tells several tables of one rule (`[[rules.probe-fp]]`) apart.
- `severity` is `"error"`, or `"warning"`: a warning is shown and does not fail.
- `enabled = false` switches the rule off.

*Measurements* lists the names that a rule may write to `measurements` in `report.json`, with the
words that the HTML page has for them. A number that does not apply is left out.
"""
_COMMON = ("name", "severity", "enabled")


def rules_reference(rules: Mapping[str, type[Rule]]) -> str:
    """One Markdown page with a section for each rule."""
    sections = (_section(rule) for rule in rules.values())
    return "\n".join([_INTRODUCTION, recommended_reference(rules), *sections])


def _section(rule: type[Rule]) -> str:
    page = rule_page(rule)
    lines = [f"## `{page.code}`", "", page.summary, "", f"Family: {page.family}.", ""]
    for heading, text in page.sections.items():
        lines += [f"### {heading}", "", text, ""]
    if page.measured:
        lines += ["### Measurements", "", f"{'; '.join(map(_meaning, page.measured))}.", ""]
    lines += [
        "### Options",
        "",
        "| option | takes | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(option) for option in page.options if option.key not in _COMMON]
    example = textwrap.dedent(rule.passing.config).strip()
    return "\n".join([*lines, "", "### Example", "", "```toml", example, "```", ""])


def _meaning(measured: Measured) -> str:
    return f"{', '.join(f'`{name}`' for name in measured.names)}: {measured.label}"


def _row(option: Option) -> str:
    default = "" if option.default is None else f"`{option.default}`"
    return f"| `{option.key}` | {option.takes} | {default} | {option.description} |"
