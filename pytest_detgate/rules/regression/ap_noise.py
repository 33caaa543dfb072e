"""How much AP changes by chance, for rules that compare two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_detgate.inputs.compared.comparable import BaselineAp

DEFAULT = 0.003
"""AP changes by some thousandths between two seeds of one training on COCO, where nothing tells
better."""


@dataclass(frozen=True, slots=True)
class ApNoise:
    """The noise of AP over all classes, and of those classes that have a separate one; `origin`
    tells where it comes from."""

    all: float
    origin: str
    classes: Mapping[str, float] = field(default_factory=dict)

    def of(self, category: str) -> float:
        """The noise of a class."""
        return self.classes.get(category, self.all)

    def __str__(self) -> str:
        return f"noise {self.all:.3g} ({self.origin})"


def noise_of_seeds(seeds: Sequence[BaselineAp], names: Sequence[str]) -> ApNoise:
    """Return how far two checkpoints of one training are apart."""
    first, second = seeds
    classes = {
        name: abs(ap - other)
        for name, ap in first.classes.items()
        for other in (second.classes.get(name),)
        if ap is not None and other is not None
    }
    return ApNoise(abs(first.ap - second.ap), f"between {' and '.join(names)}", classes)
