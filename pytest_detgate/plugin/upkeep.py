"""Keeps the store within its bound, when the run is over."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.errors import DetgateError

if TYPE_CHECKING:
    from pytest_detgate.plugin.state import GateSession


class StoreUpkeep:
    """Prunes in the one process that outlives its workers, and only where there is too much."""

    def __init__(self, session: GateSession) -> None:
        self._session = session

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        from pytest_detgate.detector.store import STORE_FILE
        from pytest_detgate.detector.store_upkeep import prune, size_of

        cache = self._session.project.tables.cache
        path = self._session.folders.store / STORE_FILE
        if size_of(path) > cache.max_megabytes * 1_000_000:
            # What cannot be pruned is kept: the store only ever saves work.
            with contextlib.suppress(DetgateError):
                prune(path, cache.max_megabytes * 1_000_000, cache.keep_days)
