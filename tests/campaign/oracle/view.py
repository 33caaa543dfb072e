"""Everything of a project that a rule may have to look at."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

from tests.campaign.oracle.command_line import Command
from tests.campaign.oracle.label_readers import read_labels
from tests.campaign.oracle.labels import Annotation, Labels
from tests.campaign.oracle.queries import chosen_rows, part_of
from tests.campaign.oracle.reading import (
    Key,
    NotKnownHereError,
    NotLookedAtError,
    json_of,
    key_of,
    number,
    text,
)
from tests.campaign.oracle.result_folders import has_rows as folder_has_rows
from tests.campaign.oracle.result_rows import Detection, Detections
from tests.campaign.oracle.results import is_folder, read_answers, read_results
from tests.campaign.project import Entry, followed, is_record, read

Table = dict[str, Any]


class View:
    """The labels and detections of a project by split and probe, read once each."""

    def __init__(
        self,
        files: dict[str, Entry],
        config: Table,
        command: Command,
        earlier: View | None = None,
    ) -> None:
        self.files = files
        self.config = config
        self.predictions = command.predictions
        self.command = command
        self._earlier = earlier
        self._made: dict[tuple[str, str], Any] = {}

    def table(self, *path: str) -> Table:
        """A table of `detgate.toml`, empty where it is missing."""
        value: Any = self.config
        for key in path:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        return value if isinstance(value, dict) else {}

    @property
    def splits(self) -> list[str]:
        return list(self.table("dataset", "splits"))

    @property
    def probes(self) -> list[str]:
        return list(self.table("probes"))

    @property
    def evaluated(self) -> str:
        """The split that AP is measured on."""
        return text(self.table("model").get("evaluate-on", "val"))

    @property
    def earlier(self) -> View:
        """The run before, whose record is the baseline."""
        path = self.command.baseline or self.table("model").get("baseline")
        if self._earlier is None or not isinstance(path, str):
            raise NotLookedAtError("no baseline")
        location = followed(self.files, path)
        if location is None or not is_record(self.files.get(location)):
            raise NotLookedAtError(f"{path} is no baseline")
        return self._earlier

    def baseline_checkpoint(self) -> str | None:
        """The checkpoint that is the baseline; None where a record is, or none is named."""
        path = self.command.baseline or self.table("model").get("baseline")
        if not isinstance(path, str) or not path.endswith(".pth"):
            return None
        return path

    def found_before(self, name: str) -> Detections:
        """What the checkpoint that is the baseline finds on a split or probe."""
        path = self.baseline_checkpoint()
        if path is None:
            raise NotLookedAtError("the baseline is no checkpoint")
        return read_answers(self.files, self.labels(name), path)

    @property
    def answers(self) -> str:
        """The file that the project's own detector looks its answers up in."""
        checkpoint = self.command.checkpoint or self.table("model").get("checkpoint")
        return "answers.json" if checkpoint is None else text(checkpoint, "checkpoint")

    def threshold(self, table: Table) -> float:
        """The operating point."""
        own = table.get("score-threshold")
        return number(own if own is not None else self.table("model").get("score-threshold", 0.3))

    def confidence(self, table: Table) -> float:
        own = table.get("confidence")
        return number(own if own is not None else self.table("scoring").get("confidence", 0.95))

    def tables(self, name: str) -> Labels:
        """A split or probe as its file has it."""
        labels: Labels = self._once("labels", name, self._labels)
        return labels

    def labels(self, name: str) -> Labels:
        """A split or probe whose images can be told apart."""
        labels = self.tables(name)
        labels.require_identity()
        return labels

    def detected(self, name: str) -> list[Detection]:
        """The detections of a split or probe; refused where nothing proves that the detector
        finds anything at all."""
        result = self.detections(name).rows
        labels = self.labels(name)
        if any(annotation.box is None for annotation in labels.annotations):
            raise NotLookedAtError("boxes without pixels")
        if any(
            annotation.category is None or annotation.image is None
            for annotation in labels.annotations
        ):
            raise NotLookedAtError(f"objects of {name} belong to no image or class")
        if not result and labels.annotations and name in self.splits:
            raise NotLookedAtError(f"nothing is found on {name}")
        if not result and name in self.probes:
            self._require_life()
        return result

    def detections(self, name: str) -> Detections:
        """The detections of a split or probe."""
        detections: Detections = self._once("detections", name, self._detections)
        return detections

    def result_file(self, name: str) -> str:
        """The one result file of a split or probe."""
        paths = self.predictions.get(name, [])
        if not paths:
            raise NotLookedAtError(f"no result file for {name}")
        if len(set(paths)) > 1:
            raise NotKnownHereError(f"{len(paths)} result files for {name}")
        return paths[0]

    def truth(self, name: str) -> list[Annotation]:
        """The ground truth of a split, of images that all have labels."""
        labels = self.labels(name)
        labels.require_certain()
        labels.require_labels(sized=True)
        return labels.annotations

    def classes(self, name: str) -> list[str]:
        """The classes of a split."""
        labels = self.tables(name)
        if labels.classes is not None:
            return labels.classes
        return sorted(
            {
                annotation.category
                for annotation in labels.annotations
                if annotation.category is not None
            }
        )

    def clips(self, name: str, field: str | None) -> list[Key | None]:
        """The clip of each image, None where it cannot be told."""
        return self.groups(name, "clip", field)

    def groups(self, name: str, group: str, field: str | None) -> list[Key | None]:
        """A group of the frame pattern, or a field, of each image."""
        images = self.labels(name).images
        if field is not None:
            values = [image.fields.get(field) for image in images]
        else:
            pattern = self.table("dataset").get("frame-pattern")
            try:
                search = re.compile(text(pattern, "frame pattern")).search
                listed = [search(image.file_name) for image in images]
                values = [None if detection is None else detection[group] for detection in listed]
            except (re.error, IndexError) as error:
                raise NotLookedAtError(f"frame pattern: {error}") from None
        return [
            None if value is None or isinstance(value, (bool, list, dict)) else key_of(value)
            for value in values
        ]

    def _require_life(self) -> None:
        """The evaluated split, if it holds objects, must not be empty of detections. Where it
        cannot be looked at, any other split or probe has to hold some."""
        for name in dict.fromkeys((self.evaluated, *self.splits, *self.probes)):
            try:
                if self._finds(name):
                    return
                is_silent = bool(self.labels(name).annotations)
            except NotLookedAtError:
                continue
            if is_silent and name == self.evaluated:
                raise NotLookedAtError(f"nothing is found on {name}, which has objects")
        raise NotLookedAtError("nothing shows that this detector finds anything")

    def misses_all_objects(self) -> bool:
        """Whether nothing is found on the images of the evaluated split that have objects: then a
        gate may doubt the detector."""
        try:
            annotations = self.labels(self.evaluated).annotations
            rows = self.detections(self.evaluated).rows
        except NotLookedAtError:
            return True
        return not {annotation.image for annotation in annotations} & {row.image for row in rows}

    def _finds(self, name: str) -> bool:
        """Whether something is found on a split or probe with objects."""
        if self.predictions:
            return self._has_rows(self.result_file(name))
        return bool(self.labels(name).annotations and self.detections(name).rows)

    def _has_rows(self, path: str) -> bool:
        """Whether a result file holds detections, whatever they belong to."""
        if is_folder(self.files, path):
            return folder_has_rows(self.files, path)
        content = json_of(read(self.files, path), path)
        rows = content.get("annotations") if isinstance(content, dict) else content
        return isinstance(rows, list) and any(isinstance(row, dict) for row in rows)

    def require_detector(self) -> None:
        """Refuse any other detector than that of the project."""
        if self.table("model").get("entry") != "detector:Detector":
            raise NotLookedAtError("no model")

    def _labels(self, name: str) -> Labels:
        table = self.table("dataset", "splits").get(name) or self.table("probes").get(name)
        if not isinstance(table, dict):
            raise NotLookedAtError(f"no split or probe {name!r}")
        if "split" in table and name in self.table("probes"):
            whole, rows = self._part(name)
            return part_of(whole, rows)
        labels = read_labels(self.files, table)
        if not labels.images:
            raise NotLookedAtError(f"{name} has no images")
        if labels.other_files and not table.get("allow-other-files"):
            raise NotLookedAtError(f"{name}: files that are no images: {labels.other_files}")
        if labels.format == "coco" and name in self.table("probes"):
            labels.unlabelled = []  # a COCO file of a probe may list images alone
        return labels

    def split_of(self, probe: str) -> str:
        """The split that a probe is a part of; nothing where it is none."""
        table = self.table("probes", probe)
        return text(table["split"]) if "split" in table else ""

    def _part(self, probe: str) -> tuple[Labels, list[int]]:
        """The split that a probe is a part of, and its rows there."""
        whole = self.labels(self.split_of(probe))
        pattern = text(self.table("dataset").get("frame-pattern"), "frame pattern")
        return whole, chosen_rows(self.files, self.table("probes", probe), whole, pattern)

    def _detections(self, name: str) -> Detections:
        labels = self.labels(name)
        if self.predictions and name not in self.predictions and self.split_of(name):
            detections, (_, rows) = self.detections(self.split_of(name)), self._part(name)
            return Detections(
                [
                    dataclasses.replace(row, image=rows.index(row.image))
                    for row in detections.rows
                    if row.image in rows
                ],
                detections.classes,
                detections.is_listed,
            )
        if self.predictions:
            return read_results(self.files, self.result_file(name), labels, self._numbered())
        self.require_detector()
        return read_answers(self.files, labels, self.answers)

    def _numbered(self) -> list[str] | None:
        """The classes of the evaluated split by number, where its labels number them."""
        try:
            labels = self.tables(self.evaluated)
        except NotLookedAtError:
            return None
        return labels.classes if labels.format == "yolo" else None

    def _once(self, kind: str, name: str, make: Any) -> Any:
        if (kind, name) not in self._made:
            try:
                self._made[kind, name] = make(name)
            except NotLookedAtError as error:
                self._made[kind, name] = error
        made = self._made[kind, name]
        if isinstance(made, NotLookedAtError):
            raise NotLookedAtError(str(made))
        return made


def is_finite(*values: float) -> bool:
    """Whether all are numbers that can be compared."""
    return all(map(math.isfinite, values))
