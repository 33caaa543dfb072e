"""Options that several rules have, and checks of their values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Protocol, TypeVar

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import ScoreThreshold
from pytest_detgate.config.wording import unknown
from pytest_detgate.dataset.clips import ClipKey
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.rule import OptionError, Rule

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


def merged(own: S, rule: Rule) -> S:
    """The options of one probe: its own and, where it leaves one out (None), the rule's."""
    return type(own)(
        **{
            key: getattr(rule, key) if (given := getattr(own, key)) is None else given
            for key in own.__struct_fields__
        }
    )


def require_evaluated_split(project: Project) -> None:
    """Raise `OptionError` where `[model] evaluate-on` names no split."""
    if project.evaluate_on not in project.splits:
        raise OptionError(
            f"[model] evaluate-on: {unknown('split', project.evaluate_on, project.splits)}"
        )


def require_training_config(project: Project) -> None:
    """Raise `OptionError` where no file says how the project trains."""
    if project.training_config is None:
        raise OptionError(
            "there is no training configuration to look at; add a table [train] with config and "
            "work-dir, or config under [model]"
        )


def require_names(
    kind: str,
    names: Iterable[str],
    allowed: Sequence[str] | None,
    key: str | None = None,
    table: Sequence[str] = (),
) -> None:
    """Raise `OptionError` for the first name that is not allowed or is given twice.

    Without a `key` the names are keys of the `table`. Where it is not known what is allowed
    (None), anything is.
    """
    listed = tuple(names)
    for at, name in enumerate(listed):
        if allowed is not None and name not in allowed:
            raise OptionError(unknown(kind, name, allowed), key or name, table)
        if name in listed[:at]:
            raise OptionError(f"{kind} {name!r} is named twice", key, table)


ClipField = Annotated[str, Meta(description="Image field that holds the clip, e.g. video_id.")]
"""The option `clip-field` of every rule that tells clips."""


def clip_key(project: Project, field: str | None, otherwise: str = "") -> ClipKey:
    """How clips are told here; raises `OptionError`, which may name another way out, where they
    cannot be."""
    if field is None and project.frame_pattern is None:
        raise OptionError(
            "cannot tell clips: give [dataset] frame-pattern, or clip-field in this table"
            + otherwise
        )
    return ClipKey(pattern=project.frame_pattern, field=field)


def sets_limit(option: object) -> bool:
    """Whether an option that was given, or left out (None), sets a limit: an empty table of
    limits by class sets none."""
    return option is not None and option != {}


def require_limit(rule: Rule, *keys: str) -> None:
    """Raise `OptionError` unless one of the options that set a limit is given."""
    if not any(sets_limit(getattr(rule, key.replace("-", "_"))) for key in keys):
        raise OptionError(f"sets no limit, so it could never fail; give {' or '.join(keys)}")


def require_order(low: float | None, high: float | None) -> None:
    """Raise `OptionError` where `min` is above `max`: nothing could pass."""
    if low is not None and high is not None and low > high:
        raise OptionError(f"min = {low:g} is above max = {high:g}: no value could pass", "min")
