"""The command `split`: from annotations to a training and a validation file, with a summary."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.labels.formats import GIVES_CLIPS
from pytest_detgate.dataset.labels.yolo.data_yaml import yaml_root, yaml_splits
from pytest_detgate.dataset.labels.yolo.yolo import read_yolo
from pytest_detgate.dataset.tables import UNLISTED
from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.record.formatting import counted
from pytest_detgate.regular_file import real_path
from pytest_detgate.splitting.choice import ClipCounts, choose_validation
from pytest_detgate.splitting.json_text import join_entries, table_text
from pytest_detgate.splitting.labelled import LabelSources, PartWriter, read_labelled
from pytest_detgate.splitting.merged import MergedFiles, merge_files
from pytest_detgate.splitting.request import SplitRequest, check, label_files, yaml_files
from pytest_detgate.splitting.sources import read_source
from pytest_detgate.splitting.summary import summary
from pytest_detgate.splitting.whole import Whole


def split(request: SplitRequest) -> str:
    """Write both files and return a summary. A file that exists is never overwritten."""
    check(request)
    names, whole, part = _read(request)
    clips, clip = np.unique(whole.clip.astype(str), return_inverse=True)
    if len(clips) < 2:
        raise DataError(f"all images are of one clip, {str(clips[0])!r}: it cannot be split")
    counts = clip_counts(whole, clip, len(clips))
    in_val = choose_validation(counts, request.val_share, request.seed)[clip]
    # All that may fail comes before the files: the next run refuses to replace them.
    text = summary(whole, in_val, names, (request.train.name, request.val.name))
    text = "\n".join([text, *_next_steps(request, whole)])
    write_whole(request.train, part(~in_val, request.train))
    try:
        write_whole(request.val, part(in_val, request.val))
    except BaseException:
        request.train.unlink()
        raise
    return text


def _read(request: SplitRequest) -> tuple[list[str], Whole, PartWriter]:
    """The names of the sources, what is split, and what makes the file of some of its images."""
    if request.kind != "coco":
        files = label_files(request)
        sources = LabelSources(files=files, format=request.kind, to_coco=request.to_coco)
        whole, part = read_labelled(sources, _key(request), no_clips=request.no_key)
        return [file.name for file in files], whole, part
    if request.key is None:
        raise ConfigError(request.no_key)
    merged = merge_files(
        [
            read_source(path, folder, request.key)
            for path, folder in zip(request.annotations, request.folders, strict=True)
        ]
    )
    names = [path.stem for path in request.annotations]
    return names, merged, lambda chosen, _: _file(merged, chosen)


def _key(request: SplitRequest) -> ClipKey:
    """What tells the clips: what was asked for, else the labels."""
    if request.key is not None:
        return request.key
    if request.kind not in GIVES_CLIPS:
        raise ConfigError(request.no_key)
    return ClipKey(field="clip")


def clip_counts(whole: Whole, clip: NDArray[np.int64], clips: int) -> ClipCounts:
    """Count the images, images without a box and boxes by class of each clip; `clip` (images,) is
    its number."""
    listed = whole.image != UNLISTED
    on_image = np.bincount(whole.image[listed], minlength=len(whole))
    strata = [np.bincount(clip[on_image == 0], minlength=clips)]
    for name in whole.classes:
        of_class = listed & (whole.label == name)
        strata.append(np.bincount(clip[whole.image[of_class]], minlength=clips))
    return ClipCounts(images=np.bincount(clip, minlength=clips), strata=np.column_stack(strata))


def _file(whole: MergedFiles, chosen: NDArray[np.bool_]) -> bytes:
    """The COCO file of the chosen images, one entry on each line."""
    on_chosen = (whole.image != UNLISTED) & chosen[whole.image]
    lists = {
        "images": [whole.images[row] for row in np.flatnonzero(chosen)],
        "annotations": [whole.annotations[row] for row in np.flatnonzero(on_chosen)],
    }
    joined = {key: msgspec.Raw(join_entries(entries)) for key, entries in lists.items()}
    return table_text({**whole.top, **joined})


def _next_steps(request: SplitRequest, whole: Whole) -> Iterator[str]:
    """What a `data.yaml` needs now, and what is left in its `test`."""
    file = request.data_yaml
    if file is None or request.to_coco:
        return
    if not request.with_test:
        yield from _test_notes(file, request, whole)
    yield f"Now write into {file}:"
    root = real_path(yaml_root(file))
    for key, path in (("train", request.train), ("val", request.val)):
        yield f"  {key}: {Path(os.path.relpath(real_path(path), root)).as_posix()}"
    if request.with_test:
        yield "and remove its `test`: those images are in the two lists now"


def _test_notes(file: Path, request: SplitRequest, whole: Whole) -> Iterator[str]:
    """Say how many clips the `test` of a `data.yaml` shares with the other two. It is not split, so
    it need not be there."""
    assert request.key is not None
    try:
        for name, split in yaml_splits(file, ("test",)):
            test = read_yolo(yaml_files(file, name, split, background=request.background))
            shared = set(clips_of(test.images, request.key).clip.tolist()) & set(whole.clip)
            stays = f"note: {name} stays as it is: {counted(len(test.images), 'image')}"
            n_shared = len(shared - {None})
            yield f"{stays}, {counted(n_shared, 'clip')} shared with train and val" + (
                "; --with-test splits its images too" if n_shared else ""
            )
    except DataError as error:
        yield f"note: test stays as it is; its clips were not compared: {error}"
