"""Bounds on what a network may take while it is built, by the weights that it is for.

A configuration of some bytes can ask for a thousand million layers. Building them takes hours, and
all memory; and no file of weights could ever fill them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_detgate.counts import counted
from pytest_detgate.errors import DetectorError

LARGEST_INTEGER = 1_000_000
"""Of a configuration; the largest numbers of detectors are sizes of vocabularies."""

# How much larger than its weights a network may be. Parts without weights are modules too, and the
# wrong weights of a usual network get a better message later.
_MODULES, _MODULES_BY_WEIGHT = 20_000, 10
_NUMBERS, _NUMBERS_BY_NUMBER = 250_000_000, 4


@dataclass(frozen=True, slots=True)
class StoredSize:
    """How many weights a file has, and of how many numbers they are."""

    weights: int
    numbers: int

    @classmethod
    def of(cls, weights: Mapping[str, Any]) -> StoredSize:
        """Return the size of a state dictionary."""
        sizes = [value.numel() for value in weights.values() if hasattr(value, "numel")]
        return cls(len(sizes), sum(sizes))


def require_possible_integers(content: object, source: str) -> None:
    """Raise `DetectorError` if a configuration has an integer that no detector has."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting.extend(value)
        elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            shown = f"{value:,}" if abs(value) < 10**18 else "an integer of more than 18 digits"
            raise DetectorError(
                f"{source}: refused, because its configuration has the number {shown}; the largest "
                f"allowed is {LARGEST_INTEGER:,}"
            )


@contextlib.contextmanager
def built_for(stored: StoredSize, source: str) -> Iterator[None]:
    """Stop the building of a network in this thread, with `DetectorError`, as soon as it is far
    larger than the weights that are stored for it."""
    from torch.nn.modules import module

    counts = {"modules": 0, "numbers": 0}
    most_modules = _MODULES + _MODULES_BY_WEIGHT * stored.weights
    most_numbers = _NUMBERS + _NUMBERS_BY_NUMBER * stored.numbers
    thread = threading.get_ident()

    def count(owner: Any, name: str, value: Any) -> None:
        if threading.get_ident() != thread or value is None:
            return
        if hasattr(value, "numel"):
            counts["numbers"] += value.numel()
        else:
            counts["modules"] += 1
        if counts["modules"] > most_modules or counts["numbers"] > most_numbers:
            raise _refusal(source, counts, stored)

    hooks: Any = module
    handles = [
        hooks.register_module_parameter_registration_hook(count),
        hooks.register_module_module_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _refusal(source: str, counts: Mapping[str, int], stored: StoredSize) -> DetectorError:
    return DetectorError(
        f"{source}: refused, because its configuration describes a network that is far larger than "
        f"its weights: it was given up after {counted(counts['modules'], 'module')} with "
        f"{counted(counts['numbers'], 'number')}, and the file has "
        f"{counted(stored.weights, 'weight')} with {counted(stored.numbers, 'number')}"
    )
