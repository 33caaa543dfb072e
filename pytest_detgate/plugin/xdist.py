"""Hooks of pytest-xdist, where it is there: workers get the folders of the run and the choice of
the user, and a worker that has collected is noted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_detgate.plugin.folders import WORKER_INPUT, SharedFolders
from pytest_detgate.plugin.promised.choice import CHOICE

if TYPE_CHECKING:
    from pytest_detgate.plugin.results.reporter import Reporter


class XdistController:
    """The controller's side of a distributed run."""

    def __init__(self, folders: SharedFolders, reporter: Reporter) -> None:
        self._folders = folders
        self._reporter = reporter

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[WORKER_INPUT] = {
            "cache": str(self._folders.cache),
            "run": str(self._folders.run),
            "choice": node.config.stash[CHOICE].sent(),
            "shows_progress": sys.stderr.isatty(),
        }

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        self._reporter.check_selection(node.config.stash[CHOICE])
