"""The summary of a split: what was in which file before, and is now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted, with_count
from pytest_detgate.dataset.tables import UNLISTED
from pytest_detgate.splitting.whole import Whole

_NAMED = 5
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class _Part:
    """One column of the table."""

    name: str
    rows: NDArray[np.bool_]


def summary(
    whole: Whole, in_val: NDArray[np.bool_], before: Sequence[str], after: tuple[str, str]
) -> str:
    """Return a table of the files before and after, what moved where, and notes."""
    old = [_Part(name, whole.source == index) for index, name in enumerate(before)]
    new = [_Part(after[0], ~in_val), _Part(after[1], in_val)]
    lines = [*_table(whole, old, new), ""]
    lines += _shared_before(whole, old)
    lines += [
        f"{part.name}: "
        + ", ".join(
            f"{counted(int((part.rows & to.rows).sum()), 'image')} to {to.name}" for to in new
        )
        for part in old
    ]
    return "\n".join([*lines, *_notes(whole, new)])


def _table(whole: Whole, old: Sequence[_Part], new: Sequence[_Part]) -> Iterator[str]:
    parts = [*old, *new]
    rows = [("", [part.name for part in parts]), *_rows(whole, parts)]
    first = max(len(name) for name, _ in rows)
    widths = [max(len(cells[column]) for _, cells in rows) for column in range(len(parts))]
    for name, cells in rows:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        left, right = "  ".join(padded[: len(old)]), "  ".join(padded[len(old) :])
        yield f"{name:<{first}}  {left}  |  {right}"


def _rows(whole: Whole, parts: Sequence[_Part]) -> Iterator[tuple[str, list[str]]]:
    listed = whole.image != UNLISTED
    on_image = np.bincount(whole.image[listed], minlength=len(whole))
    boxes = [listed & part.rows[whole.image] for part in parts]
    yield "images", [f"{part.rows.sum():,}" for part in parts]
    yield "clips", [f"{len(_clips(whole, part)):,}" for part in parts]
    yield "boxes", [f"{of.sum():,}" for of in boxes]
    yield (
        "images without a box",
        [_share(int((part.rows & (on_image == 0)).sum()), int(part.rows.sum())) for part in parts],
    )
    for name in whole.classes:
        of_class = whole.label == name
        yield (
            f"boxes of {name}",
            [_share(int((of & of_class).sum()), int(of.sum())) for of in boxes],
        )


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else "-"


def _clips(whole: Whole, part: _Part) -> set[str]:
    return set(whole.clip[part.rows].tolist())


def _shared_before(whole: Whole, old: Sequence[_Part]) -> Iterator[str]:
    if len(old) < 2:
        return
    seen: set[str] = set()
    shared: set[str] = set()
    for part in old:
        clips = _clips(whole, part)
        shared |= seen & clips
        seen |= clips
    yield f"clips in more than one file: {len(shared)} before{_listed(shared)}, 0 now"


def _notes(whole: Whole, new: Sequence[_Part]) -> Iterator[str]:
    names, counts = np.unique(whole.clip.astype(str), return_counts=True)
    largest = int(np.argmax(counts))
    if counts[largest] > _MOST * len(whole):
        share = _share(int(counts[largest]), len(whole))
        yield f"note: clip {names[largest]} has {share} of all images; no split can be balanced"
    listed = whole.image != UNLISTED
    for name in whole.classes:
        rows = np.unique(whole.image[listed & (whole.label == name)])
        clips = set(whole.clip[rows].tolist())
        sides = [part.name for part in new if part.rows[rows].any()]
        if not clips:
            yield f"note: class {name} has no box"
        elif len(clips) == 1:
            only = f"occurs in one clip only{_listed(clips)}"
            yield f"note: class {name} {only}, so only in {sides[0]}"
        elif len(sides) == 1:
            yield (
                f"note: class {name} occurs in {counted(len(clips), 'clip')}, but only in "
                f"{sides[0]}"
            )
    if not listed.all():
        count = int(np.count_nonzero(~listed))
        text = "annotations of images that the file does not list are left out"
        yield f"note: {with_count(count, text)}"
    if whole.renumbered:
        kinds = ", ".join(whole.renumbered)
        yield f"note: ids that two files used for different things are new: {kinds}"
    for note in whole.notes:
        yield f"note: {note}"
    if whole.folder is not None:
        yield f"note: file names are now relative to {os.path.relpath(whole.folder)}"


def _listed(names: set[str]) -> str:
    named = sorted(names)[:_NAMED]
    more = len(names) - len(named)
    return f" ({', '.join(named)}{f' and {more} more' if more else ''})" if names else ""
