"""The splits as the gate reads them: what is in them, and what the gate cannot look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_detgate.dataset.images.unread_formats import how_to_read, is_unread_image
from pytest_detgate.dataset.scored_labels import LABELS, ScoredLabelsError
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.gaps import NO_PIXELS, ODD_ANNOTATIONS, Gap, GapKind, described
from pytest_detgate.record.formatting import counted

if TYPE_CHECKING:
    from pytest_detgate.first_config.measuring import Measuring

UNREADABLE: frozenset[GapKind] = ODD_ANNOTATIONS | NO_PIXELS
"""What a first configuration does not accept as it is."""
_ADVICE = (
    "if these are detections, name the ground truth as PATH, and give them by --predictions "
    f"NAME=FILE; {LABELS} add --scored-labels"
)
_OTHERS: frozenset[GapKind] = frozenset({"other-files", "other-labels"})


@dataclass(frozen=True, slots=True)
class ReadSplits:
    """The tables of the splits that can be read, and why the others cannot be."""

    datasets: Mapping[str, Dataset]
    errors: Mapping[str, str]

    def unreadable(self) -> dict[str, str]:
        """By split, what cannot be read of it."""
        reasons = dict(self.errors)
        for name, dataset in self.datasets.items():
            if gaps := [gap for gap in dataset.gaps if gap.kind in UNREADABLE]:
                reasons[name] = "; ".join(described(gaps))
        return reasons

    def others(self) -> dict[str, str]:
        """By split, the files that are neither images nor labels, in a few words."""
        gaps_of_split = {}
        for name, dataset in self.datasets.items():
            if gaps := [gap for gap in dataset.gaps if gap.kind in _OTHERS]:
                gaps_of_split[name] = (
                    f"{counted(_total(gaps), 'other file')} left out: {_examples(gaps)}"
                )
        return gaps_of_split

    def unread_images(self) -> list[str]:
        """What is to say of images in formats that are not read, one of each split."""
        shown = {
            split: name
            for split, dataset in self.datasets.items()
            for gap in dataset.gaps
            if gap.kind == "other-files"
            for name in gap.examples[:1]
            if is_unread_image(name)
        }
        return [
            f"{split}: {name} is left out, as it cannot be read: {how_to_read(name)}"
            for split, name in shown.items()
        ]

    def unlabelled(self) -> dict[str, int]:
        """By split, the number of images without a label file."""
        return self.number_of("images-without-labels")

    def number_of(self, kind: GapKind) -> dict[str, int]:
        """By split, how much there is of a kind of gap, where there is some."""
        counts = {
            name: _total([gap for gap in dataset.gaps if gap.kind == kind])
            for name, dataset in self.datasets.items()
        }
        return {name: count for name, count in counts.items() if count}


def read_splits(measuring: Measuring) -> ReadSplits:
    """Read every split once; the rules get the same tables. Labels that may be detections raise
    `ConfigError`: a person has to say what they are."""
    datasets, errors = {}, {}
    names = measuring.project.splits
    with measuring.progress.task("reading", len(names), "splits") as advance:
        for name in names:
            try:
                dataset = measuring.inputs.tables(name)
            except ScoredLabelsError as error:
                raise ConfigError(f"{measuring.project.shorten(error.seen)}; {_ADVICE}") from None
            except DetgateError as error:
                errors[name] = measuring.project.shorten(str(error))
            else:
                datasets[name] = dataset
            advance(1)
    return ReadSplits(datasets, errors)


def contents(dataset: Dataset) -> str:
    """What is in a split, in a few words."""
    text = f"{counted(len(dataset.images), 'image')}, {counted(len(dataset.boxes), 'box')}"
    if empty := len(dataset.empty_images()):
        text += f", {empty:,} without annotation"
    return text


def _total(gaps: Sequence[Gap]) -> int:
    return sum(gap.count for gap in gaps)


def _examples(gaps: Sequence[Gap]) -> str:
    return next((name for gap in gaps for name in gap.examples), "")
