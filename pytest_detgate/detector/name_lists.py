"""Texts that list names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_detgate.counts import counted
from pytest_detgate.errors import DetectorError


def first_names(names: Iterable[str], limit: int = 3) -> str:
    """List the first names, and say how many more there are."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def names_difference(names: Sequence[str], expected: Sequence[str]) -> str:
    """Say how a list of class names differs from the expected one."""
    missing = [name for name in expected if name not in names]
    extra = [name for name in names if name not in expected]
    if not missing and not extra:
        return f"another order, {', '.join(names)} instead of {', '.join(expected)}"
    parts = [f"lacks {first_names(missing)}"] if missing else []
    parts += [f"has {first_names(extra)} in addition"] if extra else []
    return f"{len(names)} against {counted(len(expected), 'name')}: it {' and '.join(parts)}"


def require_class_names(names: Sequence[str]) -> None:
    """Raise unless these can be the classes of a model under `[model.options]`."""
    if not names or not all(names) or len(set(names)) < len(names):
        raise DetectorError(
            f"classes under [model.options] are names, each once; found {list(names)}"
        )
