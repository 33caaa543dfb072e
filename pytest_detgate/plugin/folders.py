"""Folders of a run: those that its processes share, and the cache of a project."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.temporary.folder import TemporaryFolder

WORKER_INPUT = "detgate"
_CACHE = "detgate"


@dataclass(frozen=True, slots=True)
class SharedFolders:
    """Folders that all processes of a run share: the cache, and one of this run alone. A worker of
    pytest-xdist has been handed them."""

    cache: Path
    run: Path
    is_worker: bool = False


def shared_folders(config: pytest.Config, *, cache: bool) -> SharedFolders:
    """Return the folders of a run: the controller makes them and sends them to its workers."""
    handed = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if handed is not None:
        return SharedFolders(Path(handed["cache"]), Path(handed["run"]), is_worker=True)
    folder = TemporaryFolder("run")
    config.add_cleanup(folder.remove)
    run = folder.path
    pytest_cache = getattr(config, "cache", None)
    if not cache or pytest_cache is None:
        return SharedFolders(cache=run, run=run)
    try:
        return SharedFolders(cache=pytest_cache.mkdir(_CACHE), run=run)
    except OSError as error:
        reason = f"detgate: no folder for the cache, so the next run begins without: {error}"
        # Where warnings are errors, the gate still runs.
        with contextlib.suppress(pytest.PytestCacheWarning):
            config.issue_config_time_warning(pytest.PytestCacheWarning(reason), stacklevel=2)
        return SharedFolders(cache=run, run=run)


@dataclass(frozen=True, slots=True)
class ProjectPaths:
    """Paths of the cache and the `detgate.toml` of a project, which need not exist."""

    cache: Path
    config: Path


class _PathReader:
    """A plugin that reads the paths of a run and ends it before it begins."""

    paths: ProjectPaths | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        from pytest_detgate.plugin.options import resolve_options

        if config.pluginmanager.hasplugin("cacheprovider"):
            # As pytest reads this setting.
            cache = os.path.expandvars(os.path.expanduser(config.getini("cache_dir")))  # noqa: PTH111
            self.paths = ProjectPaths(
                cache=config.rootpath / cache / "d" / _CACHE, config=resolve_options(config).config
            )
        return 0


def make_cache_folder(cache: Path) -> None:
    """Make the folder of the cache before pytest does, with the files by which git and backups pass
    over it: pytest writes them only into a folder that it makes itself. Raises OSError."""
    of_pytest = cache.parents[1]
    if not of_pytest.exists():
        of_pytest.mkdir(parents=True)
        (of_pytest / ".gitignore").write_text("*\n", encoding="utf-8")
        tag = "Signature: 8a477f597d28d172789f06886806bc55\n"
        (of_pytest / "CACHEDIR.TAG").write_text(tag, encoding="utf-8")
    cache.mkdir(parents=True, exist_ok=True)


def project_paths() -> ProjectPaths:
    """Return the paths of a gate in this folder; `ConfigError` if it cannot start."""
    reader = _PathReader()
    if pytest.main([], plugins=[reader]):
        raise ConfigError("pytest cannot start here, so the path of its cache is unknown")
    if reader.paths is None:
        raise ConfigError("pytest's cache is switched off here (-p no:cacheprovider)")
    return reader.paths
