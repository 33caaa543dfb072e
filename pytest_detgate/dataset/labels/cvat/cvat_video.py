"""CVAT for video 1.1 to tables: one XML file with the tracks of a task."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from pytest_detgate.dataset.images.names import names_in
from pytest_detgate.dataset.labels.cvat.cvat_shapes import cvat_flags, cvat_frame
from pytest_detgate.dataset.labels.image_labels import ImageLabels
from pytest_detgate.dataset.labels.image_tables import listed_dataset
from pytest_detgate.dataset.labels.shape_boxes import Frame
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.xml import numbers_of
from pytest_detgate.errors import DataError

_PARTS = frozenset({"version", "meta", "track"})
_ATTRIBUTE = "attribute"
_STEP = re.compile(r"step\s*=\s*([1-9][0-9]*)")
_LAST_NUMBER = re.compile(r"(\d+)\D*\Z")


def read_cvat_video(
    files: SplitFiles, root: Element, classes: list[str] | None, sha256: str
) -> Dataset:
    """Read the tracks of one task. The images are the frames of the task; the last number in the
    name of an image is that of its frame.

    Between two boxes of a track the box moves in a straight line, as in CVAT; it stays until it is
    said to be `outside`, or to the last frame. Of a shape that is outside nothing else is read.
    Image fields: `clip`, the name of the task, and `frame`.
    """
    path = files.labels
    for element in root:
        if element.tag not in _PARTS:
            raise DataError(f"{path}: expected <track>, found <{element.tag}>")
        if element.tag != "track" and element.find(".//track") is not None:
            raise DataError(f"{path}: <{element.tag}> has a <track> in it")
    about = _about(root, path)
    frames = _frames(about, path)
    images = _images(files)
    clip = (about.findtext("name") or "").strip() or path.stem
    width, height = (about.findtext(f"original_size/{side}") for side in ("width", "height"))
    size = numbers_of([width or "nan", height or "nan"], "<original_size>", path) if width else None
    entries = {
        frame: ImageLabels(
            where=f"frame {frame}",
            image=images.get(frame) or f"frame_{frame:06d}.png",
            fields={"clip": clip, "frame": frame},
        )
        for frame in frames
    }
    if size is not None:
        for entry in entries.values():
            entry.size = size[0], size[1]
    for number, track in enumerate(root.iterfind("track"), start=1):
        _read_track(track, number, path, entries, frames)
    return listed_dataset(files, list(entries.values()), classes, sha256)


def _about(root: Element, path: Path) -> Element:
    parts = [*root.iterfind("meta/task"), *root.iterfind("meta/job")]
    if len(parts) != 1 or root.find("meta/project") is not None:
        raise DataError(
            f"{path}: expected the tracks of one task, found {len(parts)} tasks in <meta>; export "
            "each task"
        )
    return parts[0]


def _frames(about: Element, path: Path) -> range:
    texts = [about.findtext("start_frame"), about.findtext("stop_frame")]
    if None in texts:
        size = about.findtext("size")
        if size is None:
            raise DataError(f"{path}: <{about.tag}> has no <start_frame> and <stop_frame>")
        texts = ["0", str(int(numbers_of([size], "<size>", path)[0]) - 1)]
    start, stop = map(int, numbers_of(texts, "<start_frame>, <stop_frame>", path))
    step = _STEP.search(about.findtext("frame_filter") or "")
    frames = range(start, stop + 1, int(step[1]) if step else 1)
    if not frames or start < 0 or len(frames) > 10**7:
        raise DataError(f"{path}: no frames from <start_frame> {start} to <stop_frame> {stop}")
    return frames


def _images(files: SplitFiles) -> dict[int, str]:
    """The images of the folder by the last number in their names."""
    images: dict[int, str] = {}
    for name in names_in(files.images, files.image_options).names:
        number = _LAST_NUMBER.search(PurePosixPath(name).stem)
        if number is None:
            continue
        other = images.setdefault(int(number[1]), name)
        if other != name:
            raise DataError(f"{files.images}: both {other} and {name} are frame {int(number[1])}")
    return images


def _read_track(
    track: Element, number: int, path: Path, entries: dict[int, ImageLabels], frames: range
) -> None:
    label = track.get("label")
    what = f"track {track.get('id', number)}"
    if not label:
        raise DataError(f"{path}: {what} has no label")
    shapes: dict[int, Element | None] = {}  # None where the object is outside
    for part in track:
        if part.tag == _ATTRIBUTE:
            continue
        (frame,) = numbers_of([part.get("frame")], f"{what}: {part.tag}", path)
        if frame not in entries:
            raise DataError(
                f"{path}: {what}: frame {frame:g} is none of the task, {frames[0]} to {frames[-1]}"
                + (f" in steps of {frames.step}" if frames.step > 1 else "")
            )
        if int(frame) in shapes:
            raise DataError(f"{path}: {what} has two shapes in frame {int(frame)}")
        outside = part.get("outside", "0")
        if outside not in ("0", "1"):
            raise DataError(
                f"{path}: {what}, frame {int(frame)}: outside is {outside!r}, expected 0 or 1"
            )
        shapes[int(frame)] = part if outside == "0" else None
    listed = sorted(shapes)
    for frame, follows in zip(listed, [*listed, None][1:], strict=True):
        shape = shapes[frame]
        if shape is None:
            continue
        where = f"{what}, frame {frame}"
        entry = entries[frame]
        box = cvat_frame(shape, where, path, entry.framed)
        after = frames[frames.index(frame) + 1 : None if follows is None else frames.index(follows)]
        if box is None or any(child.tag != _ATTRIBUTE for child in shape):
            for frame_number in (frame, *after):
                entries[frame_number].others.append((shape.tag, label))
            continue
        flags = cvat_flags(shape)
        entry.add(label, box, number, flags)
        for frame_number, moved in _between(shapes, frame, follows, box, after, path):
            if moved is None:
                entries[frame_number].others.append((f"{shape.tag} between two frames", label))
            else:
                entries[frame_number].add(label, moved, number, flags)


def _between(
    shapes: dict[int, Element | None],
    frame: int,
    follows: int | None,
    box: Frame,
    after: range,
    path: Path,
) -> Iterator[tuple[int, Frame | None]]:
    """The box in the frames between two that are listed; None where it is unknown."""
    if not after:
        return
    target: Frame | None = box
    here, there = shapes[frame], None if follows is None else shapes[follows]
    if here is not None and there is not None:
        target = cvat_frame(there, f"frame {follows}", path, [])
        if here.tag != "box" or there.tag != "box":
            target = None
    for number in after:
        if target is None:
            yield number, None
            continue
        share = 0.0 if follows is None else (number - frame) / (follows - frame)
        x, y, w, h = (a + (b - a) * share for a, b in zip(box, target, strict=True))
        yield number, (x, y, w, h)
