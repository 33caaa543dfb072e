"""The rules that `recommended = true` switches on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.registry import RuleRegistry
from pytest_detgate.rules.rule import Rule

# The codes of the rules that say why they are safe. They are here, too, because to ask every rule
# would import them all, at each start of a gate.
RECOMMENDED = (
    "box-bounds",
    "box-format",
    "clip-overlap",
    "dangling-annotations",
    "degenerate-boxes",
    "duplicate-boxes",
    "duplicate-ids",
    "duplicate-images",
    "image-files",
    "probe-isolation",
)

_INTRODUCTION = """\
## Recommended rules

`recommended = true` at the top of `detgate.toml` switches on these rules, with their defaults.
They find faults and leaks, and nothing that depends on a project. On clean data of any format they
all pass. Splits are compared with the one whose name begins with `train`, else with the first.

A table in the file replaces the defaults of its rule, for all splits.
`[rules.CODE]` with `enabled = false` switches a rule off.

| rule | why it is safe |
| --- | --- |
"""


def recommended_tables(
    project: Project, registry: RuleRegistry, own: Collection[str]
) -> Iterator[tuple[type[Rule], dict[str, Any]]]:
    """The rules that are switched on in a project, with the options of each table; those that the
    file has tables of its `own` for are left out."""
    for code in RECOMMENDED:
        if code not in own:
            kind = registry.rule(code)
            for options in kind.recommended_tables(project):
                yield kind, options


def recommended_reference(rules: Mapping[str, type[Rule]]) -> str:
    """The section on recommended rules of the reference, as Markdown."""
    rows = [
        f"| `{code}` | {kind.safe_because} |\n"
        for code, kind in rules.items()
        if kind.safe_because is not None
    ]
    return _INTRODUCTION + "".join(rows)
