"""Numbers that people and tools write as text."""

from __future__ import annotations


def number_of(text: str | bytes) -> float:
    """Return the number that a text is; `ValueError` where it is none. Python takes 0_1 for 1 and
    no other program does."""
    if ("_" if isinstance(text, str) else b"_") in text:  # type: ignore[operator]
        raise ValueError(text)
    return float(text)
