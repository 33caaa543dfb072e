"""Labels of tools whose files are not read here: what a file is, and how to get one that is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

ARCHIVE = "an archive; unpack it"
_HEAD_BYTES = 20_000
_COCO_OR_YOLO = "export them there as COCO or YOLO"
_READ_HERE = "COCO, YOLO or Pascal VOC"
_CONVERT = f"convert them to {_READ_HERE}"
_CONVERT_IT = f"convert it to {_READ_HERE}"


def _keys(*names: str) -> Callable[[bytes], bool]:
    """Whether a text has all of these keys of JSON."""
    patterns = [re.compile(rb'"%s"\s*:' % name.encode()) for name in names]
    return lambda head: all(pattern.search(head) for pattern in patterns)


def _begins(pattern: str) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern.encode(), re.IGNORECASE)
    return lambda head: compiled.match(head) is not None


_JSON: Sequence[tuple[Callable[[bytes], bool], str]] = (
    (_keys("filename", "regions"), "annotations of VIA; export them there as COCO"),
    (_keys("boundingBox", "regions"), "annotations of VoTT; export them there as Pascal VOC"),
    (_keys("classTitle", "objects"), f"annotations of Supervisely; {_COCO_OR_YOLO}"),
    (_keys("coordinates", "annotations", "label"), f"annotations of CreateML; {_COCO_OR_YOLO}"),
    (
        _keys("annotator", "annotation_id"),
        "a JSON-MIN export of Label Studio; export the project as JSON",
    ),
    (
        _keys("completions", "data"),
        "an export of Label Studio before 1.0; export it from a newer one",
    ),
    (_keys("data_row"), f"an export of Labelbox; {_CONVERT_IT}"),
    (_keys("Labeled Data"), f"an export of Labelbox; {_CONVERT_IT}"),
    (
        _keys("_cls"),
        "a data set of FiftyOne; export it as COCODetectionDataset or YOLOv5Dataset",
    ),
    (
        _keys("frames", "objects", "box2d"),
        "labels of the first BDD100K, a file for each image; use those of its later releases, "
        "one file for a split",
    ),
    (
        _keys("file_name", "objects"),
        f"labels of a data set of Hugging Face; {_CONVERT}",
    ),
    (_keys("prefix", "suffix"), f"labels of a language model; {_COCO_OR_YOLO}"),
)
_CSV: Sequence[tuple[Callable[[bytes], bool], str]] = (
    (
        _begins(r"annotation_id,|annotator,|[^\n]*,annotator,"),
        "a CSV export of Label Studio; export the project as JSON",
    ),
    (_begins(r"(?=[^\n]*xmin)(?=[^\n]*class)"), f"a table of boxes; {_CONVERT_IT}"),
    (_begins(r"[^\n]+(,-?\d+(\.\d+)?){4},[^\n]*\S"), f"a table of boxes; {_CONVERT_IT}"),
)
_TXT: Sequence[tuple[Callable[[bytes], bool], str]] = (
    (
        _begins(r"\s*(-?\d+(\.\d+)?\s*,\s*){5,}-?\d"),
        f"lines of numbers with commas, as VisDrone and MOT Challenge have them; {_CONVERT}",
    ),
    (
        _begins(r"[^\n]+\.\w+ (\d+,){4}\d+\s"),
        f"a list of images with their boxes, as YOLO for Keras has it; {_CONVERT_IT}",
    ),
    (
        _begins(r"\s*(imagesource|(-?\d+(\.\d+)?\s+){8}[a-z])"),
        f"labels of DOTA; {_CONVERT}",
    ),
)
_OF_SUFFIX = {
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), _JSON),
    ".csv": _CSV,
    ".txt": _TXT,
}
_BY_SUFFIX = {
    ".tfrecord": f"TFRecord; {_CONVERT_IT}",
    ".parquet": f"a Parquet file; {_CONVERT_IT}",
    ".arrow": f"an Arrow file; {_CONVERT_IT}",
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"), ARCHIVE),
}


def unread_labels(path: Path, content: bytes) -> str | None:
    """Return what a file of labels is that no format here reads, and the way out; None where it is
    unknown. `content` may be the beginning of the file alone, as UTF-8."""
    suffix = path.suffix.lower()
    head = content[:_HEAD_BYTES]
    return next((text for fits, text in _OF_SUFFIX.get(suffix, ()) if fits(head)), None)


def labels_by_suffix(path: Path) -> str | None:
    """Return the same for a file whose suffix tells it."""
    return _BY_SUFFIX.get(path.suffix.lower())


def may_hold_labels(path: Path) -> bool:
    """Whether `unread_labels` knows files of this suffix."""
    return path.suffix.lower() in _OF_SUFFIX
