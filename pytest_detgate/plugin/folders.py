"""The folders that a run works in: what its processes share, and where a project keeps what it
keeps."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError

WORKER_INPUT = "detgate"
_STORE = "detgate"


@dataclass(frozen=True, slots=True)
class SharedFolders:
    """Folders that all processes of a run share: kept between runs, and of this run alone."""

    store: Path
    run: Path


def shared_folders(config: pytest.Config, *, cache: bool) -> SharedFolders:
    """The folders of a run: made by the controller, handed to its xdist workers."""
    handed = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if handed is not None:
        return SharedFolders(store=Path(handed["store"]), run=Path(handed["run"]))
    run = Path(tempfile.mkdtemp(prefix="detgate-"))
    config.add_cleanup(lambda: shutil.rmtree(run, ignore_errors=True))
    kept = getattr(config, "cache", None)
    if not cache or kept is None:
        return SharedFolders(store=run, run=run)
    return SharedFolders(store=kept.mkdir(_STORE), run=run)


@dataclass(frozen=True, slots=True)
class ProjectPaths:
    """Where a project has its store and its `detgate.toml`, be they there or not."""

    store: Path
    config: Path


class _Asking:
    """A plugin that learns a run's paths and ends the run before it begins."""

    found: ProjectPaths | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        from pytest_detgate.plugin.options import resolve_options

        if config.pluginmanager.hasplugin("cacheprovider"):
            # As pytest reads its own setting.
            cache = os.path.expandvars(os.path.expanduser(config.getini("cache_dir")))  # noqa: PTH111
            self.found = ProjectPaths(
                store=config.rootpath / cache / "d" / _STORE, config=resolve_options(config).config
            )
        return 0


def project_paths() -> ProjectPaths:
    """The paths that a gate started in this folder would use; `ConfigError` if it could not."""
    asking = _Asking()
    if pytest.main([], plugins=[asking]):
        raise ConfigError("pytest cannot start here, so there is no saying where its cache is")
    if asking.found is None:
        raise ConfigError("pytest's cache is switched off here (-p no:cacheprovider)")
    return asking.found
