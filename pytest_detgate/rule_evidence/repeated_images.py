"""Images that a split holds more than once, and whether their labels agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_detgate.dataset.boxes.agreement import LabelsByImage, disagreement
from pytest_detgate.dataset.images.sources import source_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.evidence import Pair, Side
from pytest_detgate.findings import Finding
from pytest_detgate.image_hashes.duplicates import PAIRS_CAP, similarity
from pytest_detgate.image_hashes.repeats import Repeats
from pytest_detgate.image_hashes.turned import turned_boxes

_SAME_SOURCE = "exported from the same image"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """An image that repeats an earlier one, how it does, and what differs in their labels."""

    row: int
    other: int
    likeness: str
    labels: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedImages:
    """The `copies` of a split, those with other labels first; how many have the same bytes, are
    turned, or only have the source of an earlier image."""

    dataset: Dataset
    copies: list[_Copy]
    exact: int
    turned: int
    same_source: int

    @property
    def with_other_labels(self) -> list[_Copy]:
        return [copy for copy in self.copies if copy.labels is not None]

    def findings(self) -> Iterator[Finding]:
        """One for each disagreement of labels, then one for each copy."""
        for copy in self.with_other_labels:
            yield self._finding(copy, f"labels differ from {self._name(copy.other)}: {copy.labels}")
        for copy in self.copies:
            yield self._finding(copy, f"repeats {self._name(copy.other)}: {copy.likeness}")

    def pairs(self) -> list[Pair]:
        """The first `PAIRS_CAP` copies beside what they repeat."""
        name = self.dataset.name
        return [
            Pair(
                one=Side(dataset=name, image=self._name(copy.row)),
                other=Side(dataset=name, image=self._name(copy.other)),
                text=copy.likeness if copy.labels is None else f"{copy.likeness}; {copy.labels}",
            )
            for copy in self.copies[:PAIRS_CAP]
        ]

    def _finding(self, copy: _Copy, text: str) -> Finding:
        return Finding(
            text=text,
            dataset=self.dataset.name,
            image=self._name(copy.row),
            other=self._name(copy.other),
        )

    def _name(self, row: int) -> str:
        return str(self.dataset.images.file_name[row])


def repeated_images(
    dataset: Dataset, repeats: Repeats, label_iou: float, *, by_source: bool
) -> RepeatedImages:
    """Compare the labels of each image that repeats an earlier one. With `by_source` those that
    were exported from one image are copies, too."""
    labels = LabelsByImage(dataset)
    alike = set(repeats.rows.tolist())
    sources = _earlier_of_source(dataset)
    copies = []
    for row in sorted(alike):
        other, turn = int(repeats.row[row]), repeats.turn_of(row)
        own = labels.of(row)
        own = replace(own, shares=turned_boxes(own.shares, turn))
        likeness = (
            "same bytes" if repeats.exact[row] else similarity(int(repeats.distance[row]), turn)
        )
        differs = disagreement(own, labels.of(other), label_iou)
        copies.append(_Copy(row=row, other=other, likeness=likeness, labels=differs))
    if by_source:
        # Versions of one image are cut and turned, so their labels differ rightly.
        copies += [
            _Copy(row=row, other=other, likeness=_SAME_SOURCE, labels=None)
            for row, other in sources.items()
            if row not in alike
        ]
    copies.sort(key=lambda copy: copy.labels is None)
    return RepeatedImages(
        dataset=dataset,
        copies=copies,
        exact=int(repeats.exact.sum()),
        turned=int((repeats.turn > 0).sum()),
        same_source=len(set(sources) - alike),
    )


def _earlier_of_source(dataset: Dataset) -> dict[int, int]:
    """The images whose source an earlier image has, with the row of that."""
    first: dict[str, int] = {}
    later = {}
    for row, name in enumerate(dataset.images.file_name.tolist()):
        source = source_of(name)
        if source is not None and first.setdefault(source, row) != row:
            later[row] = first[source]
    return later
