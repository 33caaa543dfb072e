"""What a run could not look at, and how much of it there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import msgspec

from pytest_detgate.counts import with_count
from pytest_detgate.errors import DataError

GapKind = Literal[
    "other-files",
    "other-labels",
    "images-without-labels",
    "labels-without-image",
    "unreadable-images",
    "shapes-not-boxes",
    "unlisted-image",
    "unlisted-class",
    "ambiguous-image",
    "ambiguous-class",
    "boxes-not-finite",
    "images-without-detections",
    "classes-without-detections",
    "outputs-not-finite",
    "images-without-field",
]
"""What kinds of things are left out.

`other-files`: files in a folder of images that are no images, and folders that were not looked
into. `other-labels`: files in a folder of labels that are not read as labels, and hidden folders
that hold some. `images-without-labels`: images without a label file. `labels-without-image`: labels
whose image is missing. `unreadable-images`: images that are listed and missing, or that cannot be
opened, so that boxes in shares of them have no pixels. `shapes-not-boxes`: images with shapes that
have no box, such as masks. `unlisted-image`, `unlisted-class`: annotations of an image or class
that the file does not list. `ambiguous-image`, `ambiguous-class`: annotations of an id that
several images or classes of the file have. `boxes-not-finite`: boxes with NaN or infinity.
`images-without-detections`, `classes-without-detections`: images and classes that a result file
does not cover. `outputs-not-finite`: images on which a model answered NaN or infinity.
`images-without-field`: images that lack a field, so that it is not known whether they belong to the
query of a probe.
"""

ALL_GAPS: frozenset[GapKind] = frozenset(get_args(GapKind))
UNREFERENCED: frozenset[GapKind] = frozenset({"unlisted-image", "unlisted-class"})
"""Annotations that refer to something the file does not list."""
AMBIGUOUS: frozenset[GapKind] = frozenset({"ambiguous-image", "ambiguous-class"})
"""Annotations of which nobody can say what image or class they belong to."""
ODD_ANNOTATIONS: frozenset[GapKind] = UNREFERENCED | AMBIGUOUS | {"boxes-not-finite"}
"""Annotations that are in the tables and yet are no box of one image and one class."""
DETECTION_GAPS: frozenset[GapKind] = frozenset(
    {"images-without-detections", "classes-without-detections", "outputs-not-finite"}
)
"""What it is not known of what the detector finds."""
ANNOTATION_GAPS: frozenset[GapKind] = ODD_ANNOTATIONS | {
    "shapes-not-boxes",
    "images-without-labels",
    "other-labels",
}
"""Gaps that make no difference to a rule that looks at images and not at what is on them."""

NO_PIXELS: frozenset[GapKind] = frozenset({"unreadable-images", "labels-without-image"})
"""Images that make no difference to a rule that needs neither their pixels nor their size."""

Unit = Literal[
    "images",
    "annotations",
    "detections",
    "classes",
    "slices",
    "clips",
    "files",
    "runs",
    "expectations",
]

EXAMPLES = 3


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Some things of one kind in a split or probe that nothing can look at.

    `text` says what they are, with their number ("3 images have no label file"); `count` of them
    are `unit`, and `examples` names the first. `listed` says that they have rows in the tables;
    otherwise the tables do not know them, and they add to what there is to look at. `rows` are
    their rows, where they are images of the tables: a probe that is a part of a split has only its
    share of them. `of_data` is False where the gap tells something of what a model detects.
    """

    kind: GapKind
    unit: Unit
    count: int
    text: str
    examples: tuple[str, ...] = ()
    listed: bool = True
    rows: tuple[int, ...] = ()
    of_data: bool = True


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How much an item has to look at, counted before it looks, and how much it did look at.

    `allowed` is the number that an option lets it leave out, `left_out` says what that was.
    `of_data` is False where that tells something of what a model detects.
    """

    unit: Unit
    to_look_at: int
    looked_at: int
    allowed: int = 0
    left_out: tuple[str, ...] = ()
    of_data: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether there was something to look at, and no more was left out than is allowed."""
        return self.looked_at > 0 and self.looked_at + self.allowed >= self.to_look_at


class NotLookedAtError(DataError):
    """An item looked at less than it has to, so it can say nothing; `extent` says how much."""

    def __init__(
        self, message: str, extent: Extent | None = None, *, of_data: bool | None = None
    ) -> None:
        is_telling = extent is not None and not extent.of_data
        super().__init__(message, of_data=False if is_telling else of_data)
        self.extent = extent


def gap(
    kind: GapKind,
    unit: Unit,
    names: Sequence[str],
    text: str,
    *,
    listed: bool = True,
    rows: Iterable[int] = (),
    of_data: bool = True,
) -> tuple[Gap, ...]:
    """The gap that `names` make, or none where there are no names; `text` follows their number:
    `gap(..., ["a.txt"], "label files have no image")`. `rows` are those of the names, where they
    are images of the tables. `of_data` is False where it tells something of what a model detects.
    """
    if not names:
        return ()
    shown = tuple(names[:EXAMPLES])
    return (
        Gap(
            kind=kind,
            unit=unit,
            count=len(names),
            text=with_count(len(names), text),
            examples=shown,
            listed=listed,
            rows=tuple(rows),
            of_data=of_data,
        ),
    )


def with_rows(
    whole: Gap, rows: Sequence[int], names: Sequence[str], *, listed: bool = True
) -> tuple[Gap, ...]:
    """The share of a gap of images that some of its `rows` make; `names` are theirs."""
    text = whole.text.removeprefix(f"{whole.count:,} ")
    return gap(whole.kind, whole.unit, names, text, listed=listed, rows=rows, of_data=whole.of_data)


def described(gaps: Iterable[Gap]) -> tuple[str, ...]:
    """What was left out, a sentence for each kind."""
    return tuple(_described(gap) for gap in gaps)


def _described(gap: Gap) -> str:
    if not gap.examples:
        return gap.text
    more = ", ..." if gap.count > len(gap.examples) else ""
    return f"{gap.text}: {', '.join(gap.examples)}{more}"
