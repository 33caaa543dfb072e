"""Which items of the rules that compare images with those of another split may pass; see
`split_rules`."""

from __future__ import annotations

import math

from tests.campaign.oracle.folders import is_whole, leaves, path_of
from tests.campaign.oracle.reading import Key, NotLookedAtError, near_key, number
from tests.campaign.oracle.split_rules import SMALL, Check, at_most
from tests.campaign.oracle.view import Table, View
from tests.campaign.project import read

PHOTO = math.inf
"""Stands for the number of an image that has none."""


def _clip_overlap(view: View, table: Table, pair: str) -> bool:
    reference, tested = _clips_of_pair(view, table)
    unparsed = [*reference, *tested].count(None)
    # A clip that differs in letter case or outer blanks only is no other clip to rely on.
    known = {near_key(clip) for clip in reference if clip is not None}
    shared = [clip for clip in tested if clip is not None and near_key(clip) in known]
    return unparsed <= number(table.get("max-unparsed", 0)) and _is_within(
        len(shared) / len(tested), table.get("max", 0.0)
    )


def _is_within(value: float, limit: object) -> bool:
    return value <= number(limit) + SMALL


def _clips_of_pair(view: View, table: Table) -> tuple[list[Key | None], list[Key | None]]:
    reference, tested = _names(table)
    field = table.get("clip-field")
    return view.clips(reference, field), view.clips(tested, field)


def _names(table: Table) -> tuple[str, str]:
    names = table.get("between")
    if not isinstance(names, list) or len(names) != 2 or names[0] == names[1]:
        raise NotLookedAtError(f"between: {names!r}")
    return names[0], names[1]


def _frame_distance(view: View, table: Table, pair: str) -> bool:
    reference, tested = (_frames(view, name, table) for name in _names(table))
    unparsed = [*reference, *tested].count(None)
    near = 0
    for entry in tested:
        # An image without a number is a photo, which cannot be compared with frames of its clip.
        others = (
            [] if entry is None else [each[1] for each in reference if each and each[0] == entry[0]]
        )
        photos, frames = others.count(PHOTO), [each for each in others if each != PHOTO]
        if entry is None:
            continue
        if entry[1] == PHOTO:
            near += photos > 0
            unparsed += bool(frames and not photos)
        else:
            near += any(abs(entry[1] - each) <= number(table.get("within")) for each in frames)
            unparsed += photos > 0
    return unparsed <= number(table.get("max-unparsed", 0)) and _is_within(
        near / len(tested), table.get("max", 0.0)
    )


def _frames(view: View, name: str, table: Table) -> list[tuple[Key, float] | None]:
    """The clip of each image and its number, or `PHOTO`; None where either cannot be told."""
    field = table.get("frame-field")
    clips = view.clips(name, table.get("clip-field"))
    numbers = view.groups(name, "frame", field)
    frames: list[tuple[Key, float] | None] = []
    for image, clip, value in zip(view.labels(name).images, clips, numbers, strict=True):
        has_none = value is None and (field is None or image.fields.get(field) is None)
        frame = PHOTO if has_none else whole(value)
        frames.append(None if clip is None or frame is None else (near_key(clip), frame))
    return frames


def whole(value: Key | None) -> int | None:
    """The number of a frame."""
    if value is None:
        return None
    kind, plain = value
    if kind == "number":
        return int(plain) if plain == int(plain) else None
    return int(plain) if plain.isdigit() and plain.isascii() else None


def _bytes(view: View, name: str) -> list[bytes]:
    labels = view.labels(name)
    collected = []
    for image in labels.images:
        path = path_of(view.files, labels.folder, image.file_name)
        data = read(view.files, path)
        if data is None or leaves(view.files, labels.folder, path):
            raise NotLookedAtError(f"{path} cannot be read")
        collected.append(data)
    return collected


def _decoded(view: View, name: str, table: Table) -> list[bytes]:
    """The bytes of the images, all of which can be decoded where looks are compared."""
    labels = view.labels(name)
    if table.get("by", "hash") == "hash":
        for image in labels.images:
            if not is_whole(view.files, path_of(view.files, labels.folder, image.file_name)):
                raise NotLookedAtError(f"{image.file_name} cannot be decoded")
    return _bytes(view, name)


def _duplicate_images(view: View, table: Table, pair: str) -> bool:
    reference, tested = (_decoded(view, name, table) for name in _names(table))
    return at_most(sum(1 for data in tested if data in reference), table)


def _probe_isolation(view: View, table: Table, probe: str) -> bool:
    split = table.get("from", "train")
    reference, tested = _decoded(view, split, table), _decoded(view, probe, table)
    wrong = {index for index, data in enumerate(tested) if data in reference}
    if table.get("clips", True):
        field = table.get("clip-field")
        clips, known = view.clips(probe, field), view.clips(split, field)
        if [*clips, *known].count(None) > number(table.get("max-unparsed", 0)):
            return False
        near = {near_key(clip) for clip in known if clip is not None}
        wrong |= {
            index for index, clip in enumerate(clips) if clip is not None and near_key(clip) in near
        }
    return at_most(len(wrong), table)


def _split_drift(view: View, table: Table, pair: str) -> None:
    for name in _names(table):
        labels = view.labels(name)
        labels.require_labels(sized=True)
        if any(
            annotation.category is None or annotation.image is None
            for annotation in labels.annotations
        ):
            raise NotLookedAtError("objects of no class or image")
        if any(not image.width or not image.height for image in labels.images):
            raise NotLookedAtError("an image without size")


PAIR_RULES: dict[str, Check] = {
    "clip-overlap": _clip_overlap,
    "frame-distance": _frame_distance,
    "duplicate-images": _duplicate_images,
    "split-drift": _split_drift,
}
PROBE_RULES: dict[str, Check] = {"probe-isolation": _probe_isolation}
