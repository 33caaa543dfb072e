"""Folders with a file of detections for each image: YOLO's `save_txt`, and the inferencer of
MMDetection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec
import numpy as np

from pytest_detgate.counts import counted, with_count
from pytest_detgate.dataset.images.folder_files import APPLE_DOUBLE, folder_files
from pytest_detgate.dataset.images.options import AS_SHOWN
from pytest_detgate.dataset.labels.side_files import is_beside_labels
from pytest_detgate.dataset.labels.tables import digest_of
from pytest_detgate.dataset.labels.yolo.class_names import USUAL, names_in_file
from pytest_detgate.dataset.labels.yolo.yolo_lines import YoloBoxes, read_scored_lines
from pytest_detgate.dataset.results.found_rows import FoundRows, wrong_score
from pytest_detgate.dataset.tables import object_column
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.json_decoding import Number, decode_json
from pytest_detgate.errors import DataError

# Where the tools put them in the folder of a run.
_INNER = ("labels", "preds")


class _Inferred(msgspec.Struct, gc=False):
    """What MMDetection's inferencer writes of an image: corners in pixels, best score first."""

    labels: list[Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]]
    scores: list[Number]
    bboxes: list[tuple[Number, Number, Number, Number]]


def files_in(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder that the detections are in, that itself or one inside of it, and the names
    of its files of detections; `DataError` where there are none."""
    for root in (*(folder / name for name in _INNER), folder):
        if root.is_dir():
            names = tuple(
                name for name in folder_files(root, AS_SHOWN).files if _is_detections(name)
            )
            if names:
                return root, names
    raise DataError(
        f"{folder}: no detections in this folder (.txt of YOLO, or .json); for a detector that "
        "found nothing, give a COCO result file that lists its images"
    )


def read_yolo_folder(root: Path, names: Sequence[str]) -> FoundRows:
    """Read the text files of YOLO's `save_txt` with `save_conf`: boxes in shares of their image.

    An image without detections has no file, so which images were looked at is not known.
    """
    boxes = YoloBoxes()
    contents = [(name, read_bytes(root / name)) for name in names]
    for number, (name, content) in enumerate(contents):
        read_scored_lines(root / name, name, content, number, boxes)
    images = object_column([_without_suffix(name) for name in names])
    results = FoundRows(
        path=root,
        sha256=digest_of(contents),
        image=images[np.array(boxes.image, dtype=np.int64)],
        has_names=True,
        category=np.array(boxes.number, dtype=np.int64),
        has_class_numbers=True,
        shares=np.array(boxes.shares, dtype=np.float64).reshape(-1, 4),
        score=np.array(boxes.score, dtype=np.float64),
        # Files without a line are of images that were looked at; there need not be one of each.
        looked_at=None if boxes.score else images,
        class_names=_class_names(root),
        kind="is a folder with a file for each image that has detections",
        origins=tuple(boxes.id),
        notes=(with_count(len(boxes.framed), "polygons are read as their frames"),)
        if boxes.framed
        else (),
    )
    shares = results.shares
    assert shares is not None
    results.refuse_first(
        np.asarray(~np.isfinite(shares).all(axis=1) | (shares[:, 2:] < 0).any(axis=1)),
        lambda row: f"a box of width {shares[row, 2]:g} and height {shares[row, 3]:g} is none",
    )
    _refuse_wrong_scores(results)
    return results


def read_inferencer_folder(root: Path, names: Sequence[str]) -> FoundRows:
    """Read the files that MMDetection's inferencer writes, one for each image."""
    contents = [(name, read_bytes(root / name)) for name in names]
    images: list[str] = []
    origins: list[str] = []
    number: list[int] = []
    score: list[float] = []
    corners: list[Any] = []
    for name, content in contents:
        image = decode_json(content, _Inferred, root / name)
        if not len(image.labels) == len(image.scores) == len(image.bboxes):
            raise DataError(
                f"{root / name}: {counted(len(image.labels), 'label')}, "
                f"{counted(len(image.scores), 'score')} and {counted(len(image.bboxes), 'bbox')}"
            )
        images += [_without_suffix(name)] * len(image.labels)
        origins += [f"{name}: detection {row}" for row in range(len(image.labels))]
        number += image.labels
        score += map(float, image.scores)
        corners += image.bboxes
    xyxy = np.array(corners, dtype=np.float64).reshape(-1, 4)
    results = FoundRows(
        path=root,
        sha256=digest_of(contents),
        image=object_column(images),
        has_names=True,
        category=np.array(number, dtype=np.int64),
        has_class_numbers=True,
        xywh=np.column_stack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]),
        score=np.array(score, dtype=np.float64),
        looked_at=object_column([_without_suffix(name) for name in names]),
        class_names=_class_names(root),
        origins=tuple(origins),
    )
    assert results.xywh is not None
    results.refuse_first(
        np.asarray(~np.isfinite(xyxy).all(axis=1) | (results.xywh[:, 2:] < 0).any(axis=1)),
        lambda row: f"bbox {xyxy[row].tolist()} is not [x1, y1, x2, y2]",
    )
    _refuse_wrong_scores(results)
    return results


def is_inferencer_file(content: bytes, path: Path) -> bool:
    """Whether a JSON file is one of MMDetection's inferencer."""
    if content.lstrip()[:1] == b"[":
        return False
    return {"labels", "scores", "bboxes"} <= set(decode_json(content, dict[str, msgspec.Raw], path))


def _is_detections(name: str) -> bool:
    path = PurePosixPath(name)
    if path.name.startswith((APPLE_DOUBLE, ".")):
        return False
    suffix = path.suffix.lower()
    return suffix == ".json" or (suffix == ".txt" and not is_beside_labels(name, ".txt"))


def _without_suffix(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _class_names(root: Path) -> tuple[str, ...] | None:
    """The names of the classes by number, where a file with them is beside the detections."""
    for folder in (root, root.parent):
        for name in USUAL:
            if (folder / name).is_file():
                return names_in_file(folder / name)
    return None


def _refuse_wrong_scores(results: FoundRows) -> None:
    results.refuse_first(
        ~((results.score >= 0) & (results.score <= 1)),
        lambda row: wrong_score(results.score, row),
    )
