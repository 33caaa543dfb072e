"""Checks of `[alarms]`, and of the keys that say when a frame was taken."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_detgate.config.load import Configuration
from pytest_detgate.config.location import Location
from pytest_detgate.config.tables.alarm_table import Timed
from pytest_detgate.config.wording import unknown


def check_alarms(configuration: Configuration) -> None:
    """Note every mistake between these keys."""
    for location, table in _timed_tables(configuration):
        with configuration.mistakes.collect():
            _check_timing(table, location)
    alarms, location = configuration.tables.alarms, configuration.location.table("alarms")
    with configuration.mistakes.collect():
        if alarms.hits > alarms.of:
            raise location.error(
                f"hits = {alarms.hits} is above of = {alarms.of}: nothing could raise an alarm",
                "hits",
            )
    splits = configuration.tables.dataset.splits
    with configuration.mistakes.collect():
        if alarms.split is not None and alarms.split not in splits:
            raise location.error(unknown("split", alarms.split, splits), "split")


def _timed_tables(configuration: Configuration) -> Iterator[tuple[Location, Timed]]:
    """The tables that may say when frames were taken, and their places."""
    dataset = configuration.location.table("dataset")
    yield dataset, configuration.tables.dataset
    for name, split in configuration.tables.dataset.splits.items():
        yield dataset.table("splits").table(name), split
    for name, probe in configuration.tables.probes.items():
        yield configuration.location.table("probes").table(name), probe


def _check_timing(table: Timed, location: Location) -> None:
    if table.fps is not None and table.time_field is not None:
        raise location.error("frames have a frame rate or time stamps, not both", "time-field")
    if table.frame_step is not None and table.fps is None and table.time_field is None:
        raise location.error("only applies together with fps or time-field", "frame-step")
    if table.time_unit is not None and table.time_field is None:
        raise location.error("only applies together with time-field", "time-unit")
