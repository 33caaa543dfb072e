"""The packages that run a model: their versions, and what to do where they are missing."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import io
import logging
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator

from pytest_detgate.errors import DetectorError
from pytest_detgate.locks import lock_if_possible

# The distributions that may provide each import name: OpenMMLab's own and its continuation.
_DISTRIBUTIONS = {
    "torch": ("torch",),
    "mmdet": ("onedl-mmdetection", "mmdet"),
    "mmcv": ("onedl-mmcv", "mmcv"),
    "mmengine": ("onedl-mmengine", "mmengine"),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
}

_OWN = "pytest_detgate"
_PATIENCE_S = 60.0
"""Far longer than a process needs to write yapf's cache."""
_INSTALL = (
    "pip install 'pytest-detgate[mmdet]'; its onedl-mmcv has to be built where torch can be "
    'imported: pip install torch ninja psutil wheel "setuptools<81", '
    "then pip install --no-build-isolation onedl-mmcv"
)


def package_versions() -> dict[str, str]:
    """The versions of the packages that decide detections; empty for one that is missing.

    Without the local part (`+cu126`, `+cpu`): the same release on another device is the same.
    """
    return {name: _version(distributions) for name, distributions in _DISTRIBUTIONS.items()}


def mmdetection_packages() -> tuple[str, ...]:
    """Every distribution that may run a model of MMDetection."""
    return tuple(name for names in _DISTRIBUTIONS.values() for name in names)


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """The version of each distribution, without its local part; empty for one that is missing."""
    return {name: _version((name,)) for name in distributions}


def _version(distributions: tuple[str, ...]) -> str:
    for distribution in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(distribution).partition("+")[0]
    return ""


def python_folders() -> tuple[str, ...]:
    """The folders, each with a separator at its end, of Python and of installed packages, those
    that run a model wherever they are."""
    files = (getattr(sys.modules.get(name), "__file__", None) for name in (*_DISTRIBUTIONS, _OWN))
    return _folders(tuple(sys.path), tuple(file for file in files if file))


@functools.lru_cache(maxsize=8)
def _folders(path: tuple[str, ...], files: tuple[str, ...]) -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {entry for entry in path if "site-packages" in entry or "dist-packages" in entry}
    folders |= {os.path.dirname(file) for file in files}  # noqa: PTH120
    return tuple(folder + os.sep for folder in sorted(folders))


def import_yapf() -> None:
    """Import yapf, as MMEngine does, while no other process of the gate does.

    A user's first import of it writes a cache in place. A process that is started at the same
    time, as a second training is, would read half of that cache and end.
    """
    if "yapf" in sys.modules:
        return
    # What goes wrong here goes wrong again where MMEngine is imported, and is reported there.
    with contextlib.suppress(Exception):
        from platformdirs import user_cache_path

        path = user_cache_path("YAPF", "Google") / "pytest-detgate.lock"
        with lock_if_possible(path, patience_s=_PATIENCE_S):
            importlib.import_module("yapf")


def require_mmdetection() -> None:
    """Import what runs a model, or say how to install it."""
    # Torch's threads wait for each other by spinning. Where another process holds a core, as in
    # CI, that makes a forward pass many times slower; sleeping costs next to nothing. OpenMP reads
    # this once, when torch loads it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import_yapf()
    with quiet():
        for name in ("torch", "mmengine", "mmcv", "mmdet"):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name == name:
                    raise DetectorError(
                        f"{name} is not installed, and running a model needs it: {_INSTALL}"
                    ) from error
                raise _broken(name, error) from error
            except Exception as error:
                raise _broken(name, error) from error
        try:
            importlib.import_module("mmcv.ops")
        except Exception as error:
            raise DetectorError(
                "mmcv is installed without its compiled operators "
                f"({type(error).__name__}: {error}). They are left out when it is built where "
                "torch cannot be imported. Remove it (pip uninstall onedl-mmcv mmcv), then: "
                f'pip install torch ninja psutil wheel "setuptools<81" and '
                "pip install --no-build-isolation --no-cache-dir onedl-mmcv"
            ) from error


def _broken(name: str, error: Exception) -> DetectorError:
    return DetectorError(
        f"{name} is installed but cannot be imported ({type(error).__name__}: {error}). "
        f"A set that works together: {_INSTALL}"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the chatter of third-party packages off the terminal; errors are raised as ever.

    Their warnings must not become failures where pytest turns warnings into errors.
    """
    logger = logging.getLogger("mmengine")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
