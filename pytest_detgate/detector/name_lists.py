"""Texts that list names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_detgate.counts import counted
from pytest_detgate.errors import DetectorError
from pytest_detgate.printable import printable

_LONGEST_NAME = 100


def shown_name(name: object) -> str:
    """Return a name from a file as a message shows it: on one line, and not endless."""
    text = printable(str(name))
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


def first_names(names: Iterable[str], limit: int = 3) -> str:
    """List the first names, and say how many more there are."""
    names = list(map(shown_name, names))
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
