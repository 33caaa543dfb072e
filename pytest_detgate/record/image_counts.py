"""Numbers of things on each image as one short text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

LONGEST_COUNTS = 60_000
"""Characters of a text in a report at most."""
_TEXT = re.compile(r"(?:\d{1,9}(?:x\d{1,9})?(?: (?!$)|$))*")


def packed_counts(counts: Sequence[int]) -> str:
    """Return counts as text, with equal ones in a row once: `0x12 3 0x5`."""
    runs = ((count, len(list(same))) for count, same in groupby(counts))
    return " ".join(str(count) if times == 1 else f"{count}x{times}" for count, times in runs)


def unpacked_counts(text: str, images: int) -> list[int] | None:
    """Return the counts of a text that are those of so many images; None for any other text."""
    if not _TEXT.fullmatch(text):
        return None
    runs = [tuple(map(int, part.split("x"))) for part in text.split()]
    pairs = [(run[0], run[1] if len(run) > 1 else 1) for run in runs]
    if sum(times for _, times in pairs) != images:
        return None
    return [count for count, times in pairs for _ in range(times)]
