"""A project as its `detgate.toml` describes it, for rules that are bound."""

from __future__ import annotations

import contextlib
import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.config.load import Configuration
from pytest_detgate.config.schema import ConfigTable
from pytest_detgate.config.validation import frame_pattern
from pytest_detgate.config.wording import unknown
from pytest_detgate.dataset.images.options import ImageOptions, real_paths
from pytest_detgate.dataset.labels.formats import GIVES_CLIPS
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.seals import Seals
from pytest_detgate.progress import NoProgress, Progress

if TYPE_CHECKING:
    from pytest_detgate.cache.annotation_tables import CachedTables
    from pytest_detgate.dataset.queries import Query
    from pytest_detgate.dataset.slices import Slices
    from pytest_detgate.dataset.tables import Dataset
    from pytest_detgate.inputs.sealed_images import SealedImages


class Project:
    """Names and paths of a project; class names are read from its annotation files when asked.

    `root` is pytest's root directory: the report shows paths relative to it.
    """

    def __init__(self, configuration: Configuration, root: Path) -> None:
        self.configuration = configuration
        self.root = root
        self.cached_tables: CachedTables | None = None
        """The cache of tables, if the run has one."""
        self.progress: Progress = NoProgress()
        """What shows how far the reading of a large file is."""
        self._classes: dict[str, tuple[str, ...]] = {}
        self._slices: dict[tuple[str, str], Slices] = {}

    @property
    def tables(self) -> ConfigTable:
        return self.configuration.tables

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in the order of the file."""
        return tuple(self.tables.dataset.splits)

    @property
    def training_split(self) -> str | None:
        """The split that the model is trained on: the first whose name begins with `train`, else
        the first; None where there is no split."""
        named = [name for name in self.splits if name.lower().startswith("train")]
        return next(iter((*named, *self.splits)), None)

    @property
    def probes(self) -> tuple[str, ...]:
        """Names of the probes, in the order of the file; without those that nobody looked at."""
        return tuple(name for name, probe in self.tables.probes.items() if not probe.unlabelled)

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """Names of the probes whose images nobody has looked at."""
        return tuple(name for name, probe in self.tables.probes.items() if probe.unlabelled)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of all splits and probes."""
        return (*self.splits, *self.tables.probes)

    @cached_property
    def seals(self) -> Seals:
        """The probes of which only verdicts are shown."""
        names = [name for name, probe in self.tables.probes.items() if probe.sealed]
        return Seals(names, lambda name: self.sealed_images.shared_by(name))

    @cached_property
    def sealed_images(self) -> SealedImages:
        """The images of these probes, and other splits and probes that have them."""
        from pytest_detgate.inputs.sealed_images import SealedImages

        return SealedImages(self, sorted(self.seals.names))

    @property
    def evaluate_on(self) -> str:
        """The split that AP is measured on."""
        return self.tables.model.evaluate_on

    @property
    def alarm_split(self) -> str:
        """The split whose events must raise alarms."""
        return self.tables.alarms.split or self.evaluate_on

    @property
    def score_threshold(self) -> float:
        """The operating point: a box counts when score > threshold."""
        return self.tables.model.score_threshold

    @property
    def training_config(self) -> Path | None:
        """The configuration file that the project trains with: that of `[train]`, else `[model]`;
        None where neither names one."""
        train, model = self.tables.train, self.tables.model
        path = model.config if train is None else train.config
        return None if path is None else self.configuration.locate(path)

    @property
    def work_dir(self) -> Path | None:
        """The folder that the project trains into, where `[train]` names it."""
        train = self.tables.train
        return None if train is None else self.configuration.locate(train.work_dir)

    @cached_property
    def training_seed(self) -> int | None:
        """The seed that `[train]` names; None where it is left to its default."""
        train = self.tables.train
        is_given = self.configuration.location.table("train").line("seed") is not None
        return train.seed if train is not None and is_given else None

    @cached_property
    def image_options(self) -> ImageOptions:
        """How images are read, as `[dataset]` says."""
        table = self.tables.dataset
        locate = self.configuration.locate
        return ImageOptions(
            exif=table.exif,
            max_pixels=table.max_pixels,
            stores=real_paths(map(locate, table.follow_links)),
            project=os.path.realpath(self.configuration.path.parent),
        )

    @property
    def matches_near_names(self) -> bool:
        """Whether a file name that is not there means the one near file."""
        return self.tables.dataset.match_names == "near"

    @cached_property
    def frame_pattern(self) -> re.Pattern[str] | None:
        """The pattern that finds clip and frame in a file name."""
        return frame_pattern(self.configuration)

    @cached_property
    def has_own_clips(self) -> bool:
        """Whether labels may name the clips of their images, in the image fields `clip` and
        `frame`, and no pattern does."""
        formats = {
            *(split.format for split in self.tables.dataset.splits.values()),
            *(probe.format for probe in self.tables.probes.values()),
        }
        return self.frame_pattern is None and not formats.isdisjoint(GIVES_CLIPS)

    def classes(self, split: str) -> tuple[str, ...]:
        """Class names of a split, in the order of its file; `DataError` if it cannot be read."""
        from pytest_detgate.dataset.keys import composed
        from pytest_detgate.inputs.reading import read_classes

        if split not in self._classes:
            self._classes[split] = composed(read_classes(self, split))
        return self._classes[split]

    @cached_property
    def evaluated_classes(self) -> tuple[str, ...] | None:
        """Class names of the split that AP is measured on; None where they cannot be read, or
        there is no such split."""
        return self.classes_of(self.evaluate_on)

    def classes_of(self, split: str) -> tuple[str, ...] | None:
        """Class names of a split; None where they cannot be read, or there is no such split."""
        if split not in self.splits:
            return None
        try:
            return self.classes(split)
        except DataError:
            return None

    @cached_property
    def known_classes(self) -> tuple[str, ...] | None:
        """Class names of all splits together; None where no annotation file can be read."""
        known: dict[str, None] = {}
        for split in self.splits:
            with contextlib.suppress(DataError):
                known.update(dict.fromkeys(self.classes(split)))
        return tuple(known) or None

    def read(self, name: str, image_fields: tuple[str, ...] = ()) -> Dataset:
        """Read a split or probe into tables; `DataError` if it cannot be read."""
        from pytest_detgate.inputs.reading import read_probe, read_split

        split = self.tables.dataset.splits.get(name)
        if split is not None:
            return read_split(self, name, split, image_fields)
        query = self.query(name)
        if query is not None:
            from pytest_detgate.dataset.queries import select

            return select(query, self.read(query.split, (*query.fields, *image_fields)), name)
        probe = self.tables.probes.get(name)
        if probe is None:
            raise DataError(unknown("split or probe", name, self.datasets))
        return read_probe(self, name, probe, image_fields)

    def query(self, name: str) -> Query | None:
        """The query over a split that a probe is; None for a split, and for a probe with images of
        its own."""
        from pytest_detgate.dataset.conditions import parse_condition
        from pytest_detgate.dataset.queries import Query

        table = self.tables.probes.get(name)
        if table is None or table.split is None:
            return None
        return Query(
            split=table.split,
            empty=table.empty,
            condition=None if table.where is None else parse_condition(table.where),
            listed=None if table.list is None else self.configuration.locate(table.list),
            pattern=self.frame_pattern,
        )

    @cached_property
    def numbered_classes(self) -> tuple[str, ...] | None:
        """The names of the detector's classes by number, as `[model]` states them; None where it
        does not."""
        from pytest_detgate.dataset.keys import composed
        from pytest_detgate.dataset.labels.yolo.class_names import names_in_file

        classes = self.tables.model.classes
        if isinstance(classes, str):
            classes = names_in_file(self.configuration.locate(classes))
        return None if classes is None else composed(classes)

    def slices(self, split: str, expression: str) -> Slices:
        """The images of a split sliced by an expression over their fields; `DataError` where that
        is not possible."""
        from pytest_detgate.dataset.slices import fields_in, slices_of

        key = (split, expression)
        if key not in self._slices:
            dataset = self.read(split, fields_in(expression, self.frame_pattern))
            self._slices[key] = slices_of(dataset, expression, self.frame_pattern)
        return self._slices[key]

    def relative(self, path: Path) -> str:
        """A path as the report shows it: relative to the root directory."""
        return Path(os.path.relpath(path, self.root)).as_posix()

    def shorten(self, text: str) -> str:
        """A message with the paths in it relative to the root directory. What is in quotes
        stays: it is the name in a file, or a value, as somebody wrote it."""
        root = rf"(?<!['\"]){re.escape(str(self.root))}"
        # The root directory itself may be a split.
        return re.sub(rf"{root}(?=: |\Z)", ".", re.sub(rf"{root}{re.escape(os.sep)}", "", text))
