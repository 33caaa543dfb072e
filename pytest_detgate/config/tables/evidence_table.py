"""The table `[evidence]`: how often the same data may be used to judge another model."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

MOST_LOOKS = 10_000
MOST_ADAPTIVE = 30
"""Looks with adaptive = true: each halves the error of all, and bounds of more cannot be computed
with the digits that a number has."""


class EvidenceTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """How many different models are judged on the same data. detgate-ledger.jsonl, beside this
    file, counts them."""

    looks: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=MOST_LOOKS,
                description="Number of different models that are judged on each split and probe. "
                "Bounds that rules compare with limits then hold for all of them together: each "
                "has the error (1 - confidence) / looks. One more model is not evaluated. Omitted: "
                "models are counted, and bounds stay as they are.",
            ),
        ]
        | None
    ) = None
    adaptive: Annotated[
        bool,
        Meta(
            description="true: bounds also hold if each model is made with the verdicts on those "
            "before it in mind. Each then has the error (1 - confidence) / 2^looks. It holds where "
            "nothing but the verdict is known, so on sealed probes. looks must be at most 30."
        ),
    ] = False

    def confidence(self, planned: float) -> float:
        """The confidence of each bound, so that all of them together have the planned one."""
        return 1 - (1 - planned) / self._parts

    def of_all_looks(self, each: float) -> float:
        """The confidence that all bounds have together, each of which has the one given."""
        return round(1 - (1 - each) * self._parts, 10)

    @property
    def _parts(self) -> float:
        """The parts of the error of all, of which each look has one."""
        if self.looks is None:
            return 1.0
        return 2.0**self.looks if self.adaptive else float(self.looks)
