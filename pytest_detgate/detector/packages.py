"""The packages that run a model: their versions, and errors if they are missing."""

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

from pytest_detgate.detector.openmmlab import (
    advice_for_broken,
    advice_for_missing,
    advice_for_operators,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.locks import lock_if_possible

# The distributions that may provide each import name: those of OpenMMLab and their continuation.
_DISTRIBUTIONS = {
    "torch": ("torch",),
    "mmdet": ("onedl-mmdetection", "mmdet"),
    "mmcv": ("onedl-mmcv", "mmcv"),
    "mmengine": ("onedl-mmengine", "mmengine"),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
}

_OWN = "pytest_detgate"
_PATIENCE_S = 60.0
"""Much longer than a process needs to write the cache of yapf."""


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that decide detections; empty for a missing one.

    The local part (`+cu126`, `+cpu`) is omitted: the release is the same on another device.
    """
    return {name: _version(distributions) for name, distributions in _DISTRIBUTIONS.items()}


def mmdetection_packages() -> tuple[str, ...]:
    """Return every distribution that may run a model of MMDetection."""
    return tuple(name for names in _DISTRIBUTIONS.values() for name in names)


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the version of each distribution, without local part; empty for a missing one."""
    return {name: _version((name,)) for name in distributions}


def _version(distributions: tuple[str, ...]) -> str:
    for distribution in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(distribution).partition("+")[0]
    return ""


def python_folders() -> tuple[str, ...]:
    """Return the folders of Python, of installed packages, and of the packages that run a model.

    Each has a separator at its end.
    """
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

    The first import for a user writes a cache. Another process that imports it at the same time,
    such as a second training, would read half of that cache and fail.
    """
    if "yapf" in sys.modules:
        return
    # An error here happens again when MMEngine is imported, and is reported there.
    with contextlib.suppress(Exception):
        from platformdirs import user_cache_path

        path = user_cache_path("YAPF", "Google") / "pytest-detgate.lock"
        with lock_if_possible(path, patience_s=_PATIENCE_S):
            importlib.import_module("yapf")


def require_mmdetection() -> None:
    """Import the packages that run a model, or raise with how to install them."""
    # Threads of torch wait for each other by spinning. If another process uses a core, as in CI,
    # that makes a forward pass many times slower; sleeping costs almost nothing. OpenMP reads the
    # variable once, when torch loads it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import_yapf()
    with quiet():
        for name in ("torch", "mmengine", "mmcv", "mmdet"):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name == name:
                    raise DetectorError(
                        f"{name} is not installed, and running a model needs it: "
                        f"{advice_for_missing(name)}"
                    ) from error
                raise _broken(name, error) from error
            except Exception as error:
                raise _broken(name, error) from error
        _require_numpy()
        try:
            importlib.import_module("mmcv.ops")
        except Exception as error:
            raise DetectorError(
                "mmcv is installed without its compiled operators "
                f"({type(error).__name__}: {error}). They are left out when it is built where "
                f"torch cannot be imported. {advice_for_operators()}"
            ) from error


def require_packages(names: Iterable[str], *, what: str, extra: str) -> None:
    """Import packages that run a model, or raise with the extra that installs them.

    `what` is the kind of model, in a sentence such as "running an ONNX file".
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see require_mmdetection
    install = f"pip install 'pytest-detgate[{extra}]'"
    with quiet():
        for name in names:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                raise DetectorError(
                    f"{error.name} is not installed, and {what} needs it: {install}"
                ) from error
            except Exception as error:
                raise DetectorError(
                    f"{name} is installed but cannot be imported ({type(error).__name__}: "
                    f"{error}); {install}"
                ) from error


def _require_numpy() -> None:
    """Raise if torch cannot use the installed NumPy: before 2.3 it was built for NumPy 1."""
    import numpy
    import torch

    try:
        torch.from_numpy(numpy.zeros(1))
    except RuntimeError as error:
        raise DetectorError(
            f"torch {torch.__version__} cannot use NumPy {numpy.__version__} ({error}): "
            'pip install "numpy<2"'
        ) from error


def _broken(name: str, error: Exception) -> DetectorError:
    return DetectorError(
        f"{name} is installed but cannot be imported ({type(error).__name__}: {error}); "
        f"{advice_for_broken()}"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the output of third-party packages; errors are raised as usual.

    Their warnings must not fail a run in which pytest turns warnings into errors.
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
