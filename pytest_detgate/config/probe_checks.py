"""Checks of the table of a probe that look at several keys."""

from __future__ import annotations

from pytest_detgate.config.load import Configuration
from pytest_detgate.config.location import Location
from pytest_detgate.config.tables.dataset_tables import ProbeTable, SplitTable
from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import DataError

LISTING = ("yolo", "voc", "openimages", "labelme", "kitti")
"""Formats whose readers take a list of the images."""
MAY_HAVE_SCORES = ("coco", "yolo", "openimages", "labelme", "kitti", "scalabel", "datumaro")
"""Formats in which a label may have a score."""


def check_probe(probe: ProbeTable, location: Location, configuration: Configuration) -> None:
    """Note the mistakes between keys of a probe, except those of its labels (`own_files`)."""
    if probe.split is not None:
        _check_query(probe, probe.split, location, configuration)
    else:
        _check_own_images(probe, location, configuration)


def own_files(probe: ProbeTable) -> SplitTable | None:
    """A probe with its own labels as the table of a split; None without such labels. Its list
    is left to who reads it, where the reader of the format takes none."""
    if probe.images is None or probe.annotations is None:
        return None
    return SplitTable(
        annotations=probe.annotations,
        images=probe.images,
        format=probe.format,
        classes=probe.classes,
        list=probe.list if probe.format in LISTING else None,
        missing_labels=probe.missing_labels,
        allow_other_files=probe.allow_other_files and probe.format in LISTING,
        scored_labels=probe.scored_labels,
    )


def _check_query(
    probe: ProbeTable, split: str, location: Location, configuration: Configuration
) -> None:
    for key, is_given in (
        ("images", probe.images is not None),
        ("annotations", probe.annotations is not None),
        ("format", probe.format != "coco"),
        ("classes", probe.classes is not None),
        ("missing-labels", probe.missing_labels != "unknown"),
        ("allow-other-files", probe.allow_other_files),
        ("scored-labels", probe.scored_labels),
        ("unlabelled", probe.unlabelled),
    ):
        if is_given:
            configuration.mistakes.add(
                location.error(
                    f"does not apply to a part of a split, which has that of {split}", key
                )
            )
    if probe.sealed:
        what = "needs separate images, because those of a split are shown with the split"
        configuration.mistakes.add(location.error(what, "sealed"))
    splits = tuple(configuration.tables.dataset.splits)
    if split not in splits:
        configuration.mistakes.add(location.error(unknown("split", split, splits), "split"))
    if not probe.empty and probe.where is None and probe.list is None:
        configuration.mistakes.add(
            location.error(
                f"which images of {split}? Add empty = true, where = \"site == 'north'\" or "
                'list = "file.txt"',
                "split",
            )
        )
    if probe.where is not None:
        from pytest_detgate.dataset.conditions import parse_condition

        try:
            parse_condition(probe.where)
        except DataError as error:
            configuration.mistakes.add(location.error(str(error), "where"))


def _check_own_images(probe: ProbeTable, location: Location, configuration: Configuration) -> None:
    for key, is_given in (("empty", probe.empty), ("where", probe.where is not None)):
        if is_given:
            configuration.mistakes.add(
                location.error('only applies to a part of a split: add split = "NAME"', key)
            )
    if probe.images is None:
        configuration.mistakes.add(
            location.error(
                "the key 'images' is missing: the folder of the images, or split = \"NAME\" for a "
                "part of a split"
            )
        )
    if probe.unlabelled and probe.annotations is not None:
        configuration.mistakes.add(
            location.error(
                "only applies without annotations, which say what is there", "unlabelled"
            )
        )
    if probe.allow_other_files and probe.annotations is not None and probe.format not in LISTING:
        configuration.mistakes.add(
            location.error(
                "only applies without annotations, which list the images", "allow-other-files"
            )
        )
    for key, is_given in (
        ("format", probe.format != "coco"),
        ("classes", probe.classes is not None),
        ("missing-labels", probe.missing_labels != "unknown"),
        ("scored-labels", probe.scored_labels),
    ):
        if is_given and probe.annotations is None:
            configuration.mistakes.add(location.error("only applies with annotations", key))
