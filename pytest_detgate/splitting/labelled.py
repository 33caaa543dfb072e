"""Labels of formats besides COCO: a part of them is a file of the same format.

Where the format has a file for each image, or a list says which images a split has, labels stay
where they are and a part is a list of images, as the format itself knows it: `train.txt`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from xml.etree.ElementTree import tostring

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.labels.formats import label_readers
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.dataset.text.files import read_bytes
from pytest_detgate.dataset.text.xml import parse_xml
from pytest_detgate.errors import DataError
from pytest_detgate.splitting.whole import Whole, labels_of, require_clips

PartWriter: TypeAlias = Callable[[NDArray[np.bool_], Path], bytes]
"""The content of the file of the chosen images, which will be at a path."""


def read_labelled(files: SplitFiles, kind: str, key: ClipKey) -> tuple[Whole, PartWriter]:
    """Read labels to split them; `DataError` where the clip of an image is not known, or where the
    format cannot be written."""
    writers = _writers()
    if kind not in writers:
        raise DataError(f"split does not write {kind}; it writes {', '.join(writers)}")
    dataset = label_readers()[kind](files)
    if not len(dataset.images):
        raise DataError(f"{files.labels}: no images")
    clips = clips_of(dataset.images, key)
    require_clips(dataset, clips, files.labels)
    whole = Whole(
        classes=dataset.classes,
        source=np.zeros(len(dataset.images), dtype=np.int64),
        clip=clips.clip,
        image=dataset.boxes.image,
        label=labels_of(dataset),
        notes=dataset.notes,
    )
    return whole, lambda chosen, path: writers[kind](dataset, chosen, path)


def _writers() -> dict[str, Callable[[Dataset, NDArray[np.bool_], Path], bytes]]:
    return {
        "yolo": _list_of_paths,
        "voc": _list_of_names,
        "openimages": _list_of_names,
        "cvat": _cvat_file,
    }


def _list_of_paths(dataset: Dataset, chosen: NDArray[np.bool_], path: Path) -> bytes:
    """Paths from the folder of the list on, as training tools for YOLO read them."""
    images = Path(os.path.relpath(dataset.images_dir, path.parent)).as_posix()
    names = dataset.images.file_name[chosen].tolist()
    return _lines([f"./{PurePosixPath(images, name).as_posix()}" for name in names])


def _list_of_names(dataset: Dataset, chosen: NDArray[np.bool_], path: Path) -> bytes:
    """File names without suffix, as lists of Pascal VOC have them, where that is no other image."""
    stems = [str(PurePosixPath(name).with_suffix("")) for name in dataset.images.file_name]
    count = Counter(stems)
    return _lines(
        [
            stems[row] if count[stems[row]] == 1 else str(dataset.images.file_name[row])
            for row in np.flatnonzero(chosen)
        ]
    )


def _lines(names: list[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")


def _cvat_file(dataset: Dataset, chosen: NDArray[np.bool_], path: Path) -> bytes:
    """The file with only the chosen images; all else in it stays."""
    assert dataset.annotations is not None
    root = parse_xml(read_bytes(dataset.annotations), "annotations", dataset.annotations)
    images = root.findall("image")
    if len(images) != len(dataset.images):  # the others are frames of tracks
        raise DataError(
            f"{dataset.annotations}: split does not write the tracks of CVAT for video; export "
            "the task as CVAT for images, or split by whole files"
        )
    for row, image in enumerate(images):
        if not chosen[row]:
            root.remove(image)
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"
