"""Versions of installed packages."""

from __future__ import annotations

import importlib.metadata
import re

_REPORTED = (
    "pytest-detgate",
    "pytest",
    "numpy",
    "hotcoco",
    "pycocotools",
    "torch",
    "mmdet",
    "onedl-mmdetection",
    "mmcv",
    "onedl-mmcv",
    "mmengine",
    "onedl-mmengine",
    "onnxruntime",
    "onnxruntime-gpu",
)
_VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)


def version_of(package: str) -> str:
    """What `importlib.metadata.version` returns, without parsing the description of a package as an
    e-mail: that took a tenth of a short gate. One that is not installed raises
    `PackageNotFoundError`."""
    distribution = importlib.metadata.distribution(package)
    head = (distribution.read_text("METADATA") or "").partition("\n\n")[0]
    match = _VERSION.search(head)
    return match[1] if match else distribution.version


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide what a run measures, of those installed."""
    installed = {}
    for name in _REPORTED:
        try:
            installed[name] = version_of(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
