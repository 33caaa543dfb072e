"""Checks of `detgate.toml` that look at several keys, except those of the rules.

A single value is checked where it is converted (`config.convert`).
"""

from __future__ import annotations

import difflib
import re

from pytest_detgate.config.alarm_checks import check_alarms
from pytest_detgate.config.load import Configuration
from pytest_detgate.config.location import Location
from pytest_detgate.config.probe_checks import LISTING, MAY_HAVE_SCORES, check_probe, own_files
from pytest_detgate.config.tables.dataset_tables import SplitTable
from pytest_detgate.config.tables.evidence_table import MOST_ADAPTIVE

REDACTED_KINDS = ("paths", "hosts")
"""Entries of `redact` that are no regular expressions."""


def check_tables(configuration: Configuration) -> None:
    """Note every mistake between keys of the tables."""
    collect = configuration.mistakes.collect
    with collect():
        frame_pattern(configuration)
    with collect():
        _check_names(configuration)
    with collect():
        _check_splits(configuration)
    with collect():
        _check_probes(configuration)
    with collect():
        check_alarms(configuration)
    with collect():
        _check_evidence(configuration)
    with collect():
        _check_run(configuration)
    with collect():
        _check_scoring(configuration)
    with collect():
        _check_redact(configuration)


def frame_pattern(configuration: Configuration) -> re.Pattern[str] | None:
    """Return the pattern that finds clip and frame in a file name, if there is one;
    `ConfigError` where it is no such pattern."""
    location = configuration.location.table("dataset")
    text = configuration.tables.dataset.frame_pattern
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise location.error(f"not a regular expression: {error}", "frame-pattern") from None
    if "clip" not in pattern.groupindex:
        raise location.error(
            "the pattern has no group named clip; write (?P<clip>...)", "frame-pattern"
        )
    return pattern


def redacted_pattern(entry: str, location: Location) -> re.Pattern[str]:
    """Return an entry of `redact` as the regular expression that it must be; `location` is the
    table `[report]`."""
    near = difflib.get_close_matches(entry.lower(), REDACTED_KINDS, n=1, cutoff=0.8)
    if near:
        raise location.error(
            f"did you mean {near[0]!r}? To hide the word itself, write '(?:{entry})'", "redact"
        )
    try:
        pattern = re.compile(entry)
    except re.error as error:
        raise location.error(
            f"{entry!r} is no regular expression: {error}; to hide it literally, "
            f"write {re.escape(entry)!r}",
            "redact",
        ) from None
    if pattern.search(""):
        raise location.error(f"{entry!r} matches where there is nothing, so everywhere", "redact")
    return pattern


def _check_names(configuration: Configuration) -> None:
    tables, location = configuration.tables, configuration.location.table("probes")
    for name in tables.probes:
        if name in tables.dataset.splits:
            configuration.mistakes.add(
                location.table(name).error(
                    f"{name!r} names a split and a probe; --detgate-predictions could mean either"
                )
            )


def _check_splits(configuration: Configuration) -> None:
    location = configuration.location.table("dataset").table("splits")
    for name, table in configuration.tables.dataset.splits.items():
        with configuration.mistakes.collect():
            _check_split(table, location.table(name), configuration)


def _check_split(table: SplitTable, location: Location, configuration: Configuration) -> None:
    if table.data is not None:
        _check_data_yaml(table, location, configuration)
        return
    if table.split is not None:
        configuration.mistakes.add(location.error("only applies with data", "split"))
    for key, value in (("annotations", table.annotations), ("images", table.images)):
        if value is None:
            configuration.mistakes.add(
                location.error(
                    f"the key {key!r} is missing; it takes text (or name a data.yaml by data)"
                )
            )
    framing = ("yolo", "voc", "cvat", "labelme", "labelstudio", "scalabel", "datumaro")
    for key, is_given, formats in (
        ("classes", isinstance(table.classes, str), ("yolo", "openimages")),
        ("list", table.list is not None, LISTING),
        ("subset", table.subset is not None, ("cvat",)),
        (
            "missing-labels",
            table.missing_labels != "unknown",
            (*LISTING, "labelstudio", "scalabel"),
        ),
        ("max-polygons", table.max_polygons is not None, framing),
        ("allow-other-files", table.allow_other_files, LISTING),
        ("scored-labels", table.scored_labels, MAY_HAVE_SCORES),
    ):
        if is_given and table.format not in formats:
            wanted = " or ".join(f'"{name}"' for name in formats)
            what = "a file " if key == "classes" else ""
            configuration.mistakes.add(
                location.error(
                    f'{what}only applies to format = {wanted}, not "{table.format}"', key
                )
            )
    if table.allow_other_files and table.list is not None:
        configuration.mistakes.add(
            location.error(
                "only applies without a list, which says what the split is", "allow-other-files"
            )
        )


def _check_data_yaml(table: SplitTable, location: Location, configuration: Configuration) -> None:
    for key, is_given in (
        ("annotations", table.annotations is not None),
        ("images", table.images is not None),
        ("format", table.format not in ("coco", "yolo")),
        ("classes", isinstance(table.classes, str)),
        ("list", table.list is not None),
    ):
        if is_given:
            configuration.mistakes.add(
                location.error("only applies without data, which says it", key)
            )


def _check_probes(configuration: Configuration) -> None:
    location = configuration.location.table("probes")
    for name, probe in configuration.tables.probes.items():
        with configuration.mistakes.collect():
            check_probe(probe, location.table(name), configuration)
            files = own_files(probe)
            if files is not None:
                _check_split(files, location.table(name), configuration)


def _check_evidence(configuration: Configuration) -> None:
    table, location = configuration.tables.evidence, configuration.location.table("evidence")
    if table is None or not table.adaptive:
        return
    if table.looks is None:
        raise location.error("only applies with looks", "adaptive")
    if table.looks > MOST_ADAPTIVE:
        what = f"with adaptive = true at most {MOST_ADAPTIVE}; found {table.looks}"
        raise location.error(what, "looks")


def _check_run(configuration: Configuration) -> None:
    run, location = configuration.tables.run, configuration.location.table("run")
    if run.engine == "ray":
        return
    for key, is_given in (
        ("address", run.address is not None),
        ("gpus-per-worker", run.gpus_per_worker != 1),
        ("shared-files", run.shared_files),
    ):
        if is_given:
            configuration.mistakes.add(
                location.error('means something with engine = "ray" alone', key)
            )


def _check_scoring(configuration: Configuration) -> None:
    scoring = configuration.tables.scoring
    if scoring.ultralytics_version is not None and scoring.protocol != "ultralytics":
        raise configuration.location.table("scoring").error(
            'only applies to protocol = "ultralytics"', "ultralytics-version"
        )


def _check_redact(configuration: Configuration) -> None:
    location = configuration.location.table("report")
    for entry in configuration.tables.report.redact:
        if entry not in REDACTED_KINDS:
            with configuration.mistakes.collect():
                redacted_pattern(entry, location)
