"""Opening of result files: what kind each is, and what to do about those that are not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_detgate.dataset.labels.tables import digest_of
from pytest_detgate.dataset.results.coco_file import read_categories_of_results, read_coco_results
from pytest_detgate.dataset.results.folders import (
    files_in,
    is_inferencer_file,
    read_inferencer_folder,
    read_yolo_folder,
)
from pytest_detgate.dataset.results.found_rows import FoundRows
from pytest_detgate.dataset.text.files import as_utf8, read_bytes
from pytest_detgate.errors import DataError

_PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".npy", ".npz"})
_PACKED_SUFFIXES = frozenset({".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".7z"})
_TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".xml"})
_TORCH_SUFFIXES = frozenset({".pth", ".pt"})
# The second byte of a pickle is the version of its protocol.
_PICKLE_MARK, _ZIP_MARK, _GZIP_MARK = b"\x80", b"PK\x03\x04", b"\x1f\x8b"


def read_found(paths: Sequence[Path]) -> list[FoundRows]:
    """Read the result files of a split or probe; `DataError` says why one cannot be read."""
    return [results for path in paths for results in _read(path)]


def class_names_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the class names that result files carry, those of all together; `DataError` where one
    carries none."""
    names: dict[str, None] = {}
    for path in paths:
        if path.is_dir():
            carried = next((results.class_names for results in _read(path)), None)
        else:
            carried = read_categories_of_results(path, _content(path))
        if carried is None:
            raise DataError(
                f"{path}: carries no class names, only ids; add a `categories` list with names"
            )
        names.update(dict.fromkeys(carried))
    return tuple(names)


def sha256_of(paths: Sequence[Path]) -> str:
    """Return one digest of result files and of the files in folders."""
    if len(paths) == 1 and not paths[0].is_dir():
        return digest_of_one(paths[0])
    return joined_digest([(path, digest_of_one(path)) for path in paths])


def joined_digest(digests: Sequence[tuple[Path, str]]) -> str:
    """Return one digest of several, each with the file that it is of."""
    if len(digests) == 1:
        return digests[0][1]
    return digest_of((path.name, digest.encode()) for path, digest in digests)


def digest_of_one(path: Path) -> str:
    """Return the digest of a result file, as its reader gives it."""
    import hashlib

    if path.is_dir():
        return joined_digest([(results.path, results.sha256) for results in _read(path)])
    return hashlib.sha256(read_bytes(path)).hexdigest()


def _read(path: Path) -> Iterator[FoundRows]:
    if not path.is_dir():
        yield read_coco_results(path, _content(path))
        return
    root, names = files_in(path)
    texts = [name for name in names if name.lower().endswith(".txt")]
    if texts:
        if len(texts) < len(names):
            other = next(name for name in names if name not in texts)
            raise DataError(f"{root}: holds {texts[0]} and {other}; give one kind of result files")
        yield read_yolo_folder(root, texts)
    elif is_inferencer_file(as_utf8(_content(root / names[0]), root / names[0]), root / names[0]):
        yield read_inferencer_folder(root, names)
    else:
        for name in names:
            yield read_coco_results(root / name, _content(root / name))


def _content(path: Path) -> bytes:
    """The content of a file of JSON; `DataError` with the way out for one that would run code."""
    content = read_bytes(path)
    suffix = path.suffix.lower()
    if suffix in _PACKED_SUFFIXES or content.startswith(_GZIP_MARK):
        raise DataError(f"{path}: a packed file; unpack it, and give what is in it")
    if suffix in _TEXT_SUFFIXES:
        raise DataError(
            f"{path}: a table of text; results are read as JSON (COCO's results, Ultralytics' "
            "predictions.json) or as a folder of YOLO's text files with scores"
        )
    if suffix in _TORCH_SUFFIXES or content.startswith(_ZIP_MARK):
        raise DataError(
            f"{path}: a file of torch, which is a pickle and may run code when it is read. "
            "Detectron2 writes coco_instances_results.json beside it; give that"
        )
    if suffix in _PICKLE_SUFFIXES or content.startswith(_PICKLE_MARK):
        raise DataError(
            f"{path}: a pickle, which may run code when it is read. Let MMDetection write JSON: "
            "--cfg-options test_evaluator.outfile_prefix=results gives results.bbox.json"
        )
    return content
