"""Options of the rules that run the model on changed images."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.options import require_names
from pytest_detgate.rules.rule import OptionError, option_check, refuse

On = Annotated[
    tuple[str, ...],
    Meta(
        min_length=1,
        description="Splits and probes, unlabelled ones too. Omitted: the evaluated split and "
        "every probe that is not sealed.",
    ),
]
"""The option `on` of rules that need no labels."""


def datasets_to_look_at(on: tuple[str, ...] | None, project: Project) -> tuple[str, ...]:
    """Return the splits and probes that a rule without need of labels looks at."""
    if on is not None:
        return on
    evaluated = [name for name in project.splits if name == project.evaluate_on]
    # A sealed probe would hide what is measured on the others.
    return (*evaluated, *(name for name in project.tables.probes if name not in project.seals))


@option_check
def require_datasets(on: tuple[str, ...] | None, project: Project) -> None:
    """Refuse names of no split or probe, and a project without any to look at."""
    require_names("split or probe", on or (), project.datasets, "on")
    if not datasets_to_look_at(on, project):
        refuse(
            OptionError(
                "there is no split or probe to look at: add [probes.NAME] with images and "
                "unlabelled = true"
            )
        )
