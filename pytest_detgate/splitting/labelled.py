"""Labels of formats besides COCO, as what is split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import verb, with_count
from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.labels.formats import label_readers
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.record.formatting import counted
from pytest_detgate.regular_file import real_path
from pytest_detgate.splitting.coco_part import coco_part, common_folder, incomplete_images
from pytest_detgate.splitting.part_files import Chosen, merges, writer_of
from pytest_detgate.splitting.whole import Whole, labels_of, notes_on_scores, require_clips

PartWriter: TypeAlias = Callable[[NDArray[np.bool_], Path], bytes]
"""The content of the file of the chosen images, which will be at a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSources:
    """Labels of one format; `to_coco` says that the parts are COCO files."""

    files: Sequence[SplitFiles]
    format: str
    to_coco: bool = False


def read_labelled(
    sources: LabelSources, key: ClipKey, *, no_clips: str = ""
) -> tuple[Whole, PartWriter]:
    """Read labels to split them; `DataError` where the clip of an image is not known, where the
    format cannot be written, or where several sources cannot become one file. `no_clips` is what to
    say where the labels should name the clips and do not."""
    write = coco_part if sources.to_coco else writer_of(sources.format)
    if len(sources.files) > 1 and not (sources.to_coco or merges(sources.format)):
        raise DataError(
            f"--format {sources.format}: expected one folder or file of labels, found "
            f"{len(sources.files)}, which this format cannot hold together; --to-coco writes "
            "COCO files of them"
        )
    datasets = [_read(files, sources, key) for files in sources.files]
    if no_clips and any(key.field not in dataset.known_fields for dataset in datasets):
        raise ConfigError(no_clips)
    tables = [_Table.of(dataset, key) for dataset in datasets]
    folders = {table.dataset.images_dir for table in tables}
    if sources.to_coco:
        tables = [table.without(incomplete_images(table.dataset)) for table in tables]
    _require_same_classes([table.dataset for table in tables])
    tables = list(_each_image_once(tables))
    starts = np.cumsum([0, *(len(table.rows) for table in tables)])

    def part(chosen: NDArray[np.bool_], path: Path) -> bytes:
        return write(
            [
                Chosen(table.dataset, table.rows[chosen[start : start + len(table.rows)]])
                for table, start in zip(tables, starts, strict=False)
            ],
            path,
        )

    whole = Whole(
        classes=tuple(dict.fromkeys(name for table in tables for name in table.dataset.classes)),
        source=np.repeat(np.arange(len(tables)), np.diff(starts)),
        clip=np.concatenate([table.clip for table in tables]),
        image=np.concatenate(
            [table.images_of_boxes(start) for table, start in zip(tables, starts, strict=False)]
        ),
        label=np.concatenate([labels_of(table.dataset)[table.boxes] for table in tables]),
        folder=common_folder([table.dataset for table in tables])
        if sources.to_coco and len(folders) > 1
        else None,
        notes=tuple(note for table in tables for note in table.notes),
    )
    return whole, part


def _read(files: SplitFiles, sources: LabelSources, key: ClipKey) -> Dataset:
    read = label_readers()[sources.format]
    files = dataclasses.replace(files, allow_scores=True)
    dataset = read(dataclasses.replace(files, fields=() if key.field is None else (key.field,)))
    if sources.to_coco and dataset.known_fields:
        dataset = read(dataclasses.replace(files, fields=dataset.known_fields))
    return dataset


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A data set, the `rows` (n,) of its images that are split, with their `clip` (n,), and notes
    on the others."""

    dataset: Dataset
    rows: NDArray[np.int64]
    clip: NDArray[np.object_]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset, key: ClipKey) -> _Table:
        path = dataset.annotations
        assert path is not None
        if not len(dataset.images):
            raise DataError(f"{path}: no images")
        clips = clips_of(dataset.images, key)
        require_clips(dataset, clips, path)
        notes = (*dataset.notes, *notes_on_scores(dataset))
        return cls(dataset, np.arange(len(dataset.images)), clips.clip, notes)

    def only(self, keep: NDArray[np.bool_], note: Callable[[int], str]) -> _Table:
        """The same with some of its rows; the note says how many are left out, if any."""
        left_out = int(np.count_nonzero(~keep))
        notes = (note(left_out),) if left_out else ()
        return _Table(self.dataset, self.rows[keep], self.clip[keep], (*self.notes, *notes))

    def without(self, rows: NDArray[np.int64]) -> _Table:
        """The same without the images of which labels do not say all."""
        return self.only(
            ~np.isin(self.rows, rows),
            lambda count: with_count(
                count, "images are left out: COCO would say that nothing else is there"
            ),
        )

    @property
    def boxes(self) -> NDArray[np.int64]:
        """(boxes,) the rows of the boxes that are split: on these images, or on none."""
        return np.flatnonzero(np.isin(self.dataset.boxes.image, [*self.rows.tolist(), UNLISTED]))

    def images_of_boxes(self, start: int) -> NDArray[np.int64]:
        """(boxes,) the number of each box's image among all that are split."""
        number = np.full(len(self.dataset.images) + 1, UNLISTED, dtype=np.int64)
        number[self.rows] = np.arange(start, start + len(self.rows))
        # UNLISTED is -1, the last.
        image: NDArray[np.int64] = number[self.dataset.boxes.image[self.boxes]]
        return image


def _each_image_once(tables: Sequence[_Table]) -> list[_Table]:
    """The tables, in which an image that an earlier one has is left out: `train` and `val` of a
    `data.yaml` may name the same folder."""
    seen: set[Path] = set()
    distinct = []
    for table in tables:
        folder = real_path(table.dataset.images_dir)
        paths = [folder / name for name in table.dataset.images.file_name[table.rows].tolist()]
        keep = np.array([path not in seen for path in paths], dtype=np.bool_)
        seen.update(paths)
        distinct.append(table.only(keep, partial(_known_note, table.dataset.name)))
    return distinct


def _known_note(name: str, count: int) -> str:
    are = verb(count, "are")
    return f"{counted(count, 'image')} of {name} {are} in an earlier split too, and counted once"


def _require_same_classes(datasets: Sequence[Dataset]) -> None:
    """Numbers of classes must mean the same in all sources of one list."""
    first = datasets[0]
    for other in datasets[1:]:
        if other.has_class_numbers and other.classes != first.classes:
            raise DataError(
                f"{other.annotations}: its classes are {', '.join(other.classes)}; those of "
                f"{first.annotations} are {', '.join(first.classes)}. Name the file that is right "
                "for both with --classes"
            )
