"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def some(names: Iterable[str]) -> str:
    """The first three names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def difference(names: Sequence[str], expected: Sequence[str]) -> str:
    """What tells a list of class names from the one that was expected."""
    missing = [name for name in expected if name not in names]
    extra = [name for name in names if name not in expected]
    if not missing and not extra:
        return f"another order, {', '.join(names)} instead of {', '.join(expected)}"
    parts = [f"lacks {some(missing)}"] if missing else []
    parts += [f"has {some(extra)} in addition"] if extra else []
    return f"{len(names)} against {len(expected)} names: it {' and '.join(parts)}"
