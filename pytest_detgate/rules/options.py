"""Options that several rules have, and checks of their values."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Protocol, TypeVar

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import ScoreThreshold
from pytest_detgate.config.wording import unknown
from pytest_detgate.dataset.clips.clips import ClipKey
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import GapKind
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.rule import OptionError, ProjectError, Rule, option_check, refuse

S = TypeVar("S", bound=Struct)
Threshold = Annotated[
    ScoreThreshold, Meta(description="Operating point. Omitted: that of [model].")
]
"""The option `score-threshold`; `threshold_of` resolves it."""


class HasThreshold(Protocol):
    """The options of a rule, or of one probe, with an operating point."""

    @property
    def score_threshold(self) -> float | None: ...


def threshold_of(options: HasThreshold, project: Project) -> float:
    """Return the operating point that options give, else that of the project."""
    own = options.score_threshold
    return project.score_threshold if own is None else own


def allowed_missing_classes(given: bool | int) -> Mapping[GapKind, int]:
    """Return the gap that the option `allow-missing-classes` allows: a number, or true for any."""
    return {"classes-without-detections": sys.maxsize if given is True else int(given)}


def with_defaults_from(own: S, rule: Rule) -> S:
    """Return the options of one probe: its own and, where it leaves one out (None), the rule's."""
    return type(own)(
        **{
            key: getattr(rule, key) if (given := getattr(own, key)) is None else given
            for key in own.__struct_fields__
        }
    )


@option_check
def require_evaluated_split(project: Project) -> None:
    """Refuse options where `[model] evaluate-on` names no split."""
    if project.evaluate_on not in project.splits:
        what = unknown("split", project.evaluate_on, project.splits)
        refuse(ProjectError(f"[model] evaluate-on: {what}"))


@option_check
def require_probe(project: Project, names: Collection[str] | None = None) -> None:
    """Refuse options where there is no probe to look at: among `names`, else among those of which
    it is known what they show."""
    if project.probes if names is None else names:
        return
    if project.unlabelled and not project.probes:
        refuse(ProjectError(_needs_labels(project.unlabelled[0])))
    else:
        refuse(ProjectError("there is no probe; add a table such as [probes.compliant]"))


@option_check
def require_probes(
    names: Iterable[str],
    project: Project,
    key: str | None = None,
    table: Sequence[str] = (),
    allowed: Sequence[str] | None = None,
) -> None:
    """Refuse every name that is no probe, or not one of some `allowed` ones, as `require_names`
    does, or of which nobody knows what it shows."""
    listed = tuple(names)
    for name in listed:
        if name in project.unlabelled:
            refuse(OptionError(_needs_labels(name), key or name, table))
    labelled = [name for name in listed if name not in project.unlabelled]
    require_names("probe", labelled, project.probes if allowed is None else allowed, key, table)


def _needs_labels(probe: str) -> str:
    return (
        f"probe {probe!r} is unlabelled, and this needs to know what its images show: give it "
        "annotations, or leave out unlabelled = true if there is nothing to detect in them"
    )


@option_check
def require_training_config(project: Project) -> None:
    """Refuse options where no file says how the project trains."""
    if project.training_config is None:
        refuse(
            ProjectError(
                "there is no training configuration to look at; add a table [train] with config "
                "and work-dir, or config under [model]"
            )
        )


@option_check
def require_names(
    kind: str,
    names: Iterable[str],
    allowed: Sequence[str] | None,
    key: str | None = None,
    table: Sequence[str] = (),
) -> None:
    """Refuse every name that is not allowed or is given twice.

    Without a `key` the names are keys of the `table`. `allowed` is None where the allowed names
    are not known: then any name is.
    """
    listed = tuple(names)
    for index, name in enumerate(listed):
        if allowed is not None and name not in allowed:
            refuse(OptionError(unknown(kind, name, allowed), key or name, table))
        elif name in listed[:index]:
            refuse(OptionError(f"{kind} {name!r} is named twice", key, table))


ClipField = Annotated[str, Meta(description="Image field that holds the clip, e.g. video_id.")]
"""The option `clip-field` of every rule on clips."""


def clip_key(project: Project, field: str | None, otherwise: str = "") -> ClipKey:
    """Return how the clip of an image is found. `OptionError` where nothing says it; `otherwise`
    names another way out."""
    if field is None and project.has_own_clips:
        return ClipKey(field="clip")
    if field is None and project.frame_pattern is None:
        raise OptionError(
            "cannot tell clips: give [dataset] frame-pattern, or clip-field in this table"
            + otherwise
        )
    return ClipKey(pattern=project.frame_pattern, field=field)


@option_check
def require_clips(project: Project, field: str | None, otherwise: str = "") -> None:
    """Refuse options that do not say how the clip of an image is found."""
    try:
        clip_key(project, field, otherwise)
    except OptionError as error:
        refuse(error)


def sets_limit(option: object) -> bool:
    """Whether an option sets a limit: None and an empty table of limits by class set none."""
    return option is not None and option != {}


@option_check
def require_limit(rule: Rule, *keys: str) -> None:
    """Refuse options unless one of the options that set a limit is given."""
    if not any(sets_limit(getattr(rule, key.replace("-", "_"))) for key in keys):
        refuse(OptionError(f"sets no limit, so it could never fail; give {' or '.join(keys)}"))


def require_limit_of_probe(
    code: str, probe: str, limits: object, keys: Sequence[str], noun: str = "budget"
) -> None:
    """Raise `OptionError` unless one of the attributes `keys` of what holds for a probe is set."""
    if any(sets_limit(getattr(limits, key)) for key in keys):
        return
    *others, last = (key.replace("_", "-") for key in keys)
    raise OptionError(
        f"probe {probe!r} has no {noun}, so it could never fail; give {', '.join(others)} or "
        f"{last}, here or in a table [rules.{code}.probes.{probe}]"
    )


@option_check
def require_order(low: float | None, high: float | None) -> None:
    """Refuse options where `min` is above `max`: nothing could pass."""
    if low is not None and high is not None and low > high:
        what = f"min = {low:g} is above max = {high:g}: no value could pass"
        refuse(OptionError(what, "min"))


def unknown_classes(
    names: Iterable[str] | None, classes: Sequence[str], what: str = "limit"
) -> list[DataError]:
    """Return, for each class that has a limit and is not there, why nothing is compared with it."""
    return [
        DataError(f"{what} of {name!r}: {unknown('class', name, classes)}")
        for name in names or ()
        if name not in classes
    ]
