"""Clips on both sides of a split: their frames on a line, and neighbours in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.clips import Clips
from pytest_detgate.dataset.clips.frames import Frames, Nearest
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.evidence import ClipLine, ClipMap, Histogram, Pair, Side, left_out

CLIPS_CAP = 30
"""Clips on a map, or in a chart of clips."""
FRAMES_CAP = 200
"""Frames of a clip on a map, those of both splits together."""
NEIGHBOURS_CAP = 6
"""Pairs of neighbouring frames that a clip map is shown with."""

# Pairs that are as near as each other are taken from as many clips as there are among these.
_LOOKED_AT = 1000

Rows = NDArray[np.int64]


def clip_map(
    names: tuple[str, str],
    reference: Frames,
    tested: Frames,
    nearest: Nearest,
    *,
    title: str,
    about: str,
    within: int | None = None,
) -> ClipMap | None:
    """A map of the clips that both splits hold; None where there is none.

    `names` are those of reference and tested split, `nearest` is of the tested frames. First come
    the clips with most tested frames at most `within` frames from a reference frame, or at any
    distance where that is None. Photos are at 0 where the clip has nothing but photos, else
    they have no place on the line.
    """
    ranked = _ranked(tested, nearest, within)
    if not ranked:
        return None
    shown = ranked[:CLIPS_CAP]
    rows = [_rows_of(frames, [clip for clip, _ in shown]) for frames in (reference, tested)]
    lines = []
    thinned = False
    for clip, near in shown:
        of_clip = [rows[0][clip], rows[1][clip]]
        of_reference, of_tested = _numbers((reference, tested), of_clip)
        frames_shown = _thinned(of_reference, of_tested, within)
        thinned |= sum(map(len, frames_shown)) < len(of_reference) + len(of_tested)
        lines.append(
            ClipLine(
                clip=clip,
                frames=dict(zip(names, (part.tolist() for part in frames_shown), strict=True)),
                images=dict(zip(names, map(len, of_clip), strict=True)),
                near=None if within is None else near,
            )
        )
    if thinned:
        about += f" Of a clip with more than {FRAMES_CAP} frames some are left out."
    return ClipMap(
        title=title, about=about, splits=list(names), clips=lines, total=len(ranked), within=within
    )


def clip_histogram(
    names: tuple[str, str], reference: Counter[str], tested: Counter[str], *, title: str, about: str
) -> Histogram:
    """Images by split of the clips that both hold, for clips whose frames have no numbers. The
    clips with most tested images come first."""
    shared = sorted(
        reference.keys() & tested.keys(), key=lambda clip: (-tested[clip], -reference[clip], clip)
    )
    shown = shared[:CLIPS_CAP]
    return Histogram(
        title=title,
        about=about + left_out(len(shared), len(shown), "with most tested images", "clips"),
        label="clip",
        names=shown,
        counts={
            name: [counts[clip] for clip in shown]
            for name, counts in zip(names, (reference, tested), strict=True)
        },
        shares=False,
    )


def without_numbers(clips: Clips) -> Frames:
    """The frames of clips whose frame numbers nobody can tell: all photos."""
    n = len(clips.clip)
    return Frames(
        clip=clips.clip,
        number=np.zeros(n, dtype=np.int64),
        numbered=np.zeros(n, dtype=np.bool_),
    )


def neighbours(
    tested: Dataset,
    reference: Dataset,
    frames: Frames,
    nearest: Nearest,
    rows: Rows,
    cap: int = NEIGHBOURS_CAP,
) -> list[Pair]:
    """Some of the tested `rows`, each beside the nearest reference frame of its clip.

    The nearest come first; of those at one distance first one of each clip. `frames` and
    `nearest` are of the tested images; rows without a nearest frame are left out.
    """
    rows = rows[nearest.row[rows] >= 0]
    order = rows[np.lexsort((rows, nearest.distance[rows]))][:_LOOKED_AT].tolist()
    seen: Counter[tuple[int, object]] = Counter()
    turns = []
    for row in order:
        distance = int(nearest.distance[row])
        key = distance, frames.clip[row]
        turns.append((distance, seen[key], row))
        seen[key] += 1
    return [
        Pair(
            one=_side(tested, row),
            other=_side(reference, int(nearest.row[row])),
            text=apart(distance, numbered=bool(frames.numbered[row])),
        )
        for distance, _, row in sorted(turns, key=lambda turn: turn[:2])[:cap]
    ]


def apart(distance: int, *, numbered: bool) -> str:
    """What two frames of one clip have to do with each other."""
    if not numbered:
        return "same clip"
    if distance == 0:
        return "same clip, same frame number"
    return f"same clip, {distance} frame{'s' if distance > 1 else ''} apart"


def _side(dataset: Dataset, row: int) -> Side:
    return Side(dataset=dataset.name, image=str(dataset.images.file_name[row]))


def _ranked(tested: Frames, nearest: Nearest, within: int | None) -> list[tuple[str, int]]:
    """The clips that both splits hold, the most telling first, each with the number of its tested
    frames that are near."""
    rows = np.flatnonzero(nearest.same_clip)
    codes: dict[str, int] = {}
    of_row = np.array(
        [codes.setdefault(clip, len(codes)) for clip in tested.clip[rows].tolist()], dtype=np.int64
    )
    distance = nearest.distance[rows]
    has_frame = distance >= 0
    is_near = has_frame if within is None else has_frame & (distance <= within)
    n = len(codes)
    images = np.bincount(of_row, minlength=n)
    near = np.bincount(of_row[is_near], minlength=n)
    least = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(least, of_row[has_frame], distance[has_frame])
    clips = list(codes)
    order = np.lexsort((-images, least, -near)).tolist()
    return [(clips[index], int(near[index])) for index in order]


def _rows_of(frames: Frames, wanted: Sequence[str]) -> Mapping[str, Rows]:
    """The rows of each of some clips."""
    codes = {clip: number for number, clip in enumerate(wanted)}
    of_row = np.array([codes.get(clip, -1) for clip in frames.clip.tolist()], dtype=np.int64)
    rows = np.flatnonzero(of_row >= 0)
    return {clip: rows[of_row[rows] == number] for number, clip in enumerate(wanted)}


def _numbers(splits: Iterable[Frames], rows: Iterable[Rows]) -> list[Rows]:
    """The different frame numbers of one clip in each split, rising."""
    parts = list(zip(splits, rows, strict=True))
    only_photos = not any(frames.numbered[of_clip].any() for frames, of_clip in parts)
    return [
        np.unique(frames.number[of_clip[frames.numbered[of_clip] | only_photos]])
        for frames, of_clip in parts
    ]


def _thinned(reference: Rows, tested: Rows, within: int | None) -> tuple[Rows, Rows]:
    """At most `FRAMES_CAP` of the frame numbers of a clip, spread evenly.

    Those of frames within reach of the other split go last. Where they alone are too
    many, tested frames are taken evenly, each with its neighbour.
    """
    if len(reference) + len(tested) <= FRAMES_CAP:
        return reference, tested
    numbers = np.concatenate([reference, tested])
    is_tested = np.arange(len(numbers)) >= len(reference)
    by_number = np.argsort(numbers, kind="stable")
    if within is None or not len(reference) or not len(tested):
        crossing = np.zeros(len(numbers), dtype=np.bool_)
    else:
        steps = [
            np.abs(own - other[_nearest_place(own, other)])
            for own, other in ((reference, tested), (tested, reference))
        ]
        crossing = np.concatenate(steps) <= within
    n_crossing = int(crossing.sum())
    if n_crossing > FRAMES_CAP:
        thinned = tested[_evenly(np.flatnonzero(crossing[is_tested]), FRAMES_CAP // 2)]
        return np.unique(reference[_nearest_place(thinned, reference)]), thinned
    rest = by_number[~crossing[by_number]]
    shown = crossing.copy()
    shown[_evenly(rest, FRAMES_CAP - n_crossing)] = True
    return numbers[shown & ~is_tested], numbers[shown & is_tested]


def _nearest_place(wanted: Rows, listed: Rows) -> Rows:
    """The place of the listed number, of rising ones, that is nearest to each wanted one."""
    after = np.clip(np.searchsorted(listed, wanted), 1, max(len(listed) - 1, 1))
    after = np.minimum(after, len(listed) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(listed[before] - wanted) <= np.abs(listed[after] - wanted)
    return np.where(nearer, before, after)


def _evenly(rows: Rows, count: int) -> Rows:
    """Up to `count` of the rows, spread evenly, the first and the last among them."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), count)).round().astype(np.int64)]
