"""What the named groups of a pattern are in file names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

NameGroups = Mapping[str, Sequence[str | None]]
"""The text of each named group in each file name; None where the name lacks it."""

AT_ONCE = 512
"""Names searched before their groups are read: few enough that Python does not look through the
matches for garbage."""


def groups_of(
    names: Sequence[str], pattern: re.Pattern[str], wanted: Iterable[str] | None = None
) -> NameGroups:
    """Search a pattern in each file name once, and read the `wanted` named groups or all."""
    chosen = pattern.groupindex if wanted is None else wanted
    groups: dict[str, list[str | None]] = {group: [None] * len(names) for group in chosen}
    columns = [(column, pattern.groupindex[group]) for group, column in groups.items()]
    for start in range(0, len(names), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        matches = list(map(pattern.search, names[rows]))
        # Neighbours are mostly of one clip: they share its text, which saves memory.
        shared: dict[str | None, str | None] = {}
        for column, number in columns:
            texts = [match[number] if match else None for match in matches]
            column[rows] = map(shared.setdefault, texts, texts)
    return groups
