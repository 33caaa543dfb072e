"""The two lines of OpenMMLab's packages, and advice that fits the one that is installed.

Upstream (`mmdet`, `mmcv`, `mmengine`) and the maintained line (`onedl-mmdetection`, `onedl-mmcv`,
`onedl-mmengine`) install folders of the same names. Packages of one put into an environment of the
other overwrite files of it, and upstream's mmdet then refuses the newer mmcv.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Sequence

_UPSTREAM = ("mmdet", "mmcv", "mmcv-lite", "mmengine")
_MAINTAINED = ("onedl-mmdetection", "onedl-mmcv", "onedl-mmengine")
_TOOLS = 'pip install ninja psutil wheel "setuptools<81"'
_INSTALL = (
    "pip install 'pytest-detgate[mmdet]'; its onedl-mmcv has to be built where torch can be "
    'imported: pip install torch ninja psutil wheel "setuptools<81", '
    "then pip install --no-build-isolation onedl-mmcv"
)
_BUILD_UPSTREAM = f"{_TOOLS}, then MMCV_WITH_OPS=1 pip install --no-build-isolation mmcv==2.1.0"
_INSTALL_UPSTREAM = {
    "torch": 'pip install the release of torch that mmcv was built with, and "numpy<2"',
    "mmengine": 'pip install "mmengine>=0.10,<0.11"',
    "mmcv": _BUILD_UPSTREAM,
    "mmdet": "pip install mmdet==3.3.0",
}
_FITTING_UPSTREAM = (
    "of upstream, mmdet 3.3.0, mmcv 2.1.0, mmengine 0.10, torch 2.0 or 2.1 and NumPy 1 work "
    "together"
)
_NOT_BESIDE = "do not install pytest-detgate[mmdet] beside it, which replaces mmcv"
_OWN_ENVIRONMENT = (
    "A virtual environment with pytest-detgate[mmdet] alone also gates checkpoints of upstream"
)


def advice_for_missing(name: str) -> str:
    """Say how to install an import name that is missing: torch, mmengine, mmcv or mmdet."""
    upstream, maintained = _installed(_UPSTREAM), _installed(_MAINTAINED)
    if upstream and maintained:
        return _separate(upstream, maintained)
    if upstream:
        return f"{_INSTALL_UPSTREAM[name]} ({upstream} is installed: {_NOT_BESIDE})"
    return _INSTALL


def advice_for_broken() -> str:
    """Say which versions work together, if one of the packages cannot be imported."""
    upstream, maintained = _installed(_UPSTREAM), _installed(_MAINTAINED)
    if upstream and maintained:
        return _separate(upstream, maintained)
    if upstream:
        return f"installed is {upstream}; {_FITTING_UPSTREAM}; {_NOT_BESIDE}. {_OWN_ENVIRONMENT}"
    return f"versions that work together: {_INSTALL}"


def advice_for_operators() -> str:
    """Say how to get the compiled operators of mmcv, if it was installed without them."""
    upstream, maintained = _installed(_UPSTREAM), _installed(_MAINTAINED)
    if upstream and maintained:
        return _separate(upstream, maintained)
    if upstream:
        return (
            f"Remove only it (pip uninstall mmcv mmcv-lite), then: {_BUILD_UPSTREAM} "
            f"--no-cache-dir ({_NOT_BESIDE})"
        )
    return (
        "Remove it (pip uninstall onedl-mmcv), then: pip install torch ninja psutil wheel "
        '"setuptools<81" and pip install --no-build-isolation --no-cache-dir onedl-mmcv'
    )


def _separate(upstream: str, maintained: str) -> str:
    return (
        f"{upstream} of upstream and {maintained} of the maintained line are installed, and use "
        "the same folders: remove both (pip uninstall), and install one of them again; "
        f"{_FITTING_UPSTREAM}. {_OWN_ENVIRONMENT}"
    )


def _installed(distributions: Sequence[str]) -> str:
    """List those that are installed with their versions; empty if none is."""
    installed = []
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            installed.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(installed)
